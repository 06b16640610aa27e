"""Each widget's text and buttons for a cluster that is running, halted, waiting, frozen or done."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.ports.cluster_queries import Delivery
from lifecycle.domain.delivery.refused_push import RefusedPush
from lifecycle.domain.errors import InvalidName, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.attempt import Blame
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.service.policy import ApprovalGate, Policy
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState
from tests.fakes.registry import MemoryRegistry
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import COMMIT, VIEWS, Desk


def test_lane_shows_the_steps_from_push_to_production(desk: Desk) -> None:
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


def test_lane_offers_the_next_step_and_explains_it(desk: Desk) -> None:
    lane = desk.see("pipeline")
    promote, deploy = lane.button("Promote"), lane.button("Deploy to production")
    assert promote.params == {
        "action": "promote",
        "service": "hello",
        "version": "1.1.0-20261123113000-ccccccc",
    }
    assert "This deploys nothing" in promote.confirmation
    assert (deploy.params["version"], deploy.params["environment"]) == ("1.0.1", "production")
    assert deploy.params["preview"]  # the first press shows the plan
    assert "Deploy hello 1.0.1 to production, which serves 1.0.0 now?" in desk.confirmation(deploy).text


def test_installed_or_promoted_version_is_not_offered_again(desk: Desk) -> None:
    desk.machine.memory.catalogue.claim_release("hello", "1.1.0-20261123113000-ccccccc", "1.1.0")
    desk.machine.deploy("1.0.1")
    lane = desk.see("pipeline")
    assert not lane.has_button("Promote")
    assert lane.button("Deploy to production").params["version"] == "1.1.0"


def test_withdrawn_release_is_not_offered(desk: Desk) -> None:
    memory = desk.machine.memory
    memory.catalogue.claim_release("hello", "1.1.0-20261123113000-ccccccc", "1.1.0")
    gone = Withdrawal("1.1.0", "ada", "by mistake", desk.machine.now, WithdrawalState.DONE)
    memory.catalogue.put_withdrawal("hello", None, gone)
    lane = desk.see("pipeline")
    assert lane.button("Deploy to production").params["version"] == "1.0.1"
    assert lane.button("Promote").params["version"] == "1.1.0-20261123113000-ccccccc"


def test_failed_delivery_is_shown(desk: Desk) -> None:
    newer = Delivery(f"hello-{'d' * 40}", "FAILED", desk.machine.now)
    desk.machine.memory.cluster_queries.runs.append(newer)
    assert "FAILED" in desk.see("pipeline").text


def test_freeze_shows_its_author_and_reason_and_can_be_lifted(desk: Desk) -> None:
    free = desk.see("pipeline")
    assert "Nothing is frozen" in free.text
    assert free.button("Freeze production").params == {
        "action": "freeze",
        "scope": "production",
        "preview": True,
    }
    now = desk.machine.now
    desk.machine.memory.freezes.put(Freeze("production", "grace", "the sale", now))
    desk.machine.memory.freezes.put(Freeze("staging", "grace", "over", now, now - timedelta(minutes=1)))
    frozen = desk.see("pipeline")
    assert "production: frozen by grace" in frozen.text
    assert "the sale" in desk.confirmation(frozen.button("Unfreeze")).text
    assert not frozen.has_button("Freeze production")
    assert "frozen" in desk.see("clusters").text


def test_tile_shows_version_zone_and_state(desk: Desk) -> None:
    tiles = desk.see("clusters")
    assert "production/hello" in tiles.text
    assert "4 hosts: 4 serving" in tiles.text
    assert tiles.text.count("1.0.0") >= 4
    assert "zone a" in tiles.text
    assert "zone b" in tiles.text


def test_tile_says_what_is_wrong_with_its_host(desk: Desk) -> None:
    memory = desk.machine.memory
    memory.fleet.quarantine_host(CLUSTER, "host-1", "its disk is full")
    silent = replace(desk.machine.report("host-3"), seen_at=desk.machine.now - timedelta(minutes=5))
    memory.fleet.write_report(CLUSTER, silent)
    memory.dispatcher.dead.add("127.0.10.4")
    memory.dispatcher.settle()
    text = desk.see("clusters").text
    assert "quarantined" in text
    assert "its disk is full" in text
    assert "agent unreachable since" in text
    assert "unhealthy" in text


def test_tile_shows_the_turn_and_the_reason_of_a_failure(desk: Desk) -> None:
    desk.halted()
    text = desk.see("clusters").text
    assert "HALTED" in text
    assert "failed" in text
    assert "host command: " in text
    assert "scripted" in text


def test_host_with_another_version_waits_during_a_deployment_and_has_drifted_otherwise(
    desk: Desk,
) -> None:
    name = desk.halted()
    assert "3 waiting in rotation, 1 failed" in desk.see("clusters").text
    desk.machine.decide(name, Choice.ROLL_BACK, "host-2")
    memory = desk.machine.memory
    other = replace(desk.machine.report("host-3"), installed="0.9.0", digest="e" * 64)
    memory.fleet.write_report(CLUSTER, other)
    text = desk.see("clusters").text
    assert "3 serving, 1 drifted" in text
    assert "it has 0.9.0 installed" in text


def test_verified_version_is_shown_after_many_repairs(desk: Desk) -> None:
    desk.machine.repaired(60)
    report = desk.machine.report("host-1")
    desk.machine.memory.fleet.write_report(CLUSTER, replace(report, installed="0.9.0", digest="d" * 64))
    assert "drifted" in desk.see("clusters", service="hello").text
    assert "nothing yet" not in desk.see("pipeline").text


def test_cluster_without_a_load_balancer_is_shown(desk: Desk) -> None:
    del desk.machine.memory.dispatcher.states[CLUSTER]
    text = desk.see("clusters").text
    assert "Deploy its stack first" in text
    assert "host-1" in text


def test_halted_deployment_shows_its_evidence_and_the_effect_of_each_choice(desk: Desk) -> None:
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
        "preview": True,
    }
    shown = desk.confirmation(back)
    assert f"ROLL_BACK on host-2, attempt 1, of {name}? {question.effects[Choice.ROLL_BACK]}." in shown.text
    assert "lc-why-plan" in shown.named()


def test_host_to_blame_is_shown_as_quarantined(desk: Desk) -> None:
    name = desk.halted()
    deployments = desk.machine.memory.deployments
    [question] = deployments.questions(name)
    deployments._store(replace(question, blame=Blame.HOST, diagnosis="1.0.0 fails there too"))
    text = desk.see("questions").text
    assert "the host is to blame" in text
    assert "host-2 is quarantined: later deployments leave it out; RETRY lifts that" in text


def test_approval_has_two_buttons_and_an_expiry() -> None:
    desk = Desk.of(Policy(approval=ApprovalGate.BEFORE_FIRST_HOST))
    name = desk.machine.deploy("1.0.0")
    asked = desk.see("questions")
    approve = asked.button("Approve")
    assert (approve.params["action"], approve.params["question"]) == ("approve", "approval-before_first_host")
    assert asked.button("Reject").params["action"] == "reject"
    assert f"APPROVE of {name}?" in desk.confirmation(approve).text
    assert "Expires" in asked.text
    assert "counts as rejected" in asked.text


def test_page_without_pending_decisions_says_so(desk: Desk) -> None:
    assert "nothing waits for you" in desk.see("questions").text
    assert not desk.see("questions").buttons


def test_queued_deployment_names_the_one_it_waits_for(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.deploy("1.0.2", requested_by="bob", reason="a mend")
    text = desk.see("questions").text
    assert "1.0.2, requested by bob: a mend" in text
    assert f"waits for {name}" in text
    assert "1.0.2 is queued" in desk.see("pipeline").text


def test_timeline_shows_attempts_decisions_and_the_trail(desk: Desk) -> None:
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


def test_timeline_offers_to_pause_and_to_roll_back_a_running_deployment(desk: Desk) -> None:
    name = desk.halted()
    shown = desk.see("deployment")
    assert shown.button("Pause").params["deployment"] == name
    asked = desk.confirmation(shown.button("Roll back")).text
    assert "Roll production/hello back from 1.0.1 to 1.0.0? Before its next host: " in asked
    assert "1.0.1 is quarantined; no other verified version is left for another rollback" in asked


def test_finished_deployment_can_be_rolled_back_until_a_newer_one_begins(desk: Desk) -> None:
    first = desk.machine.deploy("1.0.1")
    shown = desk.see("deployment")
    assert "Roll production/hello back from 1.0.1 to 1.0.0?" in desk.planned("deployment", "Roll back").text
    assert not shown.has_button("Pause")
    desk.machine.deploy("1.0.2")
    assert not desk.see("deployment", deployment=first).has_button("Roll back")


def test_another_deployment_can_be_chosen(desk: Desk) -> None:
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


def test_chosen_deployment_is_ignored_in_another_environment(desk: Desk) -> None:
    first = desk.machine.deploy("1.0.1")
    desk.machine.context.registry.set_desired(Cluster("staging", "hello"), Desired("1.0.0", "d" * 64, 1, "d"))
    fields = {"lc-deployment": first, "lc-environment": "staging"}
    shown = desk.see("deployment", widgetContext={"forms": {"all": fields}})
    assert "Nothing was deployed here yet" in shown.text


def test_history_shows_who_did_what_and_why(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.decide(name, Choice.ROLL_BACK, "host-2")
    text = desk.see("history").text
    for part in ("ROLLED_BACK", "rollback", "answered ROLL_BACK", "grace", "as agreed"):
        assert part in text


def test_dora_shows_its_four_figures_and_their_definitions(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    text = desk.see("dora", days=7).text
    for part in ("Deployment frequency", "2.0 per week", "Lead time", "Change failure rate", "0%", "0 of 2"):
        assert part in text
    assert "What these figures are" in text


@pytest.mark.parametrize("view", VIEWS)
def test_every_widget_has_text_before_the_first_deployment(view: str) -> None:
    shown = Desk.of().see(view)
    assert shown.text


@pytest.mark.parametrize("view", VIEWS)
def test_unknown_service_is_refused_with_the_known_ones(desk: Desk, view: str) -> None:
    with pytest.raises(Unknown, match="known: production/hello"):
        desk.see(view, service="other")
    with pytest.raises(InvalidName):
        desk.see(view, service="Not A Name")


def test_rollback_cannot_be_rolled_back(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.decide(name, Choice.ROLL_BACK, "host-2")
    newest = desk.machine.memory.deployments.recent(CLUSTER, 1)[0]
    assert newest.state is DeploymentState.DONE
    assert not desk.see("deployment").has_button("Roll back")


def test_pause_is_resumed_in_the_widget_of_decisions(desk: Desk) -> None:
    name = desk.halted()
    desk.press(action="pause", service="hello", environment="production", deployment=name)
    asked = desk.see("questions")
    assert asked.button("Resume").params["question"] == "pause-0"
    assert "Resume" not in [each.text for each in desk.see("deployment").buttons]
    assert not desk.see("deployment").has_button("Pause")


def test_decided_question_is_no_longer_shown(desk: Desk) -> None:
    name = desk.halted()
    [question] = desk.machine.memory.deployments.questions(name)
    answer = Answer(Choice.RETRY, "grace", "again", desk.machine.now)
    desk.machine.memory.deployments.answer(question, answer)
    assert "nothing waits for you" in desk.see("questions").text


@pytest.mark.parametrize("view", ["pipeline", "clusters", "questions", "history", "dora"])
def test_view_of_an_installation_without_clusters_is_no_error(desk: Desk, view: str) -> None:
    desk.machine.memory.cluster_queries._registry = MemoryRegistry()
    assert "not found" not in desk.see(view).text


def test_pipeline_shows_a_refused_push_with_its_answer(desk: Desk) -> None:
    assert "refused" not in desk.see("pipeline").text
    now = desk.query.context.clock.now()
    push = RefusedPush.of(now, "acme/<b>shop", 400, "the content type must be json", signed=True)
    desk.query.catalogue.record_refused_push(push)
    shown = desk.see("pipeline").text
    assert "1 delivery refused in the last day" in shown
    assert "acme/<b>shop was answered 400: the content type must be json" in shown
