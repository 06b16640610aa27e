"""Faults that hosts share: a dependency that is down for all of them, and targets of no host."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from lifecycle import names
from tests.conftest import Laptop
from tests.end_to_end.service import Service
from tests.support.polling import PATIENCE_SECONDS, wait_for
from tools.demo.traffic import Traffic

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("brittle_healthy")]

STRANGER = "127.0.0.77"


def tell(service: Service, path: str) -> None:
    """Ask every host of production for a path, past the load balancer."""
    for host in service.production.hosts:
        with urlopen(f"http://{host.address}:{host.port}{path}", timeout=PATIENCE_SECONDS) as answer:
            assert answer.status == 200


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=PATIENCE_SECONDS):  # noqa: S310 - the load balancer's
            return True
    except HTTPError:
        return False


def states(service: Service) -> set[str]:
    return {view["balancer"] for view in service.host_views().values()}


def converged(service: Service) -> dict[str, Any]:
    results = service.operator("converge", service.name).facts["results"]
    return next(each for each in results if each["cluster"] == f"production/{service.name}")


def test_shared_outage_is_held_and_a_dead_service_is_repaired_meanwhile(brittle: Service) -> None:
    pids = {host.name: brittle.pid(host.name) for host in brittle.production.hosts}
    killed, left = pids
    tell(brittle, "/break")
    wait_for("every host to be unhealthy", lambda: states(brittle) == {"unhealthy"})
    # The load balancer fails open within a second; an ALB does so at once.
    wait_for("the load balancer to fail open", lambda: answers(brittle.url))
    with Traffic(brittle.url, 20.0) as traffic:
        found = converged(brittle)
        assert found["kind"] == "HOLD", found
        assert "all hosts of production/brittle are unhealthy since" in found["reason"]
        assert "a shared dependency?" in found["reason"]
        assert brittle.status()["lease"] is None
        assert {name: brittle.pid(name) for name in pids} == pids
    assert (traffic.tally.failed, traffic.tally.sent > 0) == (0, True), traffic.tally.facts()
    os.kill(pids[killed], signal.SIGKILL)
    wait_for("the dead service to be repaired", lambda: brittle.host_views()[killed]["balancer"] == "healthy")
    tell(brittle, "/mend")
    wait_for("every host to be healthy", lambda: states(brittle) == {"healthy"})
    wait_for("the repair to end", lambda: brittle.status()["lease"] is None)
    assert converged(brittle)["kind"] == "CONVERGED"
    assert brittle.pid(left) == pids[left]


@contextmanager
def stranger() -> Iterator[int]:
    """Run a web server that Lifecycle knows nothing of; yield its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"stranger\n")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((STRANGER, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_target_of_no_host_is_named_and_taken_out(laptop: Laptop, brittle: Service) -> None:
    parameter = names.parameter("production", "brittle", names.TARGET_GROUP)
    group = laptop.aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    balancer = laptop.aws.client("elbv2")
    with stranger() as port:
        balancer.register_targets(TargetGroupArn=group, Targets=[{"Id": STRANGER, "Port": port}])
        wait_for("the stranger to get requests", lambda: brittle.status()["unknown_targets_healthy"] == 1)
        assert brittle.status()["unknown_targets"] == [f"{STRANGER}:{port}"]
        found = converged(brittle)
        assert f"{STRANGER}:{port} is a target of no known host, taken out" in found["reason"], found
        wait_for("the stranger to be gone", lambda: brittle.status()["unknown_targets"] == [])
        entries = brittle.operator.read("history", "brittle", "--trail", "--limit", "1000").facts["trail"]
        assert f"take out {STRANGER}:{port}, a target of no host" in [each["what"] for each in entries]
    assert set(brittle.installed()) == {host.name for host in brittle.production.hosts}
