"""The right to run a scheduled command, and its record: nothing is run twice, and no failure is forgotten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifecycle.application.queries.schedule_words import ScheduleView
from lifecycle.domain.errors import SomeUnreadable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport, SelfTest
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.fleet.scheduled_run import (
    REMEMBERED,
    RunProblem,
    RunState,
    ScheduledRun,
    claimed,
    out_of_service,
)
from lifecycle.gateways.aws.scheduled_runs import DynamoScheduledRuns
from lifecycle.gateways.aws.table import Table, item, schedules_key
from tests.support.aws_in_memory import StoredLedger

AT = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DIGEST = "d" * 64


def run(minute: datetime = AT, host: str = "web-1", **changes: object) -> ScheduledRun:
    made = ScheduledRun(
        schedule="report",
        minute=minute,
        host=host,
        version="1.0.0",
        state=RunState.RUNNING,
        started_at=minute + timedelta(seconds=2),
        until=minute + timedelta(minutes=10),
        decided=minute,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_first_run_is_taken() -> None:
    assert claimed(None, run()) == run()


def test_minute_is_taken_once() -> None:
    assert claimed(run(), run(host="web-2")) is None
    assert claimed(run().ended(AT, ""), run(host="web-2")) is None
    assert claimed(run().ended(AT, "exit code 1"), run(host="web-2")) is None


def test_older_minute_is_never_taken() -> None:
    """A host whose clock is behind must not repeat a minute."""
    assert claimed(run().ended(AT, ""), run(AT - MINUTE)) is None
    assert claimed(run().skipping(AT + 5 * MINUTE), run(AT + 4 * MINUTE)) is None


@pytest.mark.parametrize(
    "lie",
    [
        {"decided": datetime(9990, 1, 1, tzinfo=UTC)},
        {"minute": datetime(9990, 1, 1, tzinfo=UTC), "decided": AT - MINUTE},
        {"until": datetime(9990, 1, 1, tzinfo=UTC)},
        {"started_at": datetime(9990, 1, 1, tzinfo=UTC)},
        {"changes": 10**37},
    ],
    ids=lambda each: next(iter(each)),
)
def test_record_of_the_future_does_not_end_the_schedule(lie: dict[str, Any]) -> None:
    """A host may write any record of its cluster, also before it is taken away."""
    taken = claimed(run(host="liar", **lie), run(AT + MINUTE))
    assert taken is not None
    assert (taken.minute, taken.host, taken.changes) == (AT + MINUTE, "web-1", 1)
    assert [(each.host, each.what) for each in taken.problems] == [("liar", "recorded for the future")]


class Filled:
    """The ledger's client: a partition with the true record of a schedule, and more of a host than anybody reads."""

    def __init__(self, **changed: str) -> None:
        self.queries = 0
        self._changed = changed

    def query(self, **asked: Any) -> dict[str, Any]:
        self.queries += 1
        pk = asked["ExpressionAttributeValues"][":pk"]["S"]
        names = [f"a-{self.queries:03}-{number:03}" for number in range(60)]
        found = [item(pk, name, run(schedule=name)) for name in names]
        if self._changed:
            return {"Items": [{**found[0], "changes": {"N": self._changed["changes"]}}]}
        return {"Items": found, "LastEvaluatedKey": {"pk": {"S": pk}, "sk": {"S": names[-1]}}}


def test_partition_that_a_host_filled_is_read_in_part_and_said() -> None:
    filled = Filled()
    with pytest.raises(SomeUnreadable, match="at most 200 records in 4 MB, found more") as raised:
        DynamoScheduledRuns(Table(filled, "ledger")).of(Cluster("production", "hello"))
    assert len(raised.value.readable) == 200
    assert filled.queries == 4


def test_record_that_no_write_could_replace_is_unreadable() -> None:
    """Each write is conditional on the number beside the record."""
    with pytest.raises(SomeUnreadable, match="one value of changes"):
        DynamoScheduledRuns(Table(Filled(changes="7"), "ledger")).of(Cluster("production", "hello"))


def test_clock_that_is_somewhat_ahead_repeats_no_minute() -> None:
    ahead = AT + timedelta(minutes=9)
    assert claimed(run(ahead), run(AT)) is None
    longest = run(until=AT + timedelta(seconds=86_400 + 300) + timedelta(minutes=1))
    assert longest.is_possible(AT)


def test_next_run_counts_the_writes_and_remembers_the_last_success() -> None:
    last = run().ended(AT, "")
    taken = claimed(last, run(AT + MINUTE, "web-2"))
    assert taken is not None
    assert (taken.changes, taken.succeeded, taken.host) == (3, AT, "web-2")


def test_run_that_goes_on_is_not_started_twice_but_skipped() -> None:
    skipped = claimed(run(), run(AT + MINUTE, "web-2"))
    assert skipped is not None
    assert (skipped.minute, skipped.host, skipped.state) == (AT, "web-1", RunState.RUNNING)
    (problem,) = skipped.problems
    assert (problem.what, problem.minute, problem.host) == ("skipped", AT + MINUTE, "web-1")
    assert problem.why == "the run of 2026-11-28 03:00 UTC on web-1 was still going on"
    assert claimed(skipped, run(AT + MINUTE, "web-3")) is None
    assert claimed(skipped.ended(AT, ""), run(AT + MINUTE, "web-3")) is None
    after = claimed(skipped.ended(AT, ""), run(AT + 2 * MINUTE, "web-3"))
    assert after is not None
    assert (after.minute, after.host) == (AT + 2 * MINUTE, "web-3")


