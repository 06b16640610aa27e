"""A service that answers with its version on $HOST:$PORT, and fails as $MOOD says."""

import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MOOD = os.environ["MOOD"]
WARM = threading.Event()
BODY = b"brittle\n"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        if self.path == "/self_test" and MOOD == "dies in its self-test":
            print("brittle: I die in my self-test", flush=True)
            os._exit(3)
        if self.path in ("/break", "/mend"):  # what the service needs goes away, or comes back
            (WARM.clear if self.path == "/break" else WARM.set)()
        checked = self.path in ("/is_alive", "/self_test")
        self.send_response(503 if checked and not WARM.is_set() else 200)
        self.send_header("Content-Length", str(len(BODY)))
        self.send_header("X-Version", os.environ["LIFECYCLE_VERSION"])
        self.end_headers()
        self.wfile.write(BODY)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size


if fault := os.environ.get("FAIL_WITH"):
    sys.exit(f"brittle: I fail with {fault}")
if MOOD == "warms up":
    threading.Timer(4.0, WARM.set).start()
else:
    WARM.set()
if MOOD == "never starts":
    sys.exit("brittle: I never start")
if MOOD == "dies later":

    def die() -> None:
        print("brittle: I die later", flush=True)
        os._exit(3)

    threading.Timer(8.0, die).start()
if MOOD == "starts slowly":
    time.sleep(3)
if MOOD == "leaves as a daemon":
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
