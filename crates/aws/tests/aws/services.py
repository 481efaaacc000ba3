"""Amazon's services on loopback, one request at a time.

The services order the writes to one entry; moto's threads do not, so it is given one request after the
other. Who waits for a message does not keep the others waiting. Prints its port; ends when its standard
input does.
"""

import io
import json
import os
import sys
import threading
import time

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

app = DomainDispatcherApplication(create_backend_app)
turn = threading.Lock()


def one_at_a_time(environ, start_response):
    if environ.get("HTTP_X_AMZ_TARGET", "").endswith(".ReceiveMessage"):
        return receive(environ, start_response)
    with turn:
        return app(environ, start_response)


def receive(environ, start_response):
    asked = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    end = time.monotonic() + asked.get("WaitTimeSeconds", 0)
    body = json.dumps({**asked, "WaitTimeSeconds": 0}).encode()
    while True:
        given = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        head = []
        with turn:
            answer = b"".join(app(given, lambda *of, head=head: head.append(of)))
        if time.monotonic() >= end or b'"Messages"' in answer or head[0][0][:3] != "200":
            start_response(*head[0][:2])
            return [answer]
        time.sleep(0.02)


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=Quiet)
threading.Thread(target=end_with_parent, daemon=True).start()
print(server.port, flush=True)
server.serve_forever()
