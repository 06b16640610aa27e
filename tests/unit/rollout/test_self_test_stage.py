"""Only a host that runs exactly what passed its self-test gets traffic; else the reason says what was found."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lifecycle.application.rollout import stages
from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.fleet.host import HostReport, SelfTest
from lifecycle.domain.rollout.attempt import AttemptState
from tests.support.rollout import CLUSTER, Machine, manifest

HOST = "host-2"
DIGEST = manifest("1.0.1").digest
OTHER = "0123456789abcdef" * 4


def result_of(report: HostReport) -> SelfTest:
    assert report.self_test is not None
    return report.self_test


def installed(machine: Machine) -> HostTask:
    """Return the task of a host that has installed 1.0.1 and passed its self-test."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    task = machine.hand_out(request.deployment, HOST)
    assert stages.drain(machine.context, task).outcome == "PASSED"
    assert stages.install(machine.context, task).outcome == "PASSED"
    return task


CASES: dict[str, tuple[Callable[[HostReport], HostReport], str]] = {
    "installs another": (
        lambda report: replace(report, digest=OTHER),
        f"expected digest {DIGEST[:12]}, found 0123456789ab installed, {DIGEST[:12]} tested",
    ),
    "tested another": (
        lambda report: replace(report, self_test=replace(result_of(report), digest=OTHER)),
        f"expected digest {DIGEST[:12]}, found {DIGEST[:12]} installed, 0123456789ab tested",
    ),
    "tested nothing": (lambda report: replace(report, self_test=None), f"{HOST} reports no self-test"),
    "has stopped": (
        lambda report: replace(report, running=False),
        f"the service of {HOST} has stopped or restarted since its self-test",
    ),
    "has restarted": (
        lambda report: replace(report, boot="another"),
        f"the service of {HOST} has stopped or restarted since its self-test",
    ),
    "did not pass": (
        lambda report: replace(report, self_test=replace(result_of(report), passed=False, detail="/is_alive: 500")),
        "self-test failed: /is_alive: 500",
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("stage", ["self_test", "register"])
def test_host_that_does_not_run_what_it_tested_gets_no_traffic(machine: Machine, stage: str, case: str) -> None:
    task = installed(machine)
    if stage == "register":
        assert stages.self_test(machine.context, task).outcome == "PASSED"
    change, reason = CASES[case]
    machine.memory.fleet.write_report(CLUSTER, change(machine.report(HOST)))
    assert getattr(stages, stage)(machine.context, task).outcome == "FAILED"
    attempt = machine.memory.deployments.attempts(task.deployment)[-1]
    assert (attempt.state, attempt.reason) == (AttemptState.FAILED, reason)
    assert HOST not in machine.serving()


def test_host_that_runs_what_it_tested_gets_traffic(machine: Machine) -> None:
    task = installed(machine)
    assert [each(machine.context, task).outcome for each in (stages.self_test, stages.register)] == ["PASSED"] * 2
    attempt = machine.memory.deployments.attempts(task.deployment)[-1]
    assert attempt.state is AttemptState.REGISTERED
