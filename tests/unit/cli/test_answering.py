"""approve, reject and decide, as typed."""

import pytest

from lifecycle.domain.deployment import DeploymentState
from lifecycle.domain.manifest import ApprovalGate, Policy
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk


def test_a_decision_shows_its_question_and_is_bound_to_it(desk: Desk) -> None:
    name = desk.halted()
    done = desk.type("decide hello ROLL_BACK --why slow")
    assert done.exit_code == 0, done.output
    assert "host-2, attempt 1, failed: failed while self-testing: scripted" in done.stdout
    assert "ROLL_BACK: deploy the previous version to every host that this deployment touched" in done.stdout
    [(_, payload)] = desk.functions.calls
    assert payload == {
        "deployment": name,
        "service": "hello",
        "environment": "production",
        "choice": "ROLL_BACK",
        "by": "ada",
        "why": "slow",
        "host": "host-2",
        "attempt": 1,
    }


def test_a_choice_may_be_typed_in_lower_case(desk: Desk) -> None:
    desk.halted()
    assert desk.type("decide hello abort").exit_code == 0


def test_a_decision_on_another_host_is_refused_before_anything_is_called(desk: Desk) -> None:
    name = desk.halted()
    done = desk.type("decide hello RETRY --host host-1 --attempt 1")
    assert done.exit_code == 1
    assert f"{name} asks about host-2, attempt 1, not host-1 1" in done.stderr
    assert desk.functions.calls == []


def test_a_decision_may_be_watched_to_the_rollbacks_end(desk: Desk) -> None:
    desk.halted()
    done = desk.type("decide hello ROLL_BACK --why slow --watch")
    assert done.exit_code == 0, done.output
    assert "it is rolled back by hello-production-" in done.stdout
    assert set(desk.machine.serving().values()) == {"1.0.0"}


def test_without_a_question_a_decision_says_what_there_is(desk: Desk) -> None:
    done = desk.type("decide hello RETRY")
    assert done.exit_code == 1
    expected = "there is no deployment of hello that waits for a decision; nothing is being deployed"
    assert expected in done.stderr


def test_an_approval_is_no_decision(desk: Desk) -> None:
    name = desk.halted()
    assert desk.type(f"decide {name} APPROVE").exit_code == 2
    assert desk.type("approve hello --why fine").exit_code == 1


@pytest.fixture
def gated() -> Desk:
    """A cluster whose first deployment waits for an approval, after its first host."""
    made = Desk(Policy(approval=ApprovalGate.AFTER_FIRST_HOST))
    made.machine.deploy("1.0.0")
    return made


def test_an_approval_lets_it_go_on(gated: Desk) -> None:
    done = gated.type("approve hello --why", "looks fine")
    assert done.exit_code == 0, done.output
    [(phase, payload)] = gated.functions.calls
    assert (phase, payload["choice"], payload["why"], payload["by"]) == (
        "approve",
        "APPROVE",
        "looks fine",
        "ada",
    )
    assert gated.machine.record(payload["deployment"]).state is DeploymentState.DONE


def test_a_rejection_is_recorded_with_its_reason(gated: Desk) -> None:
    done = gated.type("reject hello --why slow")
    assert done.exit_code == 0, done.output
    name = gated.functions.calls[0][1]["deployment"]
    assert "rejected by ada: slow" in gated.machine.record(name).reason


def test_an_answer_needs_a_reason(gated: Desk) -> None:
    assert gated.type("approve hello").exit_code == 2
    assert gated.functions.calls == []


def test_status_says_what_is_waited_for_and_how_to_answer(gated: Desk) -> None:
    name = gated.machine.memory.leases.current(CLUSTER).deployment
    told = gated.type("status").stdout
    assert "waits for an approval, until 2026-11-24" in told
    assert f"lifecycle approve hello --deployment {name} --why '...'" in told
    assert f"lifecycle reject hello --deployment {name} --why '...'" in told
