"""Scheduled commands that fail are reported to people: once, and again after they have succeeded in between."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.domain.errors import SomeUnreadable, UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.scheduled_run import RunState, ScheduledRun, claimed
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from tests.fakes.scheduled_runs import MemoryScheduledRuns
from tests.support.rollout import CLUSTER, Machine

MINUTE = timedelta(minutes=1)


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    return made


def begin(machine: Machine) -> ScheduledRun:
    """Write what the agent of host-1 does at the next due minute."""
    stored = machine.memory.scheduled_runs.records.setdefault(CLUSTER, {})
    last = stored.get("report")
    minute = last.decided + MINUTE if last else machine.now.replace(second=0, microsecond=0)
    new = ScheduledRun(
        schedule="report",
        minute=minute,
        host="host-1",
        version="1.0.0",
        state=RunState.RUNNING,
        started_at=minute,
        until=minute + 10 * MINUTE,
        decided=minute,
    )
    wanted = claimed(last, new)
    assert wanted is not None
    stored["report"] = wanted
    return wanted


def run(machine: Machine, problem: str) -> None:
    begun = begin(machine)
    ended = begun.ended(begun.minute, problem, "no database" if problem else "")
    machine.memory.scheduled_runs.records[CLUSTER]["report"] = ended


def reported(machine: Machine) -> list[AuditEntry]:
    converge_all(machine.context, "c0", "schedule")
    return [each for each in machine.memory.audit_log.entries if each.kind is AuditKind.SCHEDULE]


def test_success_is_not_reported(machine: Machine) -> None:
    run(machine, "")
    assert reported(machine) == []


def test_failure_is_reported_once_with_why_and_its_output(machine: Machine) -> None:
    run(machine, "exit code 3")
    (entry,) = reported(machine)
    assert (entry.what, entry.host) == ("found the schedule report failed", "host-1")
    assert entry.why.endswith("UTC on host-1: exit code 3\nno database")
    run(machine, "exit code 4")
    assert reported(machine) == [entry]


def test_record_of_the_future_is_reported_once(machine: Machine) -> None:
    begun = begin(machine)
    lie = replace(begun, host="host-2", decided=datetime(9990, 1, 1, tzinfo=UTC))
    machine.memory.scheduled_runs.records[CLUSTER]["report"] = lie
    (entry,) = reported(machine)
    assert (entry.what, entry.host) == ("found the schedule report recorded for the future", "host-2")
    assert "9990-01-01 00:00 UTC" in entry.why
    assert reported(machine) == [entry]


def test_output_of_any_length_is_cut(machine: Machine) -> None:
    run(machine, "exit code 3")
    stored = machine.memory.scheduled_runs.records[CLUSTER]
    stored["report"] = begin(machine).ended(machine.now, "x" * 390_000)
    (entry,) = reported(machine)
    assert len(entry.why) == 12_000


def test_records_that_cannot_be_read_are_reported_once(machine: Machine) -> None:
    class Filled(MemoryScheduledRuns):
        def of(self, cluster: Cluster) -> Sequence[ScheduledRun]:
            error = UnreadableRecord("SCHEDULES#production/hello", "at most 200 records", "more", "Delete them.")
            raise SomeUnreadable([error], super().of(cluster))

    machine.context = replace(machine.context, scheduled_runs=Filled())
    (entry,) = reported(machine)
    assert entry.what == "found records of schedules that cannot be read"
    assert "at most 200 records" in entry.why
    assert reported(machine) == [entry]


def test_failure_after_a_success_is_reported_again(machine: Machine) -> None:
    run(machine, "exit code 3")
    assert len(reported(machine)) == 1
    machine.memory.clock.sleep(300)
    run(machine, "")
    while machine.memory.scheduled_runs.records[CLUSTER]["report"].minute < machine.now:
        run(machine, "")
    run(machine, "exit code 4")
    machine.memory.clock.sleep(300)
    assert len(reported(machine)) == 2


def test_skipped_minute_is_reported(machine: Machine) -> None:
    begin(machine)
    begin(machine)
    assert [each.what for each in reported(machine)] == ["found the schedule report skipped"]


def test_lost_run_is_reported_before_another_one_follows(machine: Machine) -> None:
    begin(machine)
    assert reported(machine) == []
    machine.memory.clock.sleep(11 * 60)
    (entry,) = reported(machine)
    assert entry.what == "found the schedule report failed"
    assert "the host or its agent is gone" in entry.why


def test_failure_is_reported_although_a_success_followed_before_convergence(machine: Machine) -> None:
    run(machine, "exit code 3")
    run(machine, "")
    assert [each.what for each in reported(machine)] == ["found the schedule report failed"]
    assert len(reported(machine)) == 1


def test_last_failure_of_a_schedule_that_no_version_has_any_more_is_reported_once(machine: Machine) -> None:
    run(machine, "ended by the deployment of a version without it")
    for _ in range(6):
        assert len(reported(machine)) == 1
        machine.memory.clock.sleep(timedelta(days=8).total_seconds())
