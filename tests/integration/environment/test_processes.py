import io
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from apps.local.errors import LaptopError
from apps.local.lock import locked
from apps.local.paths import Layout
from apps.local.priority import VARIABLE, PriorityScope, niceness
from apps.local.processes import Part, end, log_end, recorded, session, start
from apps.local.progress import Progress
from tests.support.polling import until

ENVIRONMENT = {"PATH": os.environ["PATH"]}
QUIET = Progress(quiet=True)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    layout = Layout(tmp_path)
    yield layout
    end(layout, list(recorded(layout).values()), timeout_seconds=0.2)


def run(layout: Layout, script: str, name: str = "part") -> Part:
    return start(layout, name, ["sh", "-c", script], ENVIRONMENT)


def test_a_started_part_is_recorded_with_its_start_time_and_leads_its_own_session(layout: Layout) -> None:
    part = run(layout, "sleep 60")
    assert recorded(layout) == {"part": part}
    assert part.alive
    assert os.getsid(part.pid) == part.pid != os.getsid(0)
    assert part.started == pytest.approx(psutil.Process(part.pid).create_time(), abs=0.1)


def test_part_inherits_no_open_file_of_its_starter(layout: Layout, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as given:
        os.set_inheritable(given.fileno(), True)
        part = run(layout, "exec sleep 60")
        until(lambda: psutil.Process(part.pid).name() == "sleep")
        held = [str(each.readlink()) for each in Path(f"/proc/{part.pid}/fd").iterdir()]
    assert str(tmp_path / "lock") not in held
    assert held.count(str(layout.log("part"))) == 2


def test_ending_a_part_ends_its_children_and_removes_its_record(layout: Layout) -> None:
    part = run(layout, "sleep 60 & sleep 60 & wait")
    until(lambda: len(session(part)) == 3)
    assert end(layout, [part]) == []
    assert recorded(layout) == {}
    assert not part.alive
    assert session(part) == set()


def test_children_that_outlive_their_part_are_ended_too(layout: Layout) -> None:
    part = run(layout, "sleep 60 & exit 0")
    until(lambda: not part.alive and len(session(part)) == 1)
    assert end(layout, [part]) == []
    assert session(part) == set()


def test_a_part_that_ignores_sigterm_is_killed(layout: Layout) -> None:
    part = run(layout, "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    until(lambda: "ready" in log_end(layout, "part"))
    assert end(layout, [part], timeout_seconds=0.2) == []
    assert not part.alive


def test_reused_pid_is_not_signalled(layout: Layout) -> None:
    stranger = run(layout, "sleep 60", name="stranger")
    recycled = replace(stranger, name="recycled", started=stranger.started - 1000)
    assert not recycled.alive
    assert session(recycled) == set()
    assert end(layout, [recycled]) == []
    assert stranger.alive


def test_part_that_already_ended_can_be_ended(layout: Layout) -> None:
    part = run(layout, "exit 3")
    until(lambda: not part.alive)
    assert end(layout, [part]) == []


def test_output_goes_to_the_parts_log(layout: Layout) -> None:
    run(layout, "echo one; echo two >&2")
    until(lambda: log_end(layout, "part") == "one\ntwo")


def test_command_that_holds_the_lock_for_too_long_is_named(layout: Layout) -> None:
    refused = pytest.raises(LaptopError, match=r"expected the other command .* to end within 0 s")
    with locked(layout, QUIET), refused, locked(layout, QUIET, longest_seconds=0.2):
        pytest.fail("the lock was given twice")


def test_second_command_waits_for_the_first_and_says_so(layout: Layout) -> None:
    output, order = io.StringIO(), list[str]()

    def second() -> None:
        with locked(layout, Progress(Console(file=output))):
            order.append("second")

    waiting = threading.Thread(target=second)
    with locked(layout, QUIET):
        waiting.start()
        until(lambda: "this one waits" in " ".join(output.getvalue().split()))  # a narrow screen breaks lines
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_files_made_under_the_lock_are_readable_whatever_the_umask(layout: Layout) -> None:
    before = os.umask(0o077)
    try:
        with locked(layout, QUIET):
            (layout.home / "made").mkdir()
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert (layout.home / "made").stat().st_mode & 0o777 == 0o755


def test_part_makes_readable_files_whatever_the_umask(layout: Layout) -> None:
    before = os.umask(0o077)
    try:
        run(layout, "touch made")
    finally:
        os.umask(before)
    until((layout.home / "made").exists)
    assert (layout.home / "made").stat().st_mode & 0o777 == 0o644


def priority_of(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


def test_lifecycle_nice_lowers_a_part_and_its_children(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "7")
    part = run(layout, "sleep 60 & wait")
    until(lambda: len(session(part)) == 2)
    assert {priority_of(pid) for pid in session(part)} == {min(19, priority_of(0) + 7)}
    autogroup = Path(f"/proc/{part.pid}/autogroup")
    assert not autogroup.exists() or autogroup.read_text().endswith("nice 7\n")


def test_session_scope_does_not_lower_children_in_other_sessions(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "7")
    pid_file = layout.home / "pid"
    script = f"setsid sh -c 'echo $$ > {pid_file}.new && mv {pid_file}.new {pid_file} && exec sleep 60' & wait"
    part = start(layout, "agent", ["sh", "-c", script], ENVIRONMENT, PriorityScope.SESSION)
    until(pid_file.exists)
    service = psutil.Process(int(pid_file.read_text()))
    assert priority_of(service.pid) == priority_of(part.pid) == priority_of(0)
    autogroup = Path(f"/proc/{service.pid}/autogroup")
    assert not autogroup.exists() or autogroup.read_text().endswith("nice 0\n")
    service.kill()


@pytest.mark.parametrize("text", ["20", "-1", "much"])
def test_invalid_niceness_is_refused(text: str) -> None:
    with pytest.raises(LaptopError, match="expected a number from 0 to 19"):
        niceness({VARIABLE: text})
    assert niceness({}) == 0