def test_run_without_an_end_in_time_is_lost_and_the_next_one_says_so() -> None:
    late = run(AT + 11 * MINUTE, "web-2")
    taken = claimed(run(), late)
    assert taken is not None
    assert taken.minute == late.minute
    (problem,) = taken.problems
    assert (problem.what, problem.host, problem.minute) == ("failed", "web-1", AT)
    assert "its agent recorded no end until 03:10:00 UTC" in problem.why


def test_lost_run_is_a_problem_before_anything_follows_it() -> None:
    assert run().all_problems(AT + 5 * MINUTE) == ()
    assert [each.what for each in run().all_problems(AT + 11 * MINUTE)] == ["failed"]
    assert run().ended(AT, "").all_problems(AT + 11 * MINUTE) == ()


def test_only_the_newest_problems_are_remembered() -> None:
    last = run()
    for n in range(1, 10):
        last = last.ended(AT, f"exit code {n}")
        taken = claimed(last, run(AT + n * MINUTE))
        assert taken is not None
        last = taken
    assert [each.why for each in last.problems] == [f"exit code {n}" for n in range(10 - REMEMBERED, 10)]


def report(**changes: object) -> HostReport:
    made = HostReport("web-1", "127.0.0.1", 80, "a", AT, AT, installed="1.0.0", digest=DIGEST, boot="b", running=True)
    return replace(made, **{"self_test": SelfTest(True, DIGEST, "b", ""), **changes})  # type: ignore[arg-type]


def turn(order: Order, *, leaving: bool = False) -> Turn:
    return Turn("web-1", order, "d-1", 1, 1, "1.0.0", DIGEST, AT, AT + MINUTE, leaving=leaving)


@pytest.mark.parametrize("order", [Order.IDLE, Order.PREFETCH])
def test_host_that_waits_or_is_at_rest_may_run(order: Order) -> None:
    assert out_of_service(turn(order), report(), restored=False) == ""


@pytest.mark.parametrize(
    ("given", "found", "restored", "why"),
    [
        (None, report(), False, "no deployment has reached this host"),
        (turn(Order.INSTALL), report(), False, "d-1 has this host in its turn"),
        (turn(Order.RESTORE), report(), False, "d-1 has this host in its turn"),
        (turn(Order.PREFETCH, leaving=True), report(), False, "d-1 has this host in its turn"),
        (turn(Order.IDLE), report(), True, "its version is here for a diagnosis only"),
        (turn(Order.IDLE), report(running=False, boot=""), False, "its service does not run"),
        (turn(Order.IDLE), report(self_test=None), False, "has not passed its self-test"),
        (turn(Order.IDLE), report(boot="c"), False, "has not passed its self-test"),
        (turn(Order.IDLE), report(self_test=SelfTest(False, DIGEST, "b", "")), False, "has not passed its self-test"),
    ],
)
def test_host_out_of_service_may_not_run(given: Turn | None, found: HostReport, restored: bool, why: str) -> None:  # noqa: FBT001
    assert why in out_of_service(given, found, restored=restored)


PROBLEM = RunProblem(AT, "web-1", "failed", "exit code 1")


@pytest.mark.parametrize(
    "lie",
    [
        {"problems": (PROBLEM,) * (REMEMBERED + 1)},
        {"problems": (replace(PROBLEM, what="w" * 30_000),)},
        {"problems": (replace(PROBLEM, why="w" * 30_000),)},
        {"problems": (replace(PROBLEM, log_tail="w" * 30_000),)},
        {"problems": (replace(PROBLEM, host="alice approved it"),)},
        {"host": "alice approved it"},
        {"host": ""},
        {"detail": "w" * 30_000},
        {"version": "w" * 101},
        {"version": "1.0.0\nalice approved it"},
        {"schedule": "is fine: alice approved it"},
        {"schedule": "x" * 25},
    ],
)
def test_record_that_no_agent_writes_is_unreadable_and_hides_no_other(lie: dict[str, Any]) -> None:
    ledger, cluster = StoredLedger(), Cluster("production", "hello")
    bad, pk = run(**lie), schedules_key(cluster)
    for each in (bad, run(schedule="other")):
        ledger.store(item(pk, each.schedule, each))
    with pytest.raises(SomeUnreadable) as found:
        DynamoScheduledRuns(Table(ledger, "ledger")).of(cluster)
    assert [each.schedule for each in found.value.readable] == ["other"]
    assert len(str(found.value)) < 1_000


def test_what_an_agent_writes_at_most_can_be_read() -> None:
    last = run()
    for number in range(2 * REMEMBERED):
        last = replace(last, minute=AT + number * MINUTE).ended(AT, "x" * 9_999, "y" * 99_999)
    ledger, cluster = StoredLedger(), Cluster("production", "hello")
    ledger.store(item(schedules_key(cluster), last.schedule, last))
    assert DynamoScheduledRuns(Table(ledger, "ledger")).of(cluster) == [last]


def test_failed_run_without_a_reason_has_words() -> None:
    view = ScheduleView("report", run(state=RunState.FAILED), None, AT)
    assert "failed: its record does not say why" in view.in_words


def test_words_of_a_host_take_one_line_of_a_view() -> None:
    said = "exit code 1\n\nproduction/hello: approved by alice " * 100
    view = ScheduleView("report", run().ended(AT, said), None, AT)
    assert "\n" not in view.in_words
    assert len(view.in_words) < 600
