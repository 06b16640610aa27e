"""Supervision: a service that ends serves again within seconds; a version that dies later halts its rollout."""

import os
import signal
import time

import pytest

from tests.end_to_end.service import Service
from tests.support.polling import wait_for
from tools.demo.traffic import Traffic

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("brittle_healthy")]

KILLED = "production-brittle-1"
# From the end of the service to the first healthy answer of its next start, behind the load balancer.
HEALED_WITHIN = 10.0


def serves(service: Service, pid: int) -> bool:
    """Return whether the killed host is healthy with another process than this one."""
    view = service.host_views()[KILLED]
    return view["drift"] is None and service.pid(KILLED) != pid


def test_service_that_is_killed_serves_again_within_seconds(brittle: Service) -> None:
    pid = brittle.pid(KILLED)
    others = {host.name: brittle.pid(host.name) for host in brittle.production.hosts if host.name != KILLED}
    with Traffic(brittle.url, 20.0) as traffic:
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        wait_for("the host to serve again", lambda: serves(brittle, pid))
        lasted = time.monotonic() - began
    assert lasted < HEALED_WITHIN, traffic.tally.facts()
    wait_for("the repair to end", lambda: brittle.status()["lease"] is None)
    repair = brittle.newest_deployment()
    assert (repair["kind"], repair["state"], repair["requested_by"]) == ("CONVERGE", "DONE", "supervision")
    assert f"{KILLED} runs nothing: its service ended with SIGKILL" in repair["reason"]
    assert {host for host, _ in brittle.steps(repair["deployment"])} == {KILLED}
    assert {name: brittle.pid(name) for name in others} == others


def test_version_that_dies_after_it_was_alive_halts_at_the_host_that_died(
    brittle: Service, moods: dict[str, str]
) -> None:
    output = brittle.deploy(moods["dies later"], code=1)
    assert output.end["state"] == "HALTED", output
    question = output.end["question"]
    assert "its service ended with exit code 3" in question["reason"]
    assert "brittle: I die later" in question["evidence"]
    assert question["blame"] == "VERSION"
    first, second = (host.name for host in brittle.production.hosts)
    left = second if question["host"] == first else first
    assert brittle.installed()[left] == moods["healthy"]
    brittle.operator("decide", question["deployment"], "ROLL_BACK", "--why", "it dies", "--watch")
    assert set(brittle.installed().values()) == {moods["healthy"]}
