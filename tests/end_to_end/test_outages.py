"""Agents that die in the middle, and a control plane that stands still: services go on, and rollouts are not lost."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from apps.local.aws.emulator import PART as EMULATOR
from apps.local.paths import Layout
from apps.local.processes import Part, recorded, session
from tests.conftest import Laptop
from tests.end_to_end.command_line import wait_for
from tests.end_to_end.conftest import Hello
from tests.end_to_end.service import Service
from tools.demo.traffic import Traffic

pytestmark = pytest.mark.emulator


def killed_while_it_installs(service: Service, version: str) -> tuple[str, Part]:
    """Begin a deployment, and kill the first host's agent while its service starts; the deployment and the agent."""
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


def test_an_agent_that_dies_while_it_installs_goes_on_when_it_is_started_again(
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
        assert "agent silent since" in ended["question"]["reason"]
        brittle.operator("local", "up")
        done = brittle.operator("decide", deployment, "RETRY", "--why", "it is back", "--watch")
    assert done.end["state"] == "DONE"
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert set(brittle.installed().values()) == {moods["starts slowly"]}


@contextmanager
def standing_still(layout: Layout) -> Iterator[None]:
    """Stop the embedded AWS, its functions included, in the middle of whatever it does."""
    stopped = session(recorded(layout)[EMULATOR])
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def test_services_go_on_serving_while_the_control_plane_stands_still(
    laptop: Laptop, hello: Service, releases: Hello
) -> None:
    with standing_still(laptop.layout), Traffic(hello.url, 50.0, seconds=4) as traffic:
        traffic.wait()
    assert traffic.tally.sent == 200
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert hello.status()["healthy"] == 4


def test_a_rollout_survives_a_control_plane_that_stood_still(
    laptop: Laptop, hello: Service, releases: Hello
) -> None:
    hello.ensure_version(releases.first)
    with Traffic(hello.url, 50.0) as traffic:
        deployment = str(hello.deploy(releases.second, "--no-watch").facts["deployment"])
        wait_for("the first host to be begun", lambda: hello.steps(deployment))
        with standing_still(laptop.layout):
            time.sleep(4)
        ended = hello.operator("watch", deployment).events[-1]
    assert ended["state"] == "DONE"
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert set(hello.installed().values()) == {releases.second}
