"""The processor time that one host spends on its service's log: 100 lines a second, sent as the agent sends them.

`python -m tools.bench.log_shipping` prints one JSON object. A process writes the lines, another answers for
CloudWatch Logs, and this one runs the agent's thread with boto3. Only the processor time of this one counts.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from apps.agent.aws import CloudWatchLogSink, client
from apps.agent.log_shipping import SECONDS, LogShipper
from lifecycle.domain.fleet.cluster import Cluster

RATE = 100
_SECONDS = 30.0
_LINE = b'{"time": "%d", "level": "info", "message": "GET /things/%d 200 in 0.0123 s", "id": "0123456789abcdef"}\n'
# The server asks for no credentials; botocore signs all the same.
# nobody's key
_ACCESS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}  # nosec B105


def log_shipping() -> dict[str, Any]:
    """Measure in a process of its own, so that nothing else counts."""
    done = subprocess.run([sys.executable, "-m", __name__], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(rate: int, seconds: float) -> dict[str, Any]:
    """Return percent of one core, and kilobytes of memory more at the end, at so many lines a second."""
    with tempfile.TemporaryDirectory() as folder, _cloudwatch() as endpoint:
        os.environ.update(_ACCESS, AWS_ENDPOINT_URL=endpoint)
        home = Path(folder)
        (home / "logs").mkdir()
        logs = client("logs")
        shipper = LogShipper(home, CloudWatchLogSink(lambda: logs, Cluster("production", "bench"), "host-1"))
        writer = get_context("spawn").Process(target=_write, args=(str(home / "logs/service.log"), rate, seconds + 4))
        writer.start()
        try:
            time.sleep(2)
            shipper.ship()  # the first call makes a connection
            memory, began, used = _memory(), time.monotonic(), time.process_time()
            shipper.start()
            time.sleep(seconds)
            spent, elapsed = time.process_time() - used, time.monotonic() - began
            return {
                "lines_per_second": rate,
                "seconds": round(elapsed, 1),
                "processor_percent": round(100 * spent / elapsed, 2),
                "memory_growth_kilobytes": _memory() - memory,
                "failed": shipper.pause() > SECONDS,
            }
        finally:
            shipper.close(5.0)
            writer.terminate()
            writer.join()


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _write(log: str, rate: int, seconds: float) -> None:
    """Write lines as a service does: each with a call of its own."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        os.write(descriptor, _LINE % (number, number))
    os.close(descriptor)


@contextmanager
def _cloudwatch() -> Iterator[str]:
    mine, theirs = get_context("spawn").Pipe()
    server = get_context("spawn").Process(target=_serve, args=(theirs,))
    server.start()
    try:
        yield f"http://127.0.0.1:{mine.recv()}"
    finally:
        server.terminate()
        server.join()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def _serve(port: Connection) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    port.send(server.server_port)
    server.serve_forever()


def main() -> int:
    """Measure, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.log_shipping", description=__doc__)
    parser.add_argument("--rate", type=int, default=RATE, help="lines a second (100)")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="the time to measure (30)")
    options = parser.parse_args()
    print(json.dumps(measure(options.rate, options.seconds), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
