"""Buttons know what the plan knows: a refused action is disabled with its reason; the confirmation is the plan."""

import pytest

from lifecycle.application.console_actions import confirm
from lifecycle.domain.errors import Refused
from lifecycle.domain.rollout.actions import Action
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.entrypoints.widget import Button
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import Desk


def rolled_back(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.decide(name, Choice.ROLL_BACK, "host-2")


def test_quarantined_version_is_not_offered_after_a_rollback(desk: Desk) -> None:
    rolled_back(desk)
    lane = desk.see("pipeline")
    assert not [each for each in lane.buttons if each.params.get("action") == "deploy"]
    assert ("button", "type", "class", "disabled") in lane.shape
    assert "quarantined 1.0.1 is quarantined: rolled back by grace" in lane.text


def test_frozen_cluster_offers_no_deployment(desk: Desk) -> None:
    desk.machine.memory.freezes.put(Freeze("production", "grace", "the sale", desk.machine.now))
    lane = desk.see("pipeline")
    assert not [each for each in lane.buttons if each.params.get("action") == "deploy"]
    assert "frozen production is frozen since" in lane.text
    assert "the sale" in lane.text


def test_deployment_that_would_wait_says_for_which(desk: Desk) -> None:
    desk.machine.memory.catalogue.claim_release("hello", "1.1.0-20261123113000-ccccccc", "1.1.0")
    name = desk.halted()
    lane = desk.see("pipeline")
    assert lane.button("Deploy to production").params["version"] == "1.1.0"
    assert f"waits it waits for {name}" in lane.text


def test_confirmation_is_the_plan(desk: Desk) -> None:
    shown = desk.planned("pipeline", "Deploy to production")
    assert "Deploy hello 1.0.1 to production, which serves 1.0.0 now?" in shown.text
    for part in ("host-1", "host-4", "self-test on each host", "expected time", "rollback target", "1.0.0"):
        assert part in shown.text
    assert shown.starts.text == "Deploy 1.0.1"
    assert shown.starts.confirmation == ""
    assert not desk.machine.memory.executions.rollouts


def test_back_shows_what_was_chosen_before(desk: Desk) -> None:
    back = desk.planned("pipeline", "Deploy to production").button("Back")
    assert back.params == {"pressed": True, "service": ""}
    assert back.attributes["endpoint"].endswith(":function:lifecycle-show-pipeline")
    name = desk.machine.deploy("1.0.1")
    back = desk.planned("deployment", "Roll back").button("Back")
    assert back.params == {"pressed": True, "deployment": name}
    assert back.attributes["endpoint"].endswith(":function:lifecycle-show-deployment")


def test_confirmation_of_a_blocked_plan_has_no_button(desk: Desk) -> None:
    """A blocker that only the plan reads: it appeared after the lane was drawn, or costs too much for a lane."""
    button = desk.see("pipeline").button("Deploy to production")
    for name in ("host-1", "host-2"):
        desk.machine.memory.fleet.quarantine_host(CLUSTER, name, "its disk is full")
    desk.machine.memory.freezes.put(Freeze("production", "grace", "the sale", desk.machine.now))
    shown = desk.confirmation(button)
    assert [each for each in shown.buttons if "action" in each.params] == []
    assert "frozen" in shown.text


def test_confirmation_is_bound_to_the_state_that_it_showed(desk: Desk) -> None:
    start = desk.planned("pipeline", "Deploy to production").starts
    desk.machine.deploy("1.0.2")
    with pytest.raises(Refused, match="the page is out of date"):
        desk.press(**start.params)


def test_rollback_confirmation_names_what_goes_and_what_follows(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    shown = desk.planned("deployment", "Roll back")
    assert "Roll production/hello back from 1.0.1 to 1.0.0?" in shown.text
    assert "1.0.1 is quarantined; no other verified version is left for another rollback" in shown.text
    assert shown.starts.text == "Roll back to 1.0.0"
    assert "Rolling back: 1.0.0" in desk.press(**shown.starts.params).message


def test_rollback_without_a_target_is_disabled_with_its_reason(desk: Desk) -> None:
    rolled_back(desk)
    shown = desk.see("deployment")
    assert not shown.has_button("Roll back")
    assert "no version other than 1.0.0 was verified there, or all of them are quarantined" in shown.text


def test_what_acts_at_once_has_no_confirmation(desk: Desk) -> None:
    asked = Button(action=Action.PROMOTE, service="hello", preview=True).to_action()
    with pytest.raises(Refused, match="promote has no confirmation of its own"):
        confirm(desk.query, asked, "c0de")
