"""A source that sends the first half of an answer and then stalls, to be killed in the middle.

Prints its port, `half` when the first half of an answer is on its way, and `gone` when whoever asked for it
has closed the connection.
"""

import http.server
import json
import sys

HALF = b'{"users":[{"id":"KdYKjnimT4KPd8FFgQt9FQ","email":"quentin.hollis@example.com"},'


class Source(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = {"access_token": "sample-access-token", "token_type": "bearer", "expires_in": 3600}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(HALF) * 2))
        self.end_headers()
        self.wfile.write(HALF)
        self.wfile.flush()
        print("half", flush=True)
        try:
            self.connection.recv(1)
        except ConnectionError:
            pass
        print("gone", flush=True)
        self.close_connection = True

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Source)
print(server.server_address[1], flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
