"""An agent on a disk that is small or full: it makes room, leaves nothing of a failed fetch, and does not end."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.agent import service_log
from apps.agent.atomic_file import write_atomically, write_despite_full_disk
from apps.agent.home_lock import HomeLock
from apps.agent.service import Service
from apps.agent.service_log import LOG_BYTES
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.service.manifest import ReleaseCommand
from tests.integration.agent.host import PYTHON, Host
from tests.support.polling import until

MIB = 1024**2
# Writes three times the allowed log while is_alive is not answered, then serves.
NOISY = 'import sys\nfor _ in range(24 * 16): sys.stdout.write("x" * 65535 + "\\n")\nsys.stdout.flush()\n'


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of 33 MiB; skip the test where this user may not mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=33m", "none", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def small_host(small_disk: Path) -> Iterator[Host]:
    made = Host(small_disk / "home")
    made.start()
    yield made
    made.close()


def fill(disk: Path) -> None:
    """Write to a file until the disk is full."""
    with (disk / "filler").open("ab", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 4096)
            except OSError:
                return


def on_disk(host: Host) -> list[str]:
    home = host.settings.home
    found = {
        str(path.relative_to(home)) for name in ("artifacts", "releases", "tmp") for path in (home / name).iterdir()
    }
    return sorted(found)


def padded(mebibytes: float) -> dict[str, str]:
    """Return a file of so many bytes, which packs to a hundredth."""
    return {"padding": "0123456789abcdef" * int(mebibytes * MIB / 16)}


def test_room_is_made_for_each_version_and_the_ones_to_roll_back_to_stay(small_host: Host) -> None:
    host = small_host
    for patch in range(6):
        host.publish(f"1.0.{patch}", files=padded(9.5))
        prefetched = host.outcome(host.turn(Order.PREFETCH, f"1.0.{patch}"))
        assert (prefetched.stage, prefetched.detail) == (AgentStage.READY, "")
        assert host.install(f"1.0.{patch}").stage is AgentStage.DONE
        assert f"1.0.{max(0, patch - 1)}" in host.reports.written[-1].releases

    assert host.answer() == "1.0.5"


@pytest.mark.parametrize("mebibytes", [40, 25])
def test_version_without_room_is_refused_and_leaves_nothing(small_host: Host, mebibytes: float) -> None:
    host = small_host
    for version in ("1.0.0", "1.0.1"):
        host.publish(version, files=padded(4))
        host.install(version)
    before, free = on_disk(host), shutil.disk_usage(host.settings.home).free
    host.publish("1.0.2", files=padded(mebibytes))

    for _ in range(2):
        report = host.outcome(host.turn(Order.PREFETCH, "1.0.2"))
        assert (report.stage, report.failed_stage) == (AgentStage.FAILED, AgentStage.FETCHING)
        assert "only 1.0.0, 1.0.1 stayed" in report.detail

    assert on_disk(host) == before
    assert abs(shutil.disk_usage(host.settings.home).free - free) < MIB
    assert host.answer() == "1.0.1"


def test_fetch_that_breaks_off_leaves_nothing(host: Host) -> None:
    host.publish("1.0.0")
    host.install("1.0.0")
    before = on_disk(host)
    manifest = host.publish("1.0.1")
    host.releases.publish(manifest, host.releases.published["hello", "1.0.1"][1][:-5])

    assert host.outcome(host.turn(Order.PREFETCH, "1.0.1")).stage is AgentStage.FAILED
    assert on_disk(host) == before


def test_artifact_that_cannot_be_unpacked_leaves_nothing(host: Host) -> None:
    host.publish("1.0.0")
    host.install("1.0.0")
    before = on_disk(host)
    host.publish("1.0.1", files={"../outside": ""})

    assert host.outcome(host.turn(Order.PREFETCH, "1.0.1")).stage is AgentStage.FAILED
    assert on_disk(host) == before


def test_version_on_a_full_disk_is_installed_without_a_fetch(small_host: Host, small_disk: Path) -> None:
    host = small_host
    for version in ("1.0.0", "1.0.1"):
        host.publish(version)
        host.install(version)
    fill(small_disk)
    host.epoch += 1

    report = host.install("1.0.0")

    assert (report.stage, host.answer()) == (AgentStage.DONE, "1.0.0")


def test_agent_starts_on_a_full_disk_and_empties_the_log_that_filled_it(small_disk: Path) -> None:
    host = Host(small_disk / "home")
    host.publish("1.0.0")
    host.turn(Order.INSTALL, "1.0.0")
    assert host.once().stage is AgentStage.DONE
    log = Service(host.settings.home).log
    with log.open("ab") as opened:
        opened.write(b"x" * (LOG_BYTES + 1))
    fill(small_disk)
    host.turn(Order.PREFETCH, "1.0.0")

    HomeLock(host.settings.home).release()
    report = host.once()

    assert (report.running, log.stat().st_size) == (True, 0)
    (small_disk / "filler").unlink()
    assert host.once().stage is AgentStage.READY
    host.close()


def test_room_is_made_where_inodes_run_out_before_bytes(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    options = "size=200m,nr_inodes=500"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a file system needs root")
    host = Host(disk / "home")
    try:
        host.start()
        for patch in range(6):
            host.publish(f"1.0.{patch}", files={f"f{each}": "x" for each in range(120)})
            assert host.outcome(host.turn(Order.PREFETCH, f"1.0.{patch}")).stage is AgentStage.READY
            assert host.install(f"1.0.{patch}").stage is AgentStage.DONE
        host.publish("1.1.0", files={f"f{each}": "x" for each in range(400)})
        report = host.outcome(host.turn(Order.PREFETCH, "1.1.0"))
        assert report.stage is AgentStage.FAILED
        assert "inodes on the disk of" in report.detail
        assert host.answer() == "1.0.5"
    finally:
        host.close()
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_removed_log_is_bounded_while_its_service_writes_to_it(host: Host) -> None:
    service = "import time; exec(open('serve.py').read())"
    noisy = "import os, threading\ndef go():\n while True: os.write(1, b'x' * 65535)\n"
    files = {"noisy.py": f"{noisy}threading.Thread(target=go, daemon=True).start()\n{service}"}
    host.publish("1.0.0", run=f"{PYTHON} noisy.py", files=files)
    assert host.install("1.0.0").stage is AgentStage.DONE
    opened = Path(f"/proc/{host.pid()}/fd/1")
    opened.readlink().unlink()
    until(lambda: opened.stat().st_size > 4 * LOG_BYTES)
    until(lambda: opened.stat().st_size < LOG_BYTES)
    assert str(opened.readlink()).endswith(" (deleted)")


def test_folders_that_a_person_removed_are_made_again(host: Host) -> None:
    host.publish("1.0.0")
    host.install("1.0.0")
    shutil.rmtree(host.settings.home)
    host.publish("1.0.1")

    assert host.install("1.0.1").stage is AgentStage.DONE
    assert host.answer() == "1.0.1"


def test_log_is_trimmed_during_a_turn(host: Host) -> None:
    service = 'import time; time.sleep(1.6); exec(open("serve.py").read())'
    files = {"noisy.py": NOISY + service}
    host.publish("1.0.0", run=f"{PYTHON} noisy.py", files=files, start_seconds=60)
    log = host.settings.home / "logs" / "service.log"
    turn = host.turn(Order.INSTALL, "1.0.0")
    until(lambda: log.exists() and log.stat().st_size > LOG_BYTES)
    until(lambda: log.stat().st_size < LOG_BYTES)

    assert host.reports.written[-1].stage is AgentStage.STARTING
    assert host.outcome(turn).stage is AgentStage.DONE


def test_trimmed_log_still_ends_the_report_of_a_failure(tmp_path: Path) -> None:
    service = Service(tmp_path)
    (tmp_path / "service.json").write_text("{}")
    service.log.write_bytes(b"x" * LOG_BYTES + b"\nout of memory\n")
    service.trim_log()

    assert service.log_tail().endswith("\nout of memory")


def test_log_of_the_start_before_is_not_reported(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.log.write_text("the start before\n")
    service_log.rotate(service.log)
    time.sleep(0.02)
    (tmp_path / "service.json").write_text("{}")
    service.log.write_text("this start\n")

    assert service.log_tail() == "this start"


def test_log_is_emptied_though_its_end_cannot_be_written(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.log.write_bytes(b"x" * (LOG_BYTES + 1))
    service_log.older(service.log).symlink_to("/dev/full")

    service.trim_log()

    assert service.log.read_bytes() == b""
    assert not service_log.older(service.log).exists()


def test_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_atomically(file, "before")
    (tmp_path / "state.json.new").symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"):
        write_atomically(file, "after")
    assert (file.read_text(), list(tmp_path.iterdir())) == ("before", [file])


def test_state_is_written_into_the_reserve_of_a_full_disk(small_disk: Path) -> None:
    file = small_disk / "state.json"
    write_despite_full_disk(file, "before")
    assert (small_disk / "reserve").stat().st_blocks > 0
    fill(small_disk)
    for number in range(5):
        write_despite_full_disk(file, f"after {number} " + "x" * 10_000)
    assert file.read_text().startswith("after 4")
    (small_disk / "filler").unlink()
    write_despite_full_disk(file, "later")
    assert (small_disk / "reserve").exists()


@pytest.mark.parametrize("order", [Order.PREFETCH, Order.RELEASE, Order.INSTALL])
def test_turn_that_a_full_disk_cannot_record_fails_at_once(small_host: Host, small_disk: Path, order: Order) -> None:
    host = small_host
    host.publish("1.0.0")
    host.install("1.0.0")
    host.publish("1.0.1", release=ReleaseCommand("true"))
    home = host.settings.home
    fill(small_disk)
    (home / "reserve").unlink()
    fill(small_disk)
    before = (home / "state.json").read_text()

    for _ in range(2):
        report = host.outcome(host.turn(order, "1.0.1"))
        assert (report.stage, report.installed, host.answer()) == (AgentStage.FAILED, "1.0.0", "1.0.0")
        assert report.detail.startswith("the disk of this host is full: make room, then retry")
    assert (home / "state.json").read_text() == before

    (small_disk / "filler").unlink()
    until(lambda: '"FAILED"' in (home / "state.json").read_text())
    assert host.outcome(host.turn(Order.PREFETCH, "1.0.1")).stage is AgentStage.READY


def test_agent_starts_and_reports_on_a_disk_without_any_room(small_disk: Path) -> None:
    host = Host(small_disk / "home")
    host.publish("1.0.0")
    host.turn(Order.INSTALL, "1.0.0")
    assert host.once().stage is AgentStage.DONE
    home = host.settings.home
    before = (home / "state.json").read_text()
    host.turn(Order.PREFETCH, "1.0.0")
    assert host.once().stage is AgentStage.READY
    (home / "state.json").write_text(before)  # the file is older than the report, as after a restore
    fill(small_disk)
    (home / "reserve").unlink(missing_ok=True)
    fill(small_disk)
    turn = host.turn(Order.INSTALL, "1.0.0")
    HomeLock(home).release()

    report = host.once()

    assert (report.answers(turn), report.stage) == (True, AgentStage.FAILED)
    assert "the disk of this host is full" in report.detail
    host.close()


def test_release_command_on_a_full_disk_fails_with_what_to_do(small_host: Host, small_disk: Path) -> None:
    host = small_host
    host.publish("1.0.1", release=ReleaseCommand("cat /dev/zero > migrated"))
    host.outcome(host.turn(Order.PREFETCH, "1.0.1"))
    fill(small_disk)

    report = host.outcome(host.turn(Order.RELEASE, "1.0.1"))

    assert (report.stage, report.failed_stage) == (AgentStage.FAILED, AgentStage.RELEASING)
    assert "the release command failed: exit code 1; the disk of this host is full: make room" in report.detail
    (small_disk / "filler").unlink()
    (host.settings.home / "releases" / "1.0.1" / "migrated").unlink()
    assert host.install("1.0.1").stage is AgentStage.DONE


def test_log_that_grew_while_the_agent_was_down_makes_room_for_the_version_of_a_turn(small_disk: Path) -> None:
    host = Host(small_disk / "home")
    host.publish("1.0.0")
    host.turn(Order.INSTALL, "1.0.0")
    assert host.once().stage is AgentStage.DONE
    HomeLock(host.settings.home).release()
    with Service(host.settings.home).log.open("ab") as opened:
        opened.write(b"x" * (28 * MIB))
    host.publish("1.0.1", files=padded(8))
    turn = host.turn(Order.PREFETCH, "1.0.1")

    report = host.once()

    assert (report.answers(turn), report.stage, report.detail) == (True, AgentStage.READY, "")
    host.close()
