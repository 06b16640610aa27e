"""The actions of buttons: their effects, their refusals, and those of an outdated page."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.rollout.actions import Action, needs_reason
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import SNAPSHOTS, Desk, draw
from tests.unit.console.read_widget import Button, read_widget
from tests.unit.rollout.test_configuration_pairs import configure

HELLO = {"service": "hello", "environment": "production"}


def pressed(desk: Desk, button: Button, **more: str) -> str:
    """ConsoleAction a button that a widget showed; what is said then."""
    return desk.press(**{**button.params, **more}).message


def test_promote_makes_a_release_once(desk: Desk) -> None:
    button = desk.see("pipeline").button("Promote")
    assert pressed(desk, button) == f"hello {SNAPSHOTS[2]} is now release 1.1.0. This deploys nothing."
    assert "was promoted before, and is release 1.1.0" in pressed(desk, button)


def test_deploy_starts_a_rollout_in_the_name_of_the_operator(desk: Desk) -> None:
    done = desk.press(**desk.planned("pipeline", "Deploy to production").starts.params)
    assert "Started: 1.0.1 to production/hello, in this order: host-" in done.message
    assert desk.machine.memory.executions.rollouts[done.deployment] == {"deployment": done.deployment}
    recorded = desk.machine.memory.requests.find(done.deployment)
    assert recorded is not None
    asked = recorded.request
    assert (asked.requested_by, asked.reason, asked.kind) == ("ada", "as agreed", "DEPLOY")
    assert done.deployment.endswith("-c0de")


def test_deploy_is_refused_with_every_blocker_of_the_plan(desk: Desk) -> None:
    button = desk.planned("pipeline", "Deploy to production").starts
    desk.machine.memory.freezes.put(Freeze("production", "grace", "the sale", desk.machine.now))
    with pytest.raises(Refused, match=r"production is frozen since .* by grace: the sale"):
        pressed(desk, button)
    assert not desk.machine.memory.executions.rollouts


def test_deploy_of_the_installed_version_starts_nothing(desk: Desk) -> None:
    seen = desk.planned("pipeline", "Deploy to production").starts.params["seen"]
    message = desk.press(action=Action.DEPLOY, version="1.0.0", drawn_from=seen, **HELLO).message
    assert "Nothing to do" in message
    assert not desk.machine.memory.executions.rollouts


def test_version_that_serves_is_offered_again_once_there_is_a_newer_configuration(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    assert "Deploy to production" not in [each.text for each in desk.see("pipeline").buttons]
    configure(desk.machine, MOTTO="ho")
    button = desk.planned("pipeline", "Deploy to production").starts
    assert "Started: 1.0.1" in pressed(desk, button)


def test_deploy_while_another_runs_names_the_deployment_it_waits_for(desk: Desk) -> None:
    name = desk.halted()
    seen = f"1.0.0|{name}|"
    assert (
        f"It waits for {name}" in desk.press(action=Action.DEPLOY, version="1.0.2", drawn_from=seen, **HELLO).message
    )


def test_deploy_button_older_than_the_installed_version_deploys_nothing(desk: Desk) -> None:
    button = desk.planned("pipeline", "Deploy to production").starts
    desk.machine.deploy("1.0.2")
    with pytest.raises(Refused, match=r"drawn when production/hello runs 1.0.0; now production/hello runs 1.0.2"):
        pressed(desk, button)
    assert not desk.machine.memory.executions.rollouts


def test_deploy_button_older_than_the_configuration_that_runs_deploys_nothing(desk: Desk) -> None:
    configure(desk.machine, COLOUR="red")
    desk.machine.deploy("1.0.0")
    planned = desk.planned("pipeline", "Deploy to production")
    button = planned.starts
    runs = "Deploy hello 1.0.1 with config 1 to production, which serves 1.0.0 with config 1 now?"
    assert runs in planned.text
    configure(desk.machine, COLOUR="blue")
    desk.machine.deploy("1.0.0")
    with pytest.raises(Refused, match=r"drawn when production/hello runs 1\.0\.0 with config 1; now .* config 2"):
        pressed(desk, button)
    assert not desk.machine.memory.executions.rollouts


def test_deploy_button_older_than_a_running_deployment_deploys_nothing(desk: Desk) -> None:
    button = desk.planned("pipeline", "Deploy to production").starts
    name = desk.halted()
    with pytest.raises(Refused, match=f"now production/hello runs 1.0.0, {name} deploys there"):
        pressed(desk, button)


def test_deploy_button_without_the_state_it_was_drawn_from_deploys_nothing(desk: Desk) -> None:
    with pytest.raises(Refused, match="it does not say when it was drawn"):
        desk.press(action=Action.DEPLOY, version="1.0.1", **HELLO)


def test_lift_ends_only_the_freeze_that_it_was_drawn_from(desk: Desk) -> None:
    freezes, now = desk.machine.memory.freezes, desk.machine.now
    freezes.put(Freeze("production", "grace", "the sale", now))
    button = desk.see("pipeline").button("Unfreeze")
    freezes.put(Freeze("production", "bob", "incident: do not touch", now + timedelta(minutes=5)))
    with pytest.raises(Refused, match=r"bob replaced it at .*: incident: do not touch"):
        pressed(desk, button)
    assert [each.by for each in freezes.all()] == ["bob"]
    assert "no longer frozen" in pressed(desk, desk.see("pipeline").button("Unfreeze"))


def test_freeze_leaves_the_freeze_of_somebody_else_alone(desk: Desk) -> None:
    freezes = desk.machine.memory.freezes
    button = desk.see("pipeline").button("Freeze production")
    freezes.put(Freeze("production", "grace", "the sale", desk.machine.now))
    with pytest.raises(Refused, match="grace froze it already: the sale"):
        pressed(desk, button)
    assert [each.by for each in freezes.all()] == ["grace"]


def test_decision_is_recorded_and_a_second_click_names_its_author(desk: Desk) -> None:
    name = desk.halted()
    button = desk.see("questions").button("Roll back")
    message = pressed(desk, button)
    assert message.startswith(f"Recorded: ROLL_BACK of {name} by ada: ")
    [question] = desk.machine.memory.deployments.questions(name)
    assert question.answer
    assert (question.answer.by, question.answer.why) == ("ada", "as agreed")
    with pytest.raises(Refused, match=r"ada answered ROLL_BACK at .* UTC: as agreed"):
        pressed(desk, button, by="bob")


@pytest.mark.parametrize(("field", "value"), [("host", "host-3"), ("attempt", 2), ("host", "")])
def test_decision_on_another_host_or_attempt_is_refused(desk: Desk, field: str, value: object) -> None:
    desk.halted()
    params = desk.see("questions").button("Retry").params | {field: value}
    with pytest.raises(Refused, match="it asks about host-2, attempt 1"):
        desk.press(**params)


def test_old_page_cannot_decide_on_a_newer_attempt(desk: Desk) -> None:
    name = desk.halted()
    old = desk.see("questions").button("Abort")
    desk.machine.decide(name, Choice.RETRY, "host-2")
    new = desk.see("questions").button("Abort")
    assert (new.params["attempt"], old.params["attempt"]) == (2, 1)
    with pytest.raises(Refused, match="grace answered RETRY"):
        pressed(desk, old)
    assert desk.machine.record(name).state is DeploymentState.HALTED


def test_choice_that_is_not_offered_is_refused(desk: Desk) -> None:
    desk.halted()
    params = desk.see("questions").button("Retry").params | {"choice": Choice.EXTEND}
    with pytest.raises(Refused, match="offers RETRY"):
        desk.press(**params)
    with pytest.raises(Refused, match="the button names no choice"):
        desk.press(**(params | {"choice": None}))


def test_approval_is_bound_to_its_gate() -> None:
    desk = Desk.of(Policy(approval=ApprovalGate.BEFORE_FIRST_HOST))
    name = desk.machine.deploy("1.0.0")
    button = desk.see("questions").button("Approve")
    with pytest.raises(Unknown, match="The page is out of date"):
        pressed(desk, button, question="approval-after_first_host")
    assert pressed(desk, button).startswith(f"Recorded: APPROVE of {name} by ada")
    with pytest.raises(Refused, match="ada answered APPROVE"):
        pressed(desk, button)


BY_ANOTHER = Policy(approval=ApprovalGate.BEFORE_FIRST_HOST, approval_by_another=True)


def test_policy_may_require_another_person_to_approve() -> None:
    desk = Desk.of(BY_ANOTHER)
    desk.machine.deploy("1.0.0")
    button = read_widget(draw(desk.query, "questions", desk.context(identified=True))).button("Approve")
    with pytest.raises(Refused, match="requires approval by another person"):
        pressed(desk, button)
    assert pressed(desk, button, by="grace")


def test_cloudwatch_offers_no_approval_by_another_and_shows_the_command() -> None:
    """It does not say who pressed a button, and any name may be typed beside it."""
    desk = Desk.of(BY_ANOTHER)
    name = desk.machine.deploy("1.0.0")
    seen = desk.see("questions")
    assert [each.text for each in seen.buttons if each.text in ("Approve", "Reject")] == ["Reject"]
    assert f"lifecycle approve {name} --why" in seen.text
    button = read_widget(draw(desk.query, "questions", desk.context(identified=True))).button("Approve")
    with pytest.raises(Refused, match=f"console:grace is not known to be one: .*lifecycle approve {name}"):
        desk.press(**button.params, by="grace", proven=False)
    (question,) = desk.machine.memory.deployments.questions(name)
    assert question.answer is None


def test_button_of_nobody_known_starts_no_deployment_that_needs_another_person() -> None:
    """The operator who pressed it could approve it then, under their own name."""
    desk = Desk.of(BY_ANOTHER)
    desk.machine.approve(desk.machine.deploy("1.0.0"), Choice.APPROVE)
    button = desk.planned("pipeline", "Deploy to production").starts
    with pytest.raises(Refused, match="nobody knows who console:ada is: deploy with"):
        desk.press(**button.params, proven=False)
    assert not desk.machine.memory.executions.rollouts
    assert pressed(desk, button).startswith("Started: 1.0.1")


def test_pause_is_resumed_by_its_own_button_only(desk: Desk) -> None:
    name = desk.halted()
    pause = desk.see("deployment").button("Pause")
    assert f"Recorded: PAUSE of {name} by ada" in pressed(desk, pause)
    resume = desk.see("questions").button("Resume")
    assert f"Recorded: RESUME of {name}" in pressed(desk, resume)
    pressed(desk, pause)
    with pytest.raises(Refused, match="ada answered RESUME"):
        pressed(desk, resume)


def test_paused_deployment_can_be_aborted(desk: Desk) -> None:
    name = desk.halted()
    pressed(desk, desk.see("deployment").button("Pause"))
    aborts = [each for each in desk.see("questions").buttons if each.params.get("question") == "pause-0"]
    (abort,) = (each for each in aborts if each.text == "Abort")
    pressed(desk, abort)
    desk.machine.run(name)
    assert desk.machine.record(name).state is DeploymentState.ABORTED


def test_running_deployment_is_rolled_back_before_its_next_host(desk: Desk) -> None:
    name = desk.halted()
    button = desk.see("deployment").button("Roll back")
    assert f"Recorded: ROLL_BACK of {name}" in pressed(desk, button)
    desk.machine.run(name)
    assert desk.machine.record(name).state is DeploymentState.ROLLED_BACK
    with pytest.raises(Refused, match="it was already rolled back"):
        pressed(desk, button)


def test_finished_deployment_is_rolled_back_by_a_deployment_of_the_previous_version(desk: Desk) -> None:
    name = desk.machine.deploy("1.0.1")
    done = desk.press(**desk.planned("deployment", "Roll back").starts.params)
    assert done.message.startswith("Rolling back: 1.0.0 to production/hello")
    recorded = desk.machine.memory.requests.find(done.deployment)
    assert recorded is not None
    assert (recorded.request.kind, recorded.request.rollback_of) == (Kind.ROLLBACK, name)


def test_old_button_does_not_roll_back_a_newer_deployment(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    button = desk.planned("deployment", "Roll back").starts
    newer = desk.machine.deploy("1.0.2")
    with pytest.raises(Refused, match=f"but 1.0.2 of {newer}"):
        pressed(desk, button)
    assert not desk.machine.memory.executions.rollouts


def test_freeze_is_made_and_lifted(desk: Desk) -> None:
    assert pressed(desk, desk.see("pipeline").button("Freeze production")) == "production is frozen"
    lift = desk.see("pipeline").button("Unfreeze")
    assert pressed(desk, lift) == "production is no longer frozen"
    with pytest.raises(Unknown, match="freeze of production not found"):
        pressed(desk, lift)


@pytest.mark.parametrize("action", sorted(each for each in Action if needs_reason(each)))
def test_action_that_needs_a_reason_is_refused_without_one(desk: Desk, action: str) -> None:
    with pytest.raises(Refused, match="a reason is required"):
        desk.press(action=Action(action), why=" ")


def test_every_action_is_in_the_trail_before_its_effect(desk: Desk) -> None:
    name = desk.halted()
    pressed(desk, desk.see("questions").button("Retry"))
    entries = [(e.what, e.who, e.why) for e in desk.machine.memory.audit_log.read(CLUSTER) if e.deployment == name]
    assert ("answered RETRY", "ada", "as agreed") in entries


def test_answer_after_expiry_is_refused(desk: Desk) -> None:
    name = desk.halted()
    button = desk.see("questions").button("Retry")
    deployments = desk.machine.memory.deployments
    [question] = deployments.questions(name)
    deployments._store(replace(question, expires_at=desk.machine.now))
    with pytest.raises(Refused, match="expired at"):
        pressed(desk, button)


def test_freeze_is_not_lifted_by_a_button_that_does_not_say_which(desk: Desk) -> None:
    desk.machine.memory.freezes.put(Freeze("production", "grace", "the sale", desk.machine.now))
    with pytest.raises(Refused, match="the button does not say which freeze; refresh the page"):
        desk.press(action=Action.UNFREEZE, scope="production", why="it is over")
    assert desk.machine.memory.freezes.all()


def test_ended_deployment_is_not_rolled_back_while_another_runs(desk: Desk) -> None:
    ended = desk.machine.memory.deployments.recent(CLUSTER, 1)[0]
    desk.machine.memory.clock.sleep(1)
    running = desk.machine.request("1.0.1")
    assert desk.machine.begin(running).kind == "PLANNED"
    with pytest.raises(Refused, match=f"{running.deployment} runs there now: roll that one back"):
        desk.press(action=Action.ROLL_BACK, deployment=ended.id, **HELLO)
