"""Outages: agents that die during a rollout, and a control plane that is stopped. Services keep serving."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from apps.local.aws.emulator import PART as EMULATOR
from apps.local.paths import Layout
from apps.local.processes import Part, recorded, session
from tests.conftest import Laptop
from tests.end_to_end.conftest import Hello
from tests.end_to_end.service import Service
from tests.support.polling import wait_for
from tools.demo.traffic import Traffic

pytestmark = pytest.mark.emulator


def killed_while_it_installs(service: Service, version: str) -> tuple[str, Part]:
    """Start a deployment and kill the first host's agent while its service starts; return both."""
    deployment = str(service.deploy(version, "--no-watch").facts["deployment"])
    layout = service.laptop.layout

    def installing() -> str | None:
        hosts = [name for name, host in service.host_views().items() if host["stage"] == "STARTING"]
        return hosts[0] if hosts else None

    host = wait_for("a host to start the service", installing)
    agent = recorded(layout)[service.host(host).part]
    os.kill(agent.pid, signal.SIGKILL)
    wait_for("the agent to be dead", lambda: not agent.alive)
    return deployment, agent


def test_an_agent_that_dies_while_it_installs_continues_after_its_restart(
    brittle: Service, moods: dict[str, str], brittle_healthy: None
) -> None:
    with Traffic(brittle.url, 50.0) as traffic:
        deployment, agent = killed_while_it_installs(brittle, moods["starts slowly"])
        brittle.operator("local", "up")
        ended = brittle.operator("watch", deployment).events[-1]
    assert ended["state"] == "DONE"
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert "failed" not in [step for _, step in brittle.steps(deployment)]
    assert set(brittle.installed().values()) == {moods["starts slowly"]}
    assert not agent.alive


def test_an_agent_that_stays_dead_halts_the_rollout_until_somebody_decides(
    brittle: Service, moods: dict[str, str], brittle_healthy: None
) -> None:
    with Traffic(brittle.url, 50.0) as traffic:
        deployment, _ = killed_while_it_installs(brittle, moods["starts slowly"])
        ended = brittle.operator("watch", deployment, code=1).events[-1]
        assert ended["state"] == "HALTED"
        assert re.search(r"since [\d-]+ [\d:]+ UTC, at STARTING", ended["question"]["reason"])
        brittle.operator("local", "up")
        done = brittle.operator("decide", deployment, "RETRY", "--why", "it is back", "--watch")
    assert done.end["state"] == "DONE"
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert set(brittle.installed().values()) == {moods["starts slowly"]}


@contextmanager
def stopped_control_plane(layout: Layout) -> Iterator[None]:
    """Stop the embedded AWS and its functions (SIGSTOP) in this block."""
    pids = session(recorded(layout)[EMULATOR])
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_services_keep_serving_while_the_control_plane_is_stopped(
    laptop: Laptop, hello: Service, releases: Hello
) -> None:
    with stopped_control_plane(laptop.layout), Traffic(hello.url, 50.0, seconds=4) as traffic:
        traffic.wait()
    assert traffic.tally.sent == 200
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert hello.status()["healthy"] == 4


def test_a_rollout_survives_a_stopped_control_plane(laptop: Laptop, hello: Service, releases: Hello) -> None:
    hello.ensure_version(releases.first)
    with Traffic(hello.url, 50.0) as traffic:
        deployment = str(hello.deploy(releases.second, "--no-watch").facts["deployment"])
        wait_for("the first host to be begun", lambda: hello.steps(deployment))
        with stopped_control_plane(laptop.layout):
            time.sleep(4)
        ended = hello.operator("watch", deployment).events[-1]
    assert ended["state"] == "DONE"
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert set(hello.installed().values()) == {releases.second}
