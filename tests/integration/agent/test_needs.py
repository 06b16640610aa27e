"""A host without a command that the version needs says so when it prefetches, before anything is stopped."""

from pathlib import Path

import pytest

from apps.agent.commands import Runtimes, runtimes
from lifecycle.domain.fleet.host import AgentStage, Feature
from lifecycle.domain.fleet.host_command import Order
from tests.integration.agent.host import Host


def test_prefetch_fails_on_a_host_that_lacks_a_command_and_the_service_goes_on(host: Host) -> None:
    host.publish("1.0.0")
    before = host.install("1.0.0")
    host.publish("1.1.0", needs=("sh", "no-such-runtime"))
    for order in (Order.PREFETCH, Order.INSTALL):
        report = host.outcome(host.turn(order, "1.1.0"))
        assert (report.stage, report.installed) == (AgentStage.FAILED, "1.0.0")
        assert "web-1 lacks no-such-runtime, which 1.1.0 needs (run.needs)" in report.detail
        assert (report.boot, report.running) == (before.boot, True)


def test_version_runs_where_its_needs_are(host: Host) -> None:
    host.publish("1.0.0", needs=("sh",))
    report = host.install("1.0.0")
    assert report.stage is AgentStage.DONE, report
    assert Feature.NEEDS in report.features


def test_path_of_the_version_counts(host: Host, tmp_path: Path) -> None:
    (tmp_path / "own-runtime").write_text("#!/bin/sh\n")
    (tmp_path / "own-runtime").chmod(0o755)
    host.publish("1.0.0", needs=("own-runtime",), environment={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert host.install("1.0.0").stage is AgentStage.DONE


def test_runtimes_are_the_executables_of_the_path(tmp_path: Path) -> None:
    for name, mode in (("python3.13", 0o755), ("node", 0o644), ("ffmpeg", 0o755)):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
    assert runtimes(f"{tmp_path}:/no/such/folder::relative") == ("python3.13",)


def test_runtimes_are_read_again_after_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setenv("PATH", str(tmp_path))
    found = Runtimes(lambda: now[0])
    assert found.found() == ()
    (tmp_path / "java").write_text("")
    (tmp_path / "java").chmod(0o755)
    assert found.found() == ()
    now[0] = 61.0
    assert found.found() == ("java",)
