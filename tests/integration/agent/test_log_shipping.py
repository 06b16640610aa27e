"""A service's log on the disk, sent to a sink in memory: new starts, trims, restarts, outages and refusals."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from apps.agent import log_follower, service_log
from apps.agent.errors import StoreUnreachable
from apps.agent.log_follower import CATCH_UP_BYTES
from apps.agent.log_shipping import LONGEST_PAUSE_SECONDS, POSITION, SECONDS, LogShipper
from lifecycle.domain.fleet.cluster import Cluster
from tests.fakes.service_logs import MemoryLogSink, MemoryServiceLogs
from tests.support.polling import PATIENCE_SECONDS, eventually


@pytest.fixture
def sink() -> MemoryLogSink:
    return MemoryLogSink(MemoryServiceLogs(), Cluster("production", "hello"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path


@pytest.fixture
def log(home: Path) -> Path:
    return home / "logs" / "service.log"


def write(log: Path, *lines: str) -> None:
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def numbered(first: int, last: int, width: int = 0) -> list[str]:
    return [f"line {n} ".ljust(width, ".") for n in range(first, last)]


def test_new_lines_are_sent_once(home: Path, log: Path, sink: MemoryLogSink) -> None:
    shipper = LogShipper(home, sink)
    assert shipper.ship()
    write(log, "one", "two")
    for _ in range(3):
        assert shipper.ship()
    write(log, "three")
    assert shipper.ship()
    assert sink.texts == ["one", "two", "three"]


def test_restarted_agent_goes_on_where_the_former_one_ended(home: Path, log: Path, sink: MemoryLogSink) -> None:
    write(log, *numbered(0, 10))
    LogShipper(home, sink).ship()
    write(log, *numbered(10, 20))
    LogShipper(home, sink).ship()
    assert sink.texts == numbered(0, 20)


@pytest.mark.parametrize("stored", ["", "{", "[]", '{"inode": "a", "offset": 1, "mark": ""}', '{"mark": "zz"}'])
def test_position_that_cannot_be_read_sends_the_log_again(
    home: Path, log: Path, sink: MemoryLogSink, stored: str
) -> None:
    (home / POSITION).write_text(stored)
    write(log, "one")
    assert LogShipper(home, sink).ship()
    assert sink.texts == ["one"]


def test_starts_with_the_same_first_line_are_told_apart(home: Path, log: Path, sink: MemoryLogSink) -> None:
    """A failed update is one start, and the version from before prints the same as ever in the next one."""
    shipper = LogShipper(home, sink)
    write(log, "listening")
    shipper.ship()
    service_log.rotate(log)
    write(log, "listening", "no database")
    service_log.rotate(log)
    write(log, "listening")
    for _ in range(3):
        shipper.ship()
    note = "lifecycle: an unknown number of lines was left out here: they were overwritten before they were sent"
    assert sink.texts == ["listening", note, "listening", "no database", "listening"]


def test_new_start_of_the_service_loses_nothing(home: Path, log: Path, sink: MemoryLogSink) -> None:
    shipper = LogShipper(home, sink)
    write(log, *numbered(0, 5))
    shipper.ship()
    write(log, *numbered(5, 10))
    service_log.rotate(log)
    write(log, *numbered(10, 15))
    shipper.ship()
    assert sink.texts == numbered(0, 15)


def test_trim_loses_nothing_that_is_in_the_older_file(
    home: Path, log: Path, sink: MemoryLogSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_log, "LOG_BYTES", 4000)
    shipper = LogShipper(home, sink)
    write(log, *numbered(0, 90, 40))
    shipper.ship()
    write(log, *numbered(90, 120, 40))
    service_log.trim(log)
    assert log.stat().st_size == 0
    write(log, *numbered(120, 130, 40))
    shipper.ship()
    assert sink.texts == numbered(0, 130, 40)


def test_lines_that_were_overwritten_are_named(
    home: Path, log: Path, sink: MemoryLogSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_log, "LOG_BYTES", 4000)
    shipper = LogShipper(home, sink)
    write(log, *numbered(0, 10, 40))
    shipper.ship()
    write(log, *numbered(10, 300, 40))
    service_log.trim(log)
    for _ in range(2):
        shipper.ship()
    assert "unknown number of lines" in sink.texts[10]
    assert sink.texts[-1] == numbered(299, 300, 40)[0]
    assert len(sink.texts) == len(set(sink.texts))


def test_catching_up_is_bounded_and_says_how_many_lines_were_left_out(
    home: Path, log: Path, sink: MemoryLogSink
) -> None:
    write(log, *numbered(0, 60_000, 100))
    shipper = LogShipper(home, sink)
    for _ in range(3):
        shipper.ship()
    note, *rest = sink.texts
    assert rest == numbered(60_000 - len(rest), 60_000, 100)
    assert CATCH_UP_BYTES - 200 <= len(rest) * 101 <= CATCH_UP_BYTES
    assert f" {60_000 - len(rest)} lines were left out" in note


def test_outage_loses_nothing_sends_nothing_twice_and_is_named_once(
    home: Path, log: Path, sink: MemoryLogSink, caplog: pytest.LogCaptureFixture
) -> None:
    shipper = LogShipper(home, sink)
    sink.outage.down = True
    write(log, *numbered(0, 10))
    assert [shipper.ship() for _ in range(4)] == [False] * 4
    assert len(caplog.records) == 1
    assert SECONDS < shipper.pause() <= LONGEST_PAUSE_SECONDS
    sink.outage.down = False
    assert shipper.ship()
    assert shipper.pause() == SECONDS
    assert sink.texts == numbered(0, 10)


def test_batch_that_was_sent_before_an_outage_is_not_sent_again(
    home: Path, log: Path, sink: MemoryLogSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(log, *map(str, range(25_000)))
    shipper, real, calls = LogShipper(home, sink), sink.put, count()

    def put(texts: list[str], at_ms: int, process: str = "") -> None:
        sink.outage.down = next(calls) == 1
        real(texts, at_ms)

    monkeypatch.setattr(sink, "put", put)
    assert not shipper.ship()
    assert shipper.ship()
    assert sink.texts == [*map(str, range(25_000))]


def test_cluster_of_an_older_stack_is_named_once_and_its_lines_wait(
    home: Path, log: Path, sink: MemoryLogSink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.logs.old_stacks.add(sink.cluster)
    write(log, "one")
    shipper = LogShipper(home, sink)
    for _ in range(12):
        assert not shipper.ship()
    assert ["deploy the cluster's stack" in record.getMessage() for record in caplog.records] == [True]
    assert shipper.pause() >= LONGEST_PAUSE_SECONDS / 2
    sink.logs.old_stacks.clear()
    assert shipper.ship()
    assert sink.texts == ["one"]


def test_batch_that_is_refused_for_good_is_left_out_and_named_once(
    home: Path, log: Path, sink: MemoryLogSink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.refuses = "bad"
    shipper = LogShipper(home, sink)
    for _ in range(3):
        write(log, "bad")
        assert shipper.ship()
    assert len(caplog.records) == 1
    write(log, "good")
    assert shipper.ship()
    assert sink.texts == ["good"]


def test_unfinished_line_is_sent_when_it_grows_no_more(home: Path, log: Path, sink: MemoryLogSink) -> None:
    shipper = LogShipper(home, sink)
    log.write_text("whole\nprompt> ")
    shipper.ship()
    assert sink.texts == ["whole"]
    shipper.ship()
    assert sink.texts == ["whole", "prompt> "]


def test_full_disk_sends_nothing_twice(
    home: Path, log: Path, sink: MemoryLogSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log_follower, "store", full)
    shipper = LogShipper(home, sink)
    write(log, "one")
    assert shipper.ship()
    assert shipper.ship()
    assert sink.texts == ["one"]


@pytest.mark.parametrize(
    ("clock", "times"),
    [
        ((100.0, 50.0, 200.0), [100_000, 100_000, 200_000]),
        ((900_000.0, 1000.0, 1001.0), [900_000_000, 1_000_000, 1_001_000]),
    ],
)
def test_times_go_back_only_with_a_large_correction_of_the_clock(
    home: Path, log: Path, sink: MemoryLogSink, clock: tuple[float, ...], times: list[int]
) -> None:
    readings: Iterator[float] = iter(clock)
    shipper = LogShipper(home, sink, lambda: next(readings))
    for n in range(3):
        write(log, str(n))
        shipper.ship()
    assert sink.times == times


def test_thread_sends_by_itself_and_ends(home: Path, log: Path, sink: MemoryLogSink) -> None:
    shipper = LogShipper(home, sink)
    write(log, "one")
    shipper.start()
    for attempt in eventually():
        with attempt:
            assert sink.texts == ["one"]
    shipper.close(PATIENCE_SECONDS)
    write(log, "two")
    assert sink.texts == ["one"]


def test_lines_are_masked_and_wait_while_they_cannot_be(home: Path, log: Path, sink: MemoryLogSink) -> None:
    known: list[str] = []

    def mask(text: str, *, part: bool = False) -> str:
        del part
        if not known:
            raise StoreUnreachable("the configuration", "down")
        return text.replace("s3cret", f"[{known[0]}]")

    write(log, "a s3cret", "b")
    shipper = LogShipper(home, sink, mask=mask)
    assert not shipper.ship()
    assert sink.texts == []
    known.append("TOKEN")
    assert shipper.ship()
    assert sink.texts == ["a [TOKEN]", "b"]


def test_hole_that_a_service_makes_in_its_log_is_not_read(home: Path, log: Path, sink: MemoryLogSink) -> None:
    shipper = LogShipper(home, sink)
    write(log, "before")
    shipper.ship()
    os.truncate(log, 2**40)
    shipper.ship()
    shipper.ship()
    assert "unknown number of lines" in sink.texts[1]
    service_log.trim(log)
    write(log, "after")
    shipper.ship()
    assert sink.texts[-1].endswith("after")
