"""A certificate authority of its own, a certificate for 127.0.0.1, and one for a client.

Argument: a folder for `ca.pem`, `chain.pem` and `client.pem` (certificates with their keys; the client's
is an RSA key, and its certificate its own authority).
"""

import datetime
import ipaddress
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

now = datetime.datetime.now(datetime.timezone.utc)


def certificate(name, key, issuer_name, issuer_key, extensions):
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem_of_key(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def pem(thing):
    return thing.public_bytes(serialization.Encoding.PEM)


folder = pathlib.Path(sys.argv[1])
ca_key = ec.generate_private_key(ec.SECP256R1())
key = ec.generate_private_key(ec.SECP256R1())
ca = certificate(named("Test CA"), ca_key, named("Test CA"), ca_key,
                 [x509.BasicConstraints(ca=True, path_length=None)])
address = x509.SubjectAlternativeName(
    [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
)
leaf = certificate(named("127.0.0.1"), key, named("Test CA"), ca_key,
                   [address, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])])
(folder / "ca.pem").write_bytes(pem(ca))
client_key = rsa.generate_private_key(65537, 2048)
client = certificate(named("client"), client_key, named("client"), client_key, [])
(folder / "chain.pem").write_bytes(pem(leaf) + pem_of_key(key))
(folder / "client.pem").write_bytes(pem(client) + pem_of_key(client_key))
