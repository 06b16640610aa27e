"""Scheduled commands that fail are reported to people: once, and again after they have succeeded in between."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from lifecycle.application.convergence.converge import converge_all, converge_some
from lifecycle.application.convergence.failed_schedules import MOST_A_DAY, report_failed_schedules
from lifecycle.application.convergence.services_down import report_crash_loops
from lifecycle.domain.convergence.crash_loop import CrashLoop
from lifecycle.domain.errors import SomeUnreadable, UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import ServiceEnd
from lifecycle.domain.fleet.scheduled_run import RunProblem, RunState, ScheduledRun, claimed
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.machines import MemoryMachines
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
    assert entry.why.endswith("UTC; host-1 says: exit code 3\nno database")
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
    stored["report"] = begin(machine).ended(machine.now, "x" * 390_000, "y" * 390_000)
    (entry,) = reported(machine)
    assert len(entry.why) == 12_000
    assert stored["report"].checked() == stored["report"]


def lies(machine: Machine, number: int, count: int, what: str = "") -> ScheduledRun:
    """Return a record that a host wrote, and no agent."""
    minute = machine.now.replace(second=0, microsecond=0)
    problems = tuple(RunProblem(minute, "host-1", what or f"p{each}", "alice approved it") for each in range(count))
    return ScheduledRun(
        f"s{number}", minute, "host-1", "1.0.0", RunState.FAILED, minute, minute, minute, problems=problems
    )


class CountingLog(MemoryAuditLog):
    reads = 0

    def read(self, *given: Any, **more: Any) -> Sequence[AuditEntry]:
        self.reads += 1
        return super().read(*given, **more)


def flood(machine: Machine, day: int) -> Sequence[AuditEntry]:
    """Write 200 records, each time of other schedules, and return the entries that one convergence adds."""
    runs = machine.memory.scheduled_runs.records[CLUSTER] = {}
    for number in range(200 * day, 200 * day + 200):
        for what in ("failed", "skipped", "release 1.4.0 was approved by alice"):
            runs[f"{number} {what}"] = lies(machine, number, 1, what)
    before = len(machine.memory.audit_log.entries)
    report_failed_schedules(machine.context, CLUSTER)
    return machine.memory.audit_log.entries[before:]


def test_host_causes_few_entries_a_day_with_one_read_and_in_words_of_lifecycle(machine: Machine) -> None:
    log = CountingLog()
    log.entries = machine.memory.audit_log.entries
    machine.context = replace(machine.context, audit_log=log)
    found = flood(machine, 0)
    assert (len(found), log.reads) == (MOST_A_DAY, 1)
    assert not [each for each in found if "alice" in each.what]
    assert all("host-1 says: alice approved it" in each.why for each in found)
    assert "more of this kind are not reported on this day" in found[-1].why
    for day in range(1, 5):
        assert flood(machine, day) == []
    machine.memory.clock.sleep(86_401)
    assert len(flood(machine, 5)) == MOST_A_DAY


def test_log_of_a_crash_loop_of_any_length_is_cut(machine: Machine) -> None:
    end = ServiceEnd(machine.now, "x" * 390_000, "boot", log_tail="y" * 390_000)
    loop = CrashLoop("host-1", "1.0.0", 2, machine.now, machine.now, end)
    report_crash_loops(machine.context, CLUSTER, SimpleNamespace(crash_loops={"host-1": loop}))  # type: ignore[arg-type]
    assert len(machine.memory.audit_log.entries[-1].why) == 12_000


class Damaged(MemoryMachines):
    """Machines of which one cluster's make an error that nobody has thought of."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Cluster] = []

    def addresses(self, cluster: Cluster) -> Mapping[str, str] | None:
        self.read.append(cluster)
        if cluster == CLUSTER:
            raise ZeroDivisionError
        return super().addresses(cluster)


def test_unexpected_error_of_one_cluster_stops_no_other_and_is_raised(machine: Machine) -> None:
    others = [Cluster("staging", "hello"), Cluster("production", "alpha"), Cluster("production", "omega")]
    for each in others:
        machine.memory.registry.set_desired(each, Desired("1.0.0", "d", 1, f"{each.service}-{each.environment}"))
    first = set()
    for suffix in ("c0", "c1", "c2", "c3"):
        machines = Damaged()
        machine.context = replace(machine.context, machines=machines)
        with pytest.raises(ZeroDivisionError) as raised:
            converge_some(machine.context, suffix, "supervision", [CLUSTER, *others])
        assert raised.value.__notes__ == [f"while {CLUSTER} was converged"]
        assert sorted(machines.read) == sorted([CLUSTER, *others])
        first.add(machines.read[0])
    assert len(first) > 1, "a cluster that takes all the time is not always before the same others"


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
