"""An OAuth 1.0a provider (RFC 5849) for the tests of connections: Authlib on Flask.

    python server.py

It prints one line of JSON when it listens: {"issuer", "private_key"}; the key, in PEM, signs for the
client `rsa`. Clients `hmac` and `plain` have the secret `a secret of the tests only`. Each client may use
the signature methods that its name says. Whoever opens the consent page consents. A nonce serves once.

  POST /initiate, /token   temporary and token credentials
  GET  /authorize          the consent: straight back to the callback with a verifier
  GET  /control/events     {"initiated", "granted", "calls", "refused": [CODE]}
  POST /control/replay     plays the last request to the API again: the status it gets
  any other path           the API: the account, for a well signed request
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import threading

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth1 import AuthorizationServer, ResourceProtector
from authlib.oauth1 import ClientMixin, TemporaryCredential, TokenCredentialMixin
from authlib.oauth1.rfc5849.signature import generate_signature_base_string
from authlib.oauth1.rfc5849.util import escape
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, jsonify, request
from werkzeug.serving import make_server

SECRET = "a secret of the tests only"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE_PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
PUBLIC_PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
).decode()
METHODS = {"hmac": ("HMAC-SHA1", "HMAC-SHA256"), "rsa": ("RSA-SHA1",), "plain": ("PLAINTEXT",)}


class Client(ClientMixin):
    def __init__(self, client_id):
        self.client_id = client_id

    def get_default_redirect_uri(self):
        return "oob"

    def get_client_secret(self):
        return SECRET

    def get_rsa_public_key(self):
        return PUBLIC_PEM


class Token(TokenCredentialMixin):
    def __init__(self, token, secret):
        self.token, self.secret = token, secret

    def get_oauth_token(self):
        return self.token

    def get_oauth_token_secret(self):
        return self.secret


app = Flask(__name__)
app.config.update(
    SECRET_KEY="of the tests",
    OAUTH1_SUPPORTED_SIGNATURE_METHODS=["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT", "RSA-SHA1"],
)
temporary, tokens, nonces = {}, {}, set()
events = {"initiated": 0, "granted": 0, "calls": 0, "refused": []}


def query_client(client_id):
    """The client, unless it comes with a method that is not its own."""
    told = request.headers.get("authorization", "") + request.query_string.decode()
    told += request.get_data(as_text=True, parse_form_data=False)
    known = client_id in METHODS and any(method in told for method in METHODS[client_id])
    return Client(client_id) if known else None


def exists_nonce(nonce, timestamp, client_id, token):
    key = (nonce, timestamp, client_id, token)
    if key in nonces:
        return True
    nonces.add(key)
    return False


def verify_hmac_sha256(signed):
    key = escape(signed.client_secret or "") + "&" + escape(signed.token_secret or "")
    text = generate_signature_base_string(signed)
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(digest).decode(), signed.signature)


def create_temporary_credential(token, client_id, redirect_uri):
    made = TemporaryCredential(
        client_id=client_id,
        oauth_token=token["oauth_token"],
        oauth_token_secret=token["oauth_token_secret"],
        oauth_callback=redirect_uri,
    )
    temporary[token["oauth_token"]] = made
    events["initiated"] += 1
    return made


def create_authorization_verifier(credential, grant_user, verifier):
    credential["oauth_verifier"] = verifier
    credential["user_id"] = grant_user
    return verifier


def create_token_credential(token, _temporary):
    made = Token(token["oauth_token"], token["oauth_token_secret"])
    tokens[made.token] = made
    events["granted"] += 1
    return made


server = AuthorizationServer(app, query_client=query_client)
server.register_hook("create_temporary_credential", create_temporary_credential)
server.register_hook("get_temporary_credential", temporary.get)
server.register_hook("delete_temporary_credential", lambda token: temporary.pop(token, None))
server.register_hook("create_authorization_verifier", create_authorization_verifier)
server.register_hook("create_token_credential", create_token_credential)
server.register_hook("exists_nonce", exists_nonce)
require = ResourceProtector(
    app,
    query_client=query_client,
    query_token=lambda client_id, token: tokens.get(token),
    exists_nonce=exists_nonce,
)
for verifier in (server, require):
    verifier.register_signature_method("HMAC-SHA256", verify_hmac_sha256)


@app.after_request
def note_refusal(response):
    if response.status_code >= 400:
        events["refused"].append((response.get_json(silent=True) or {}).get("error") or response.get_data(as_text=True))
    return response


@app.post("/initiate")
def initiate():
    return server.create_temporary_credentials_response()


@app.route("/authorize")
def authorize():
    return server.create_authorization_response(grant_user="avery")


@app.post("/token")
def token():
    return server.create_token_response()


@app.get("/control/events")
def told():
    return jsonify(events)


last = {}


@app.post("/control/replay")
def replay():
    answer = app.test_client().open(**last)
    return jsonify(status=answer.status_code)


@app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
@app.route("/<path:path>", methods=["GET", "POST"])
@require()
def api(path):
    last.update(
        method=request.method,
        base_url=f"http://{request.host}",
        path=request.full_path if request.query_string else request.path,
        headers=[(n, v) for n, v in request.headers if n.lower() == "authorization"],
    )
    events["calls"] += 1
    return jsonify(id="avery", name="Account avery", email="avery@example.com", query=request.args.to_dict())


def end_with_input():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    listening = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=end_with_input, daemon=True).start()
    issuer = f"http://127.0.0.1:{listening.server_port}"
    print(json.dumps({"issuer": issuer, "private_key": PRIVATE_PEM}), flush=True)
    listening.serve_forever()
