"""Turns of a real agent with services without HTTP, whose self-test comes before their start."""

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from apps.agent.processes import process
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.service.manifest import Check
from tests.integration.agent.host import Host
from tests.support.polling import eventually

WORK = "echo began $LIFECYCLE_VERSION >> ../../work; exec sleep 1000"


@pytest.fixture(autouse=True)
def _without_port(host: Host) -> None:
    host.settings = replace(host.settings, port=0)
    host.stop()
    host.start()


def publish(host: Host, version: str, run: str = WORK, test: str = "true", stop_seconds: float = 1.0) -> None:
    """Publish a version of a worker."""
    manifest = host.publish(version, run, Check(command=test, timeout_seconds=2.0), stop_seconds=stop_seconds)
    worker = replace(manifest, run=replace(manifest.run, http=False, port=0), is_alive=Check())
    host.releases.publish(worker, host.releases.published["hello", version][1])


def work(host: Host) -> list[str]:
    """Return the starts of the worker, as it wrote them."""
    file = host.settings.home / "work"
    return file.read_text().splitlines() if file.exists() else []


def passed(report: HostReport) -> bool:
    return report.has_passed(report.digest)


def test_worker_runs_once_its_self_test_has_passed(host: Host) -> None:
    publish(host, "1.0.0", test="echo tested >> ../../work")

    report = host.install("1.0.0")

    assert (report.stage, report.running, report.port) == (AgentStage.DONE, True, 0)
    assert passed(report)
    assert work(host) == ["tested", "began 1.0.0"]


def test_worker_whose_self_test_fails_is_never_started(host: Host) -> None:
    publish(host, "1.0.0")
    publish(host, "1.0.1", test="echo no queue; exit 3")
    host.install("1.0.0")

    report = host.install("1.0.1")

    assert (report.stage, report.failed_stage) == (AgentStage.FAILED, AgentStage.SELF_TESTING)
    assert "ended with exit code 3" in report.detail
    assert "no queue" in report.detail
    assert (report.running, report.boot, report.ended) == (False, "", None)
    assert work(host) == ["began 1.0.0"]


def test_self_test_that_leaves_a_process_leaves_none_behind(host: Host) -> None:
    publish(host, "1.0.0", test="sleep 999 & echo $! > ../../left; exit 1")
    host.install("1.0.0")

    left = int((host.settings.home / "left").read_text())
    for attempt in eventually():
        with attempt:
            assert (found := process(left)) is None or found.dead


@pytest.mark.parametrize("command", ["exit 4", "sleep 0.2; exit 4"])
def test_worker_that_ends_right_after_its_start_has_failed(host: Host, command: str) -> None:
    publish(host, "1.0.0", run=command)

    report = host.install("1.0.0")

    assert (report.stage, report.failed_stage) == (AgentStage.FAILED, AgentStage.STARTING)
    assert "exit code 4" in report.detail
    assert not passed(report)


def test_worker_gets_no_host_and_no_port(host: Host) -> None:
    publish(host, "1.0.0", run="env > ../../environment; exec sleep 1000")
    host.install("1.0.0")

    names = variables(host.settings.home / "environment")
    assert not {"HOST", "PORT"} & names.keys()
    assert names["LIFECYCLE_VERSION"] == "1.0.0"


def variables(file: Path) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)


def test_update_ends_the_work_of_the_version_before_by_sigterm(host: Host) -> None:
    run = "trap 'echo ended >> ../../work; exit 0' TERM; echo began >> ../../work; while :; do sleep 0.05; done"
    publish(host, "1.0.0", run=run, stop_seconds=5.0)
    publish(host, "1.0.1")
    host.install("1.0.0")

    assert passed(host.install("1.0.1"))
    assert work(host) == ["began", "ended", "began 1.0.1"]


def test_death_of_a_worker_is_reported_and_a_turn_tests_and_starts_it_again(host: Host) -> None:
    publish(host, "1.0.0", test="echo tested >> ../../work")
    before = host.install("1.0.0")
    found = process(host.pid())
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)

    report = host.reports.wait_for(lambda each: each.ended is not None)
    assert report.ended is not None
    assert report.ended.how == "SIGKILL"

    again = host.install("1.0.0")
    assert passed(again)
    assert again.boot != before.boot
    assert work(host) == ["tested", "began 1.0.0", "tested", "began 1.0.0"]


def test_service_with_http_is_refused_before_anything_is_changed(host: Host) -> None:
    host.publish("2.0.0")
    for order in (Order.PREFETCH, Order.INSTALL):
        report = host.outcome(host.turn(order, "2.0.0"))
        assert report.stage is AgentStage.FAILED
        assert report.detail == "2.0.0 serves HTTP, and web-1 has no port: start its agent with --port"
    assert report.installed == ""
