"""What each widget shows of a cluster: running, halted, waiting, frozen, done; and with which buttons."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.ports.cluster_queries import Delivery
from lifecycle.domain.errors import InvalidName, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.attempt import Blame
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import COMMIT, VIEWS, Desk


def test_a_lane_shows_the_way_from_push_to_production(desk: Desk) -> None:
    lane = desk.see("pipeline").text
    for part in (
        "hello",
        "SUCCEEDED",
        "1.1.0-20261123113000-ccccccc",
        f"main {COMMIT[:7]}",
        "1.0.1",
        "1.0.0",
    ):
        assert part in lane


def test_a_lane_offers_what_comes_next_and_says_what_that_does(desk: Desk) -> None:
    lane = desk.see("pipeline")
    promote, deploy = lane.button("Promote"), lane.button("Deploy to production")
    assert promote.params == {
        "action": "promote",
        "service": "hello",
        "version": "1.1.0-20261123113000-ccccccc",
        "reason_field": "lc-why",
    }
    assert "This deploys nothing" in promote.confirmation
    assert (deploy.params["version"], deploy.params["environment"]) == ("1.0.1", "production")
    assert "Deploy hello 1.0.1 to production, which runs 1.0.0 now" in deploy.confirmation
    assert "lc-why" in lane.named()


def test_what_runs_already_or_was_promoted_is_not_offered_again(desk: Desk) -> None:
    desk.machine.memory.catalogue.claim_release("hello", "1.1.0-20261123113000-ccccccc", "1.1.0")
    desk.machine.deploy("1.0.1")
    lane = desk.see("pipeline")
    assert not lane.has_button("Promote")
    assert lane.button("Deploy to production").params["version"] == "1.1.0"


def test_a_push_that_failed_or_runs_is_seen_although_nothing_came_of_it(desk: Desk) -> None:
    newer = Delivery(f"hello-{'d' * 40}", "FAILED", desk.machine.now)
    desk.machine.memory.cluster_queries.runs.append(newer)
    assert "FAILED" in desk.see("pipeline").text


def test_a_freeze_is_told_with_who_and_why_and_may_be_lifted(desk: Desk) -> None:
    free = desk.see("pipeline")
    assert "Nothing is frozen" in free.text
    assert free.button("Freeze production").params == {
        "action": "freeze",
        "scope": "production",
        "reason_field": "lc-why",
    }
    now = desk.machine.now
    desk.machine.memory.freezes.put(Freeze("production", "grace", "the sale", now))
    desk.machine.memory.freezes.put(Freeze("staging", "grace", "over", now, now - timedelta(minutes=1)))
    frozen = desk.see("pipeline")
    assert "production: frozen by grace" in frozen.text
    assert "the sale" in frozen.button("Lift").confirmation
    assert not frozen.has_button("Freeze production")
    assert "frozen" in desk.see("clusters").text


def test_tiles_tell_version_zone_and_state_in_words(desk: Desk) -> None:
    tiles = desk.see("clusters")
    assert "production/hello" in tiles.text
    assert "4 hosts: 4 serving" in tiles.text
    assert tiles.text.count("1.0.0") >= 4
    assert "zone a" in tiles.text
    assert "zone b" in tiles.text


def test_a_tile_says_what_is_wrong_with_its_host(desk: Desk) -> None:
    memory = desk.machine.memory
    memory.fleet.quarantine_host(CLUSTER, "host-1", "its disk is full")
    silent = replace(desk.machine.report("host-3"), seen_at=desk.machine.now - timedelta(minutes=5))
    memory.fleet.write_report(CLUSTER, silent)
    memory.dispatcher.dead.add("127.0.10.4")
    memory.dispatcher.settle()
    told = desk.see("clusters").text
    assert "quarantined" in told
    assert "its disk is full" in told
    assert "agent unreachable since" in told
    assert "unhealthy" in told


def test_a_tile_tells_the_turn_and_why_its_host_failed(desk: Desk) -> None:
    desk.halted()
    told = desk.see("clusters").text
    assert "HALTED" in told
    assert "failed" in told
    assert "turn: " in told
    assert "scripted" in told


def test_a_host_that_runs_another_version_waits_while_something_is_deployed_and_else_has_drifted(
    desk: Desk,
) -> None:
    name = desk.halted()
    assert "3 waiting, 1 failed" in desk.see("clusters").text
    desk.machine.decide(name, Choice.ROLL_BACK, "host-2")
    memory = desk.machine.memory
    other = replace(desk.machine.report("host-3"), installed="0.9.0", digest="e" * 64)
    memory.fleet.write_report(CLUSTER, other)
    told = desk.see("clusters").text
    assert "3 serving, 1 drifted" in told
    assert "it has 0.9.0 installed" in told


def test_what_was_verified_is_shown_however_many_repairs_came_since(desk: Desk) -> None:
    desk.machine.repaired(60)
    report = desk.machine.report("host-1")
    desk.machine.memory.fleet.write_report(CLUSTER, replace(report, installed="0.9.0", digest="d" * 64))
    assert "drifted" in desk.see("clusters", service="hello").text
    assert "nothing yet" not in desk.see("pipeline").text


def test_a_cluster_whose_load_balancer_is_not_there_is_shown_all_the_same(desk: Desk) -> None:
    del desk.machine.memory.dispatcher.states[CLUSTER]
    told = desk.see("clusters").text
    assert "deploy its stack first" in told
    assert "host-1" in told


def test_a_halted_deployment_asks_with_its_evidence_and_what_each_choice_would_do(desk: Desk) -> None:
    name = desk.halted()
    asked = desk.see("questions")
    [question] = desk.machine.memory.deployments.questions(name)
    assert "host-2, attempt 1: " in asked.text
    assert "the version is to blame" in asked.text
    for choice in question.choices:
        assert question.effects[choice] in asked.text
    back = asked.button("Roll back")
    assert back.params == {
        "action": "decide",
        "choice": "ROLL_BACK",
        "service": "hello",
        "environment": "production",
        "deployment": name,
        "question": question.id,
        "host": "host-2",
        "attempt": 1,
        "reason_field": "lc-why-0",
    }
    assert (
        back.confirmation
        == f"ROLL_BACK on host-2, attempt 1, of {name}: {question.effects[Choice.ROLL_BACK]}."
    )
    assert "lc-why-0" in asked.named()


def test_a_host_that_is_to_blame_is_said_to_be_quarantined(desk: Desk) -> None:
    name = desk.halted()
    deployments = desk.machine.memory.deployments
    [question] = deployments.questions(name)
    deployments._keep(replace(question, blame=Blame.HOST, diagnosis="1.0.0 fails there too"))
    told = desk.see("questions").text
    assert "the host is to blame" in told
    assert "host-2 is quarantined: later deployments leave it out; RETRY lifts that" in told


def test_an_approval_has_two_buttons_and_an_end() -> None:
    desk = Desk.of(Policy(approval=ApprovalGate.BEFORE_FIRST_HOST))
    name = desk.machine.deploy("1.0.0")
    asked = desk.see("questions")
    approve = asked.button("Approve")
    assert (approve.params["action"], approve.params["question"]) == ("approve", "approval-before_first_host")
    assert asked.button("Reject").params["action"] == "reject"
    assert f"APPROVE of {name}" in approve.confirmation
    assert "Expires" in asked.text
    assert "counts as rejected" in asked.text


def test_nothing_that_waits_says_so(desk: Desk) -> None:
    assert "nothing waits for you" in desk.see("questions").text
    assert not desk.see("questions").buttons


def test_a_queued_deployment_says_for_whom_it_waits(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.deploy("1.0.2", requested_by="bob", reason="a mend")
    told = desk.see("questions").text
    assert "1.0.2, requested by bob: a mend" in told
    assert f"waits for {name}" in told
    assert "1.0.2 is queued" in desk.see("pipeline").text


def test_the_timeline_tells_each_try_each_answer_and_the_trail(desk: Desk) -> None:
    name = desk.halted()
    shown = desk.see("deployment")
    assert name in shown.text
    assert "HALTED" in shown.text
    assert "failed while self-testing: scripted" in shown.text
    assert "waiting" in shown.text
    assert "Decisions and approvals" in shown.text
    assert "halted at host-2" in shown.text
    desk.machine.decide(name, Choice.ABORT, "host-2")
    ended = desk.see("deployment").text
    assert "ABORT by grace" in ended
    assert "not needed" in ended


def test_the_timeline_offers_to_pause_and_to_roll_back_what_runs(desk: Desk) -> None:
    name = desk.halted()
    shown = desk.see("deployment")
    assert shown.button("Pause").params["deployment"] == name
    assert f"Roll {name} back before its next host" in shown.button("Roll back").confirmation


def test_what_ended_well_may_be_rolled_back_until_something_newer_began(desk: Desk) -> None:
    first = desk.machine.deploy("1.0.1")
    shown = desk.see("deployment")
    assert "Roll production/hello back from 1.0.1" in shown.button("Roll back").confirmation
    assert not shown.has_button("Pause")
    desk.machine.deploy("1.0.2")
    assert not desk.see("deployment", deployment=first).has_button("Roll back")


def test_another_deployment_may_be_chosen(desk: Desk) -> None:
    first = desk.machine.deploy("1.0.1")
    desk.machine.deploy("1.0.2")
    shown = desk.see("deployment")
    assert "hello 1.0.2 to production" in shown.text
    assert ("value", first) in shown.values
    chosen = desk.see("deployment", widgetContext={"forms": {"all": {"lc-deployment": first}}})
    assert "hello 1.0.1 to production" in chosen.text
    selected = [values for tag, *values in chosen.shape if tag == "option" and "selected" in values]
    assert len(selected) == 1
    assert chosen.html.count(f'value="{first}" selected=""') == 1


def test_a_deployment_that_was_chosen_gives_way_to_another_environment(desk: Desk) -> None:
    first = desk.machine.deploy("1.0.1")
    desk.machine.context.registry.set_desired(Cluster("staging", "hello"), Desired("1.0.0", "d" * 64, 1, "d"))
    fields = {"lc-deployment": first, "lc-environment": "staging"}
    shown = desk.see("deployment", widgetContext={"forms": {"all": fields}})
    assert "Nothing was deployed here yet" in shown.text


def test_history_tells_who_did_what_and_why(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.decide(name, Choice.ROLL_BACK, "host-2")
    told = desk.see("history").text
    for part in ("ROLLED_BACK", "rollback", "answered ROLL_BACK", "grace", "as told"):
        assert part in told


def test_dora_tells_its_four_figures_and_what_they_mean(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    told = desk.see("dora", days=7).text
    for part in ("Deployment frequency", "2.0 a week", "Lead time", "Change failure rate", "0%", "0 of 2"):
        assert part in told
    assert "What these figures are" in told


@pytest.mark.parametrize("view", VIEWS)
def test_before_anything_was_deployed_every_widget_says_so(view: str) -> None:
    shown = Desk.of().see(view)
    assert shown.text


@pytest.mark.parametrize("view", VIEWS)
def test_an_unknown_service_is_told_with_what_there_is(desk: Desk, view: str) -> None:
    with pytest.raises(Unknown, match="known: production/hello"):
        desk.see(view, service="other")
    with pytest.raises(InvalidName):
        desk.see(view, service="Not A Name")


def test_a_rollback_is_offered_nowhere_for_a_rollback(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.decide(name, Choice.ROLL_BACK, "host-2")
    newest = desk.machine.memory.deployments.recent(CLUSTER, 1)[0]
    assert newest.state is DeploymentState.DONE
    assert not desk.see("deployment").has_button("Roll back")


def test_a_pause_is_ended_where_questions_are_answered(desk: Desk) -> None:
    name = desk.halted()
    desk.press(action="pause", service="hello", environment="production", deployment=name)
    asked = desk.see("questions")
    assert asked.button("Resume").params["question"] == "pause-0"
    assert "Resume" not in [each.text for each in desk.see("deployment").buttons]
    assert not desk.see("deployment").has_button("Pause")


def test_a_used_answer_is_asked_no_more(desk: Desk) -> None:
    name = desk.halted()
    [question] = desk.machine.memory.deployments.questions(name)
    answer = Answer(Choice.RETRY, "grace", "again", desk.machine.now)
    desk.machine.memory.deployments.answer(question, answer)
    assert "nothing waits for you" in desk.see("questions").text
