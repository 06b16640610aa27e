"""Pending decisions: forty of each kind are shown, and the card of a question has everything that an answer needs."""

from dataclasses import replace
from datetime import timedelta

from lifecycle.application.queries.pending_decisions import MOST, view_pending_decisions
from lifecycle.application.queries.scope import Scope
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.attempt import Blame
from lifecycle.domain.rollout.decision import Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import DeploymentState, deployment_id
from lifecycle.domain.rollout.queue import PendingDeployment
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import Desk


def known(desk: Desk, service: str, environment: str = "production") -> Cluster:
    cluster = Cluster(environment, service)
    desk.machine.memory.registry.set_desired(cluster, Desired("1.0.0", "d" * 64, 1, "d-1"))
    return cluster


def waits_for_a_lease(desk: Desk, number: int) -> None:
    """Store a deployment that waits for its cluster."""
    cluster = known(desk, f"queued-{number}")
    name = deployment_id(cluster, desk.machine.now, "aaaa")
    request = replace(desk.machine.request("1.0.1"), deployment=name, service=cluster.service)
    desk.machine.memory.queue.replace(cluster, None, PendingDeployment(request, desk.machine.now))


def waits_for_a_human(desk: Desk, number: int, environment: str = "production") -> None:
    """Store a deployment with a question, asked `number` minutes ago."""
    cluster, machine = known(desk, f"asked-{number}", environment), desk.machine
    name = deployment_id(cluster, machine.now, "aaaa")
    request = replace(machine.request("1.0.1"), deployment=name, service=cluster.service, environment=environment)
    last = machine.memory.deployments.recent(CLUSTER, 1)[0]
    machine.memory.deployments.put(replace(last, request=request, state=DeploymentState.RUNNING, execution=name))
    machine.memory.leases.acquire(cluster, name, machine.now)
    at = machine.now - timedelta(minutes=number)
    machine.memory.deployments.ask(Question(name, "resume-1", QuestionKind.RESUME, (Choice.RESUME,), "paused", at))


def test_rest_of_both_kinds_is_counted(desk: Desk) -> None:
    for number in range(1, MOST + 2):
        waits_for_a_human(desk, number)
    for number in range(MOST + 3):
        waits_for_a_lease(desk, number)
    view = view_pending_decisions(desk.query, Scope())
    assert (len(view.pending), len(view.queued), view.more) == (MOST, MOST, 1 + 3)


def test_longest_waiting_decision_comes_first(desk: Desk) -> None:
    for number in (2, 3, 1):
        waits_for_a_human(desk, number)
    view = view_pending_decisions(desk.query, Scope())
    assert [each.cluster.service for each in view.pending] == ["asked-3", "asked-2", "asked-1"]
    assert (view.queued, view.more) == ((), 0)


def test_queued_deployments_come_by_cluster(desk: Desk) -> None:
    for number in (2, 1):
        waits_for_a_lease(desk, number)
    view = view_pending_decisions(desk.query, Scope())
    assert [each.cluster.service for each in view.queued] == ["queued-1", "queued-2"]
    assert (view.pending, view.more) == ((), 0)


def test_production_comes_before_staging(desk: Desk) -> None:
    waits_for_a_human(desk, 9, "staging")
    waits_for_a_human(desk, 1)
    view = view_pending_decisions(desk.query, Scope())
    assert [each.cluster.environment for each in view.pending] == ["production", "staging"]


def test_card_says_what_serves_now(desk: Desk) -> None:
    desk.halted()
    card = desk.see("questions").text
    assert "3 of 4 hosts serve now: 1.0.0 on 3; host-2 does not." in card


def test_answer_that_follows_from_the_evidence_is_first_and_marked_and_abort_is_last(desk: Desk) -> None:
    name = desk.halted()
    [question] = desk.machine.memory.deployments.questions(name)
    assert (question.blame, question.advised) == (Blame.VERSION, Choice.ROLL_BACK)
    card = desk.see("questions")
    answers = [each.text for each in card.buttons if each.params.get("choice")]
    assert (answers[0], answers[-1]) == ("Roll back", "Abort")
    assert (
        f"Roll back \N{HEAVY CHECK MARK} follows from the evidence {question.effects[Choice.ROLL_BACK]}" in card.text
    )


def test_roll_back_and_abort_differ_in_colour_and_place(desk: Desk) -> None:
    desk.halted()
    classes = [value for name, value in desk.see("questions").values if name == "class"]
    assert "btn lc-danger" in classes
    assert classes.index("lc-answer lc-apart") < classes.index("btn lc-abort")
    assert classes.count("lc-answer lc-apart") == 1


def test_reason_is_marked_as_required_for_the_answers_that_need_one(desk: Desk) -> None:
    desk.halted()
    assert "Reason (required)" in desk.planned("questions", "Abort").text
    assert "(required)" not in desk.planned("questions", "Retry").text


def test_unclear_evidence_advises_nothing(desk: Desk) -> None:
    name = desk.halted()
    deployments = desk.machine.memory.deployments
    [question] = deployments.questions(name)
    deployments._store(replace(question, blame=Blame.UNCLEAR, advised=None))
    assert "follows from the evidence" not in desk.see("questions").text
