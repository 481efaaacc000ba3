"""Native pseudonyms computed from docs/pseudonyms.md with another library, to compare with.

Reads one identifier per line; prints the irreversible and the reversible pseudonym, separated by a blank.
Arguments: the key's Base64 text, and its generation number.
"""

import base64
import hashlib
import hmac
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

EXTRACT_SALT = b"hushgate pseudonym v1"
PURPOSE = b"identifier"


def derive(master, kind, length):
    extracted = hmac.new(EXTRACT_SALT, master, hashlib.sha256).digest()
    info = kind + b"\0" + PURPOSE + b"\0"
    return HKDFExpand(algorithm=hashes.SHA256(), length=length, info=info).derive(extracted)


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def main():
    master = base64.b64decode(sys.argv[1])
    generation = int(sys.argv[2])
    hash_key = derive(master, b"hash", 32)
    seal = AESSIV(derive(master, b"seal", 64))
    for line in sys.stdin:
        value = line.rstrip("\n").encode()
        digest = hmac.new(hash_key, value, hashlib.sha256).digest()
        padded = value + b"\x80"
        padded += b"\0" * (-len(padded) % 16)
        header = digest + bytes([generation])
        token = header + seal.encrypt(padded, [header, PURPOSE])
        print("t~" + text(digest), "p~" + text(token))


main()
