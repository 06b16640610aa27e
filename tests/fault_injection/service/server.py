"""The service: it answers with its version, host and start, and notes each passed self-test.

A version fails its self-test while $NOTES/fails-<version> exists.
"""

import json
import os
import secrets
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NOTES = Path(os.environ["NOTES"])
VERSION, HOST, BOOT = os.environ["LIFECYCLE_VERSION"], os.environ["LIFECYCLE_HOST"], secrets.token_hex(4)
START = f"{VERSION} {HOST} {BOOT}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        status = 200
        if self.path == "/slow":
            time.sleep(1)
        if self.path == "/self_test":
            status = self_tested()
        self.send_response(status)
        self.send_header("Content-Length", str(len(START)))
        self.send_header("X-Version", START)
        self.end_headers()
        self.wfile.write(START.encode())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


def self_tested() -> int:
    if (NOTES / f"fails-{VERSION}").exists():
        return 500
    with (NOTES / "passed.jsonl").open("a") as file:
        file.write(json.dumps({"start": START, "at": time.time()}) + "\n")
    return 200


def stop(*_: object) -> None:
    """Exit at once, so that requests in flight fail: a host must be drained before its service stops."""
    os._exit(0)


signal.signal(signal.SIGTERM, stop)
sys.stdout.flush()
Server((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
