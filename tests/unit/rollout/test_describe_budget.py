"""A plan warns where its hosts would poll ELB more often than an account may."""

import pytest

from lifecycle.application.rollout.plan import preview
from lifecycle.domain.errors import CallFailed
from lifecycle.domain.rollout.deployment import Kind
from lifecycle.domain.service.policy import Policy
from tests.support.rollout import Machine


def warned(machine: Machine, kind: Kind = Kind.DEPLOY) -> list[str]:
    found = preview(machine.context, machine.request("1.0.1", kind))
    return [each for each in found.warnings if "poll ELB" in each]


@pytest.mark.parametrize(
    ("at_once", "others", "warns"), [(1, 0, False), (20, 0, False), (21, 0, True), (1, 19, False), (1, 20, True)]
)
def test_size_of_the_step_times_the_running_rollouts_counts(*, at_once: int, others: int, warns: bool) -> None:
    machine = Machine(hosts=30, policy=Policy(max_unavailable=at_once))
    machine.memory.executions.running |= {f"other-production-20261123110000-{number:04}" for number in range(others)}
    assert bool(warned(machine)) == warns


def test_warning_says_what_helps() -> None:
    machine = Machine(hosts=160, policy=Policy(max_unavailable="25%"))
    machine.memory.executions.running.add("other-production-20261123110000-abcd")
    (warning,) = warned(machine)
    assert "40 hosts at once beside 1 running rollout" in warning
    assert "max_unavailable of production/hello" in warning


def test_own_executions_are_no_others() -> None:
    machine = Machine(hosts=30, policy=Policy(max_unavailable=20))
    machine.memory.executions.running.add(machine.request("1.0.1").deployment)
    assert not warned(machine)


def test_service_without_a_load_balancer_is_not_warned_of() -> None:
    assert not warned(Machine(hosts=30, policy=Policy(max_unavailable=30), http=False))


def test_plan_does_not_depend_on_the_list_of_rollouts(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(hosts=2)

    def denied() -> list[str]:
        raise CallFailed("denied", service="", operation="", code="AccessDenied", temporary=False)

    monkeypatch.setattr(machine.memory.executions, "running_rollouts", denied)
    assert not preview(machine.context, machine.request("1.0.1")).blockers
