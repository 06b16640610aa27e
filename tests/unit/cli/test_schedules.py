"""Schedules in `lifecycle status`: the last run of each, and when it runs next."""

from datetime import timedelta

import pytest

from lifecycle.application.queries.schedule_words import view_schedules
from lifecycle.application.readable import Rows
from lifecycle.domain.fleet.scheduled_run import RunState, ScheduledRun
from lifecycle.domain.service.manifest import Schedule
from tests.support.rollout import CLUSTER, Machine, manifest

MINUTE = timedelta(minutes=1)


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.publish(manifest("1.1.0", schedules={"report": Schedule("./report", "0 3 * * *")}))
    return made


def words(machine: Machine, version: str = "1.1.0") -> list[str]:
    return [each.in_words for each in view_schedules(machine.context, CLUSTER, version, Rows())]


def stored(machine: Machine) -> ScheduledRun:
    minute = machine.now.replace(second=0, microsecond=0)
    run = ScheduledRun(
        "report", minute, "host-1", "1.1.0", RunState.RUNNING, minute, until=minute + 5 * MINUTE, decided=minute
    )
    store(machine, run)
    return run


def store(machine: Machine, run: ScheduledRun) -> None:
    machine.memory.scheduled_runs.records[CLUSTER] = {"report": run}


def test_schedule_that_never_ran_says_when_it_does(machine: Machine) -> None:
    (text,) = words(machine)
    assert text.startswith("never run; next at ")
    assert text.endswith("03:00:00 UTC")


def test_each_state_of_the_last_run_is_shown(machine: Machine) -> None:
    run = stored(machine)
    assert "on host-1 with 1.1.0 goes on; next at" in words(machine)[0]
    store(machine, run.skipping(run.minute + MINUTE))
    assert "was skipped; next at" in words(machine)[0]
    store(machine, run.ended(machine.now, ""))
    assert "on host-1 with 1.1.0 succeeded; next at" in words(machine)[0]
    store(machine, run.ended(machine.now, "exit code 3"))
    assert "failed: exit code 3; next at" in words(machine)[0]


def test_lost_run_counts_as_failed(machine: Machine) -> None:
    stored(machine)
    machine.memory.clock.sleep(360)
    (found,) = view_schedules(machine.context, CLUSTER, "1.1.0", Rows())
    assert found.failed
    assert "the host or its agent is gone" in found.in_words


def test_schedule_that_the_desired_version_lacks_is_still_shown(machine: Machine) -> None:
    stored(machine)
    assert words(machine, "1.0.0")[0].endswith("the desired version does not have it")
    assert words(machine, "")[0].endswith("the desired version does not have it")
