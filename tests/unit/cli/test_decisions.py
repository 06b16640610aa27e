"""approve, reject and decide, as typed."""

from datetime import UTC, datetime

import pytest
from botocore.exceptions import EndpointConnectionError

from apps.cli.output.decision_view import effect
from lifecycle.domain.rollout.decision import Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk


def test_decision_shows_its_question_and_names_host_and_attempt(desk: Desk) -> None:
    name = desk.halted()
    does = desk.effect(name, Choice.ROLL_BACK)
    done = desk.type("decide hello ROLL_BACK --why slow")
    assert done.exit_code == 0, done.output
    assert "host-2, attempt 1, failed: failed while self-testing: scripted" in done.stdout
    assert f"\nROLL_BACK: {does}\n" in done.stdout
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


def test_halt_shows_its_cause_and_expiry(desk: Desk) -> None:
    desk.halted()
    output = desk.type("status hello").stdout
    blamed = "  the version is to blame: host-2 passes its self-test with 1.0.0: the new version is to blame\n"
    asked = "  expires at 2026-11-30 12:00 UTC (in 7 d): then the decision is requested again\n"
    assert output.index("attempt 1, failed") < output.index(blamed) < output.index(asked) < output.index("| scripted")
    [cluster] = desk.facts("status hello")["clusters"]
    assert (cluster["question"]["blame"], cluster["question"]["asks"]) == ("VERSION", "decision")


def test_bad_host_is_distinguished_from_bad_version(desk: Desk) -> None:
    desk.break_host("host-2", "1.0.0", "1.0.1")
    desk.machine.deploy("1.0.1")
    output = desk.type("status hello").stdout
    assert "  the host is to blame: host-2 fails with 1.0.0 too (scripted): the host is to blame\n" in output
    assert "  host-2 is quarantined: later deployments leave it out; RETRY lifts that\n" in output
    assert output.count("is quarantined: ") == 1


def test_each_choice_shows_its_effect(desk: Desk) -> None:
    name = desk.halted()
    lines = desk.type(f"watch {name}").stdout.splitlines()
    for choice in (Choice.RETRY, Choice.SKIP_HOST, Choice.ABORT):
        does = desk.effect(name, choice)
        assert "host-" in does
        shown = lines.index(f"  # {choice}: {does}")
        assert lines[shown + 1] == f"  lifecycle decide {name} {choice} --host host-2 --attempt 1 --why '...'"


def test_question_without_effects_gets_the_usual_consequence() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    asked = Question("d", "decision-h-1-0", QuestionKind.DECISION, (Choice.RETRY,), "failed", at, "h", 1)
    assert effect(asked, Choice.RETRY) == "try this host again from the start"


def test_expired_question_takes_no_answer(desk: Desk) -> None:
    desk.halted()
    desk.machine.memory.clock.sleep(8 * 86_400)
    done = desk.type("decide hello RETRY")
    assert done.exit_code == 1
    assert "expired at 2026-11-30 12:00 UTC: an answer is refused; the decision is requested again" in done.stdout
    assert "UTC; decide again, on the new question" in done.stderr


def test_choice_that_is_not_offered_is_refused_before_any_call() -> None:
    desk = Desk()
    desk.break_host("host-1", "1.0.0")
    name = desk.machine.deploy("1.0.0")
    done = desk.type("decide hello ROLL_BACK")
    assert done.exit_code == 1
    assert f"ROLL_BACK is refused: {name} offers RETRY, SKIP_HOST, FORCE_NEXT, ABORT" in done.stderr
    assert desk.functions.calls == []


def test_choice_may_be_lower_case(desk: Desk) -> None:
    desk.halted()
    assert desk.type("decide hello abort --yes").exit_code == 0


def test_decision_on_another_host_is_refused_before_any_call(desk: Desk) -> None:
    name = desk.halted()
    done = desk.type("decide hello RETRY --host host-1 --attempt 1")
    assert done.exit_code == 1
    assert f"{name} waits for one on host-2, attempt 1, not on host-1, attempt 1" in done.stderr
    assert desk.functions.calls == []


def test_answer_is_recorded_even_if_watching_fails(desk: Desk) -> None:
    name = desk.halted()
    desk.runs.fails = EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/")
    found = desk.facts("decide hello ROLL_BACK --why slow --watch")
    assert (found["deployment"], found["choice"]) == (name, "ROLL_BACK")
    assert [(end["deployment"], end["state"]) for end in found["endings"]] == [(name, "LOST_SIGHT")]


def test_decision_with_watch_follows_the_rollback(desk: Desk) -> None:
    desk.halted()
    done = desk.type("decide hello ROLL_BACK --why slow --watch")
    assert done.exit_code == 0, done.output
    assert "rollback deployment: hello-production-" in done.stdout
    assert set(desk.machine.serving().values()) == {"1.0.0"}


def test_decision_without_a_question_names_what_runs(desk: Desk) -> None:
    done = desk.type("decide hello RETRY")
    assert done.exit_code == 1
    expected = "no deployment of hello waits for a decision. Nothing is being deployed"
    assert expected in done.stderr


def test_decision_cannot_be_approved(desk: Desk) -> None:
    name = desk.halted()
    assert desk.type(f"decide {name} APPROVE").exit_code == 1
    assert desk.type("approve hello --why fine").exit_code == 1


@pytest.fixture
def gated() -> Desk:
    """A cluster whose first deployment waits for an approval, after its first host."""
    made = Desk(Policy(approval=ApprovalGate.AFTER_FIRST_HOST))
    made.machine.deploy("1.0.0")
    return made


def test_approval_lets_the_deployment_go_on(gated: Desk) -> None:
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


def test_rejection_is_recorded_with_its_reason(gated: Desk) -> None:
    done = gated.type("reject hello --yes --why slow")
    assert done.exit_code == 0, done.output
    name = gated.functions.calls[0][1]["deployment"]
    assert "rejected by ada: slow" in gated.machine.record(name).reason


def test_approval_needs_a_reason(gated: Desk) -> None:
    assert gated.type("approve hello").exit_code == 2
    assert gated.functions.calls == []


def test_status_shows_the_approval_and_its_commands(gated: Desk) -> None:
    name = gated.machine.memory.leases.current(CLUSTER).deployment
    output = gated.type("status").stdout
    assert "waits for an approval: the policy of production/hello requires an approval after host-1" in output
    assert "expires at 2026-11-24 12:00 UTC (in 24 h): then it counts as rejected" in output
    assert f"lifecycle approve hello --deployment {name} --why '...'" in output
    assert f"lifecycle reject hello --deployment {name} --why '...'" in output
