"""A source over TLS.

Arguments: the folder of `chain.pem`, the highest TLS version (1.2 or 1.3), and, if given, the protocol
that it chooses when it is offered. Prints its port.
"""

import http.server
import json
import pathlib
import ssl
import sys

folder = pathlib.Path(sys.argv[1])


class Source(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.answer({"access_token": "sample-access-token", "token_type": "bearer", "expires_in": 3600})

    def do_GET(self):
        self.answer({"users": []})

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder / "chain.pem")
context.maximum_version = ssl.TLSVersion.TLSv1_2 if sys.argv[2] == "1.2" else ssl.TLSVersion.TLSv1_3
if sys.argv[3:]:
    context.set_alpn_protocols(sys.argv[3:])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Source)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
