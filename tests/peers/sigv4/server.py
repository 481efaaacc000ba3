"""Who checks AWS signatures (SigV4) as AWS does, with botocore's own making of them.

A request is taken as it came over the wire; what is signed is put together anew from it, and the
signature compared. `KEY_ID`, `SECRET`, `SESSION` (may be empty) and `REGION` are the caller's.
`GET /control/log` gives the verdicts so far. Prints its URL as JSON; ends when its standard input does.
"""

import datetime
import hashlib
import hmac
import http.server
import json
import os
import re
import sys
import threading
from urllib.parse import unquote_to_bytes

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY_ID, SECRET, REGION = (os.environ[name] for name in ("KEY_ID", "SECRET", "REGION"))
SESSION = os.environ.get("SESSION", "")
FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/ ]+)/(\d{8})/([^/ ]+)/([^/ ]+)/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
# What AWS wants signed where it is there.
SIGNED_ALWAYS = ("host", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "content-type")
log = []


def decoded(text):
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")


def parameters(query):
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return [(decoded(name), decoded(value)) for name, _, value in pairs]


def fault(method, target, headers, body):
    """What is wrong with a signed request; nothing when it is good."""
    given = dict(headers)
    if len(given) != len(headers):
        return "a header is there twice"
    found = FORM.fullmatch(given.get("authorization", ""))
    if not found:
        return "no signature of the form"
    key, day, region, service, names, signature = found.groups()
    if (key, region, service) != (KEY_ID, REGION, "lambda"):
        return "another key, region or service"
    stamp = given.get("x-amz-date", "")
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        signed_at = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ")
    except ValueError:
        return "no time of the form"
    age = now - signed_at.replace(tzinfo=datetime.timezone.utc)
    if abs(age) > datetime.timedelta(minutes=5) or day != stamp[:8]:
        return "another time"
    if given.get("x-amz-security-token", "") != SESSION:
        return "another session"
    if given.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
        return "another body"
    names = names.split(";")
    if names != sorted(names) or any(name not in given for name in names):
        return "not the headers that are there, in order"
    wanted = [name for name in given if name in SIGNED_ALWAYS or name.startswith("x-amz-")]
    if any(name not in names for name in wanted):
        return "a header that AWS wants signed is not"
    path, _, query = target.partition("?")
    request = AWSRequest(
        method=method,
        url=f"http://{given['host']}{path}",
        headers={name: given[name] for name in names},
        data=body,
        params=parameters(query),
    )
    request.context["timestamp"] = stamp
    maker = SigV4Auth(Credentials(KEY_ID, SECRET, SESSION or None), service, region)
    text = maker.canonical_request(request)
    made = maker.signature(maker.string_to_sign(request, text), request)
    if not hmac.compare_digest(made, signature):
        return f"another signature than of {text}"
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def parse_request(self):
        good = super().parse_request()
        # As it was on the wire; the class takes slashes away.
        self.target = self.requestline.split(" ")[1] if good else ""
        return good

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.target == "/control/log":
            return self.send(200, log)
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        wrong = fault(self.command, self.target, headers, body)
        seen = {"method": self.command, "target": self.target, "bytes": len(body)}
        log.append({**seen, "wrong": wrong})
        # As Lambda's front does it.
        self.send(*((403, {"Message": "Forbidden"}) if wrong else (200, {})))

    def send(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        if status == 403:
            self.send_header("x-amzn-errortype", "AccessDeniedException")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def log_message(self, *_):
        pass


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=end_with_parent, daemon=True).start()
print(json.dumps({"issuer": f"http://127.0.0.1:{server.server_port}"}), flush=True)
server.serve_forever()
