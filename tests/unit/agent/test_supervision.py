"""The agent reports how its service ended, once, and reminds of it less and less often."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.agent import processes
from apps.agent.aws import DynamoReports
from apps.agent.service import Service, StartRecord
from apps.agent.supervision import Supervision, announcements
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport, SelfTest
from lifecycle.names import SERVICE_ENDED

BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)
STARTED = StartRecord(41, 7, processes.kernel_boot(), "boot-1", "1.0.0", "d", 10.0)
PASSED = SelfTest(True, "d", "boot-1", "ok")
REPORT = HostReport("h1", "127.0.0.1", 8080, "a", BEGAN, BEGAN)


@dataclass
class Scripted(Service):
    """A service whose processes are two fields."""

    started: StartRecord | None = STARTED
    alive: bool = True
    how: str = "SIGKILL"
    process: str = ""

    def running(self) -> StartRecord | None:
        return self.started if self.alive else None

    def exit_status(self, unknown: str = "unknown exit code") -> str:
        return self.how or unknown

    def ended_process(self) -> str:
        return self.process


@dataclass
class Watched:
    """A supervised service, and the time."""

    service: Scripted = field(default_factory=Scripted)
    now: datetime = BEGAN

    def __post_init__(self) -> None:
        self.supervision = Supervision(self.service, lambda: "the log", lambda: self.now)


def test_service_that_runs_has_no_end() -> None:
    assert Watched().supervision.end(PASSED) is None


def test_end_of_another_process_names_it() -> None:
    end = Watched(Scripted(alive=False, how="exit code 3", process="worker")).supervision.end(PASSED)
    assert end is not None
    assert (end.process, end.in_words) == ("worker", "its process worker ended with exit code 3")


def test_end_says_when_how_and_which_start_with_the_log() -> None:
    watched = Watched(Scripted(alive=False))
    end = watched.supervision.end(PASSED)
    assert end is not None
    assert (end.at, end.how, end.boot, end.booted, end.log_tail) == (BEGAN, "SIGKILL", "boot-1", False, "the log")
    assert end.in_words == "its service ended with SIGKILL"
    watched.now += timedelta(seconds=30)
    assert watched.supervision.end(PASSED) == end


def test_end_without_a_known_exit_code_names_none() -> None:
    end = Watched(Scripted(alive=False, how="")).supervision.end(PASSED)
    assert end is not None
    assert end.in_words == "its service ended"


def test_host_that_booted_says_so() -> None:
    end = Watched(Scripted(replace(STARTED, kernel="another"), alive=False)).supervision.end(PASSED)
    assert end is not None
    assert (end.booted, end.how, "its host booted" in end.in_words) == (True, "", True)


def test_start_that_never_passed_its_self_test_is_the_failure_of_its_turn() -> None:
    for test in (None, replace(PASSED, passed=False), replace(PASSED, boot="boot-0")):
        assert Watched(Scripted(alive=False)).supervision.end(test) is None


def test_service_that_a_turn_stopped_has_no_end() -> None:
    assert Watched(Scripted(None, alive=False)).supervision.end(PASSED) is None


def test_repair_is_asked_for_again_after_growing_pauses() -> None:
    assert [announcements(each) for each in (-1, 0, 0.9, 1, 2, 3.9, 4, 8, 15.9, 16, 31, 46)] == [
        1, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 8,
    ]  # fmt: skip
    watched = Watched(Scripted(alive=False))
    watched.supervision.end(PASSED)
    watched.now += timedelta(minutes=2)
    end = watched.supervision.end(PASSED)
    assert end is not None
    assert (end.at, end.announced) == (BEGAN, 3)


def test_next_start_that_ends_is_another_end() -> None:
    watched = Watched(Scripted(alive=False))
    first = watched.supervision.end(PASSED)
    watched.service.started = replace(STARTED, boot="boot-2")
    second = watched.supervision.end(replace(PASSED, boot="boot-2"))
    assert first is not None
    assert second is not None
    assert (first.boot, second.boot, second.announced) == ("boot-1", "boot-2", 1)


class Items:
    """DynamoDB that remembers the items, and may fail."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    def put_item(self, TableName: str, Item: dict[str, Any]) -> None:  # noqa: N803 (the names of boto3)
        self.items.append(Item)


def test_only_the_first_report_of_an_announcement_starts_convergence() -> None:
    items, watched = Items(), Watched(Scripted(alive=False))
    reports = DynamoReports(items, "ledger", Cluster("production", "hello"), "h1")
    ended = replace(REPORT, ended=watched.supervision.end(PASSED))
    assert ended.ended is not None
    reminded = replace(ended, ended=replace(ended.ended, announced=2))
    for report in (
        REPORT,
        ended,
        replace(ended, seen_at=BEGAN + timedelta(seconds=9)),
        reminded,
        reminded,
        REPORT,
        ended,
    ):
        reports.write(report)
    assert [SERVICE_ENDED in each for each in items.items] == [False, True, False, True, False, False, True]


def test_announcement_that_was_not_written_is_written_again() -> None:
    class Broken(Items):
        def put_item(self, TableName: str, Item: dict[str, Any]) -> None:  # noqa: N803
            super().put_item(TableName, Item)
            if len(self.items) == 1:
                raise RuntimeError

    items = Broken()
    reports = DynamoReports(items, "ledger", Cluster("production", "hello"), "h1")
    ended = replace(REPORT, ended=Watched(Scripted(alive=False)).supervision.end(PASSED))
    for _ in range(2):
        try:
            reports.write(ended)
        except RuntimeError:
            continue
    assert [SERVICE_ENDED in each for each in items.items] == [True, True]
