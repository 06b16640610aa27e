"""Drift: convergence repairs the one host whose service died, by a command and by the schedule."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Laptop
from tests.end_to_end.service import Service
from tests.support.polling import wait_for

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("brittle_healthy", "unsupervised")]

DRIFTED = "production-brittle-1"


def kill_service(service: Service, host: str) -> None:
    """Kill the service of a host, and wait until Lifecycle reports the drift."""
    os.kill(service.pid(host), signal.SIGKILL)
    drift = wait_for("the drift to be reported", lambda: service.host_views()[host]["drift"])
    assert drift == "runs nothing: its service ended with SIGKILL"


def assert_repaired(service: Service, before: dict[str, int], deployment: str) -> None:
    """Assert that only the drifted host was touched: it serves again, and the others kept their processes."""
    assert {host for host, _ in service.steps(deployment)} == {DRIFTED}
    assert [host["drift"] for host in service.host_views().values()] == [None, None]
    now = {host: service.pid(host) for host in before}
    assert now.pop(DRIFTED) != before.pop(DRIFTED)
    assert now == before


def test_converge_repairs_the_host_that_drifted_and_no_other(brittle: Service) -> None:
    before = {host.name: brittle.pid(host.name) for host in brittle.production.hosts}
    kill_service(brittle, DRIFTED)
    results = brittle.operator("converge", "brittle").facts["results"]
    result = next(each for each in results if each["cluster"] == "production/brittle")
    assert result["kind"] == "REPAIR", result
    assert DRIFTED in result["reason"]
    ended = brittle.operator("watch", result["deployment"]).events[-1]
    assert ended["state"] == "DONE"
    assert_repaired(brittle, before, result["deployment"])


@pytest.fixture
def every_minute(laptop: Laptop) -> Iterator[dict[str, Any]]:
    """The deployed schedule, set to every minute and restored afterwards.

    The emulator counts from the creation of the schedule and checks every 10 seconds, so it fires soon.
    """
    scheduler = laptop.aws.client("scheduler")
    known = scheduler.get_schedule(Name="lifecycle-converge")
    same = {key: known[key] for key in ("Name", "FlexibleTimeWindow", "Target", "Description")}
    scheduler.update_schedule(**same, ScheduleExpression="rate(1 minute)")
    yield known
    scheduler.update_schedule(**same, ScheduleExpression=known["ScheduleExpression"])


def test_the_schedule_repairs_drift_too(brittle: Service, every_minute: dict[str, Any]) -> None:
    assert every_minute["ScheduleExpression"] == "rate(15 minutes)"
    before = {host.name: brittle.pid(host.name) for host in brittle.production.hosts}
    before_it = brittle.newest_deployment()["deployment"]
    os.kill(brittle.pid(DRIFTED), signal.SIGKILL)

    def repair() -> dict[str, Any] | None:
        newest = brittle.newest_deployment()
        return newest if newest["deployment"] != before_it and newest["finished_at"] else None

    found = wait_for("the schedule to repair it", repair)
    assert (found["kind"], found["state"], found["requested_by"]) == ("CONVERGE", "DONE", "schedule")
    assert_repaired(brittle, before, found["deployment"])
