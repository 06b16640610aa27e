"""The running service over HTTP, started as on a host: `python3 -m hello` in the packed folder."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

FOLDER = Path(os.environ.get("HELLO_FOLDER", ".")).resolve()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Running:
    """The service with its own switches, running until the end of the test."""

    def __init__(self, test, switches="", **configuration):
        self.port = free_port()
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        file = Path(folder.name) / "switches.toml"
        file.write_text(switches, encoding="utf-8")
        environment = os.environ | {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "HELLO_SWITCHES": str(file),
            "LIFECYCLE_VERSION": "1.4.2",
            "LIFECYCLE_HOST": "host-1",
            **configuration,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hello"],
            cwd=FOLDER,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        test.addCleanup(self.end)
        self.first_line = self.process.stdout.readline()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def get(self, path, connection=None):
        connection = connection or self.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        if answer.will_close:
            connection.close()
        return answer, content


class ServiceTest(unittest.TestCase):
    def setUp(self):
        self.service = Running(self)

    def get(self, path):
        connection = self.service.connect()
        self.addCleanup(connection.close)
        return self.service.get(path, connection)

    def test_a_greeting_names_its_version_and_host(self):
        answer, content = self.get("/?name=Ada&language=fr")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["X-Version"], "1.4.2")
        self.assertEqual(
            content, {"greeting": "Bonjour, Ada !", "service": "hello", "version": "1.4.2", "host": "host-1"}
        )

    def test_a_greeting_has_the_motto_of_the_configuration(self):
        service = Running(self, MOTTO="one host at a time")
        connection = service.connect()
        self.addCleanup(connection.close)
        self.assertEqual(service.get("/", connection)[1]["motto"], "one host at a time")

    def test_it_is_alive(self):
        self.assertEqual(self.get("/is_alive")[0].status, 200)

    def test_its_self_test_passes_with_every_check_named(self):
        answer, content = self.get("/self_test")
        self.assertEqual((answer.status, content["passed"]), (200, True))
        self.assertEqual({check["name"] for check in content["checks"]}, {"data", "greeting", "version", "switches"})

    def test_its_metrics_count_since_the_last_reading(self):
        self.get("/?name=Ada")
        self.get("/slow?seconds=0")
        answer, content = self.get("/metrics.json")
        self.assertEqual((answer.status, content["greetings"], content["queue_length"]), (200, 2, 1))
        self.assertGreater(content["memory_mb"], 1)
        self.assertEqual(self.get("/metrics.json")[1]["greetings"], 0)

    def test_bad_requests_get_400_and_unknown_paths_404(self):
        for path in ("/?language=xx", "/?name=", "/slow?seconds=31", "/slow?seconds=nan", "/slow?seconds=x"):
            with self.subTest(path=path):
                self.assertEqual(self.get(path)[0].status, 400)
        self.assertEqual(self.get("/nothing")[0].status, 404)

    def test_one_connection_serves_many_requests(self):
        connection = self.service.connect()
        self.addCleanup(connection.close)
        for _ in range(3):
            self.assertEqual(self.service.get("/", connection)[0].status, 200)
        self.assertIsNotNone(connection.sock)

    def test_sigterm_waits_for_the_request_in_flight_and_not_for_idle_connections(self):
        idle, busy = self.service.connect(), self.service.connect()
        self.addCleanup(idle.close)
        self.addCleanup(busy.close)
        self.service.get("/", idle)
        busy.request("GET", "/slow?seconds=1")
        time.sleep(0.2)  # wait until the request is in flight
        self.service.process.send_signal(signal.SIGTERM)
        answer = busy.getresponse()
        self.assertEqual((answer.status, answer.headers["Connection"]), (200, "close"))
        answer.read()
        self.assertEqual(self.service.process.wait(timeout=5), 0)


class SwitchesTest(unittest.TestCase):
    def test_a_bad_build_fails_its_self_test_but_is_alive(self):
        service = Running(self, "self_test_fails = true")
        for path, status in (("/self_test", 500), ("/is_alive", 200), ("/", 200)):
            connection = service.connect()
            self.addCleanup(connection.close)
            self.assertEqual(service.get(path, connection)[0].status, status)

    def test_an_error_rate_fails_that_fraction_of_the_greetings(self):
        service = Running(self, "error_rate = 0.25")
        connection = service.connect()
        self.addCleanup(connection.close)
        found = [service.get("/", connection)[0].status for _ in range(20)]
        self.assertEqual(found.count(500), 5)

    def test_a_service_that_does_not_start_prints_the_reason(self):
        service = Running(self, "starts = false")
        self.assertIn("does not start", service.first_line)
        self.assertEqual(service.process.wait(timeout=5), 1)

    def test_a_taken_port_ends_the_start_with_the_reason(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            environment = os.environ | {"PORT": str(holder.getsockname()[1])}
            done = subprocess.run(
                [sys.executable, "-m", "hello"], cwd=FOLDER, env=environment, capture_output=True, check=False
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"hello cannot start", done.stderr)
