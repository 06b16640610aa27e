"""The HTTP server: one thread per connection, which stays open between requests. It stops after the last answer."""

import json
import socket
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from socketserver import TCPServer
from urllib.parse import parse_qs, urlsplit

from hello.checks import self_test
from hello.greeting import BadRequest
from hello.metrics import Metrics

MAXIMUM_WAIT_SECONDS = 30


class Service(ThreadingHTTPServer):
    """The listening service. After `shutdown`, `run` answers every request in flight and returns."""

    daemon_threads = False
    request_queue_size = 256

    def __init__(self, address, greeter, switches, identity, motto):
        self.greeter = greeter
        self.motto = motto
        self.switches = switches
        self.identity = identity
        self.stopping = False
        self.requests = count(1)
        self.metrics = Metrics()
        self._connections = set()
        self._lock = threading.Lock()
        super().__init__(address, Handler)

    def server_bind(self):
        # HTTPServer.server_bind resolves this host's name with DNS, which can take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def run(self):
        self.serve_forever(poll_interval=1)
        with self._lock:
            self.stopping = True
            for connection in self._connections:
                self._end_idle(connection)
        self.server_close()  # waits for the connections' threads

    def shutdown(self):
        # It ends the wait for the next connection, so an idle service need not look often whether it has to stop.
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        super().shutdown()

    def connected(self, connection):
        with self._lock:
            self._connections.add(connection)
            if self.stopping:
                self._end_idle(connection)

    def disconnected(self, connection):
        with self._lock:
            self._connections.discard(connection)

    def fails_now(self):
        """Return whether this greeting must fail by error_rate; failures are spaced evenly, not random."""
        number, rate = next(self.requests), self.switches.error_rate
        return int(number * rate) != int((number - 1) * rate)

    @staticmethod
    def _end_idle(connection):
        # Received bytes can still be read. A thread that waits for the next request reads end-of-file.
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RD)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """The handler of one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "hello"
    wbufsize = -1  # an answer is one packet
    disable_nagle_algorithm = True
    # Longer than any load balancer keeps idle connections; else it might use one that is just closing.
    timeout = 4000

    def setup(self):
        super().setup()
        self.server.connected(self.connection)

    def finish(self):
        self.server.disconnected(self.connection)
        super().finish()

    def do_GET(self):
        url = urlsplit(self.path)
        page = {
            "/": self.greeting,
            "/slow": self.slow,
            "/is_alive": self.is_alive,
            "/self_test": self.self_test,
            "/metrics.json": self.metrics,
        }.get(url.path, self.not_found)
        try:
            query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
            self.answer(*page(query))
        except BadRequest as error:
            self.answer(400, {"error": str(error)})

    do_HEAD = do_GET

    def greeting(self, query):
        with self.server.metrics.greeting():
            return self.greet(query)

    def greet(self, query):
        if self.server.fails_now():
            return 500, {"error": "switches.toml says that some greetings fail"}
        arguments = {key: query[key] for key in ("name", "language") if key in query}
        return 200, {"greeting": self.server.greeter.greet(**arguments), **self.server.motto, **self.server.identity}

    def slow(self, query):
        try:
            seconds = float(query.get("seconds", "1"))
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds <= MAXIMUM_WAIT_SECONDS:
            raise BadRequest(f"seconds: expected a number from 0 to {MAXIMUM_WAIT_SECONDS}")
        with self.server.metrics.greeting():
            time.sleep(seconds)
            return self.greet(query)

    def is_alive(self, _query):
        return 200, {"alive": True, **self.server.identity}

    def self_test(self, _query):
        checks = self_test(self.server.greeter, self.server.switches, self.server.identity["version"])
        passed = all(check["passed"] for check in checks)
        return (200 if passed else 500), {"passed": passed, "checks": checks}

    def metrics(self, _query):
        return 200, self.server.metrics.read()

    def not_found(self, _query):
        return 404, {"error": "expected /, /slow, /is_alive, /self_test or /metrics.json"}

    def answer(self, status, content):
        body = json.dumps(content, ensure_ascii=False).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Version", self.server.identity["version"])
        if self.server.stopping:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        if int(code) >= 500:
            super().log_request(code, size)
