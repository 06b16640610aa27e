"""The words beside a state are made of the same facts as the state: the table of states, for console and CLI."""

from collections import Counter
from dataclasses import replace

import pytest

from lifecycle.application.queries.fact_words import attention_words, bed_status, command_words
from lifecycle.application.queries.hosts import view_hosts
from lifecycle.application.queries.scope import Scope
from lifecycle.domain.analysis.model import Judgement, Verdict
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.listing import counted
from lifecycle.domain.monitoring.notifications import Change, notification_of
from lifecycle.domain.rollout.decision import Answer, Choice, Question, QuestionKind
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from lifecycle.domain.service.policy import AfterBake, ApprovalGate, Policy
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import Desk
from tests.unit.monitoring.notification_records import NOW

NAME = "hello-production-20261123120000-ab12"
BED = TestBed(NAME, 1, "host-1", 1, "host-2", 1, NOW, 10)
ASKED = Question(
    NAME,
    "approval",
    QuestionKind.APPROVAL,
    (Choice.APPROVE, Choice.REJECT),
    "the test bed is undecided",
    NOW,
    attempt=1,
    gate=ApprovalGate.AFTER_TEST_BED,
)
ANSWERED = replace(ASKED, answer=Answer(Choice.APPROVE, "ada", "fine", NOW))


def judged(verdict: Verdict) -> Judgement:
    return Judgement(verdict, "a sentence", (), 10, 500, 500)


@pytest.mark.parametrize(
    ("state", "verdict", "questions", "word"),
    [
        (BedState.BAKING, None, (), "BAKING"),
        (BedState.BAKING, Verdict.INCONCLUSIVE, (), "BAKING"),
        (BedState.BAKING, Verdict.INCONCLUSIVE, (ASKED,), "WAITS FOR AN ANSWER"),
        (BedState.BAKING, None, (ASKED,), "WAITS FOR AN ANSWER"),
        (BedState.BAKING, None, (replace(ASKED, attempt=2),), "BAKING"),
        (BedState.BAKING, None, (ANSWERED,), "BAKING"),
        (BedState.PASSED, Verdict.PASS, (), "PASSED"),
        (BedState.PASSED, Verdict.PASS, (ANSWERED,), "PASSED"),
        (BedState.PASSED, Verdict.INCONCLUSIVE, (ANSWERED,), "APPROVED"),
        (BedState.PASSED, None, (ANSWERED,), "APPROVED"),
        (BedState.FAILED, Verdict.FAIL, (), "FAILED"),
        (BedState.FAILED, None, (), "FAILED"),
        (BedState.CANCELLED, None, (), "GIVEN UP"),
    ],
)
def test_word_of_a_test_bed(
    state: BedState, verdict: Verdict | None, questions: tuple[Question, ...], word: str
) -> None:
    bed = replace(BED, state=state, judgement=judged(verdict) if verdict else None)
    assert bed_status(bed, questions).word == word


@pytest.mark.parametrize("verdict", [None, Verdict.INCONCLUSIVE])
def test_approval_is_not_notified_as_a_verdict(verdict: Verdict | None) -> None:
    after = replace(BED, state=BedState.PASSED, judgement=judged(verdict) if verdict else None)
    assert notification_of(Change(BED, after, NOW)) is None


def test_undecided_test_bed_that_was_approved_has_not_passed() -> None:
    """The whole way: the badge while it waits, the trail, and the badge afterwards."""
    desk = Desk.of(Policy(bake_minutes=20, after_bake=AfterBake.ASK))
    desk.machine.deploy("1.0.0")
    name = desk.machine.deploy("1.0.1")
    (bed,) = desk.machine.memory.deployments.beds(name)
    word = bed_status(bed, desk.machine.memory.deployments.questions(name)).word
    assert word in desk.see("test-bed").text


@pytest.mark.parametrize(
    ("order", "stage", "words"),
    [
        (Order.PREFETCH, AgentStage.FETCHING, "fetches 1.0.1"),
        (Order.PREFETCH, AgentStage.READY, "has fetched 1.0.1; its turn comes later"),
        (Order.PREFETCH, AgentStage.FAILED, "could not fetch 1.0.1"),
        (Order.INSTALL, AgentStage.STARTING, "host command: install, attempt 1, starting"),
        (Order.IDLE, AgentStage.IDLE, ""),
    ],
)
def test_host_that_serves_is_not_said_to_be_ready(desk: Desk, order: Order, stage: AgentStage, words: str) -> None:
    name = desk.halted()
    running = desk.machine.record(name)
    report = replace(desk.machine.report("host-3"), deployment=name, order=order, stage=stage, attempt=1)
    assert command_words(report, running) == words
    assert command_words(replace(report, deployment="another"), running) == ""
    assert command_words(report, None) == ""


def test_cluster_with_two_versions_says_so(desk: Desk) -> None:
    (found,) = view_hosts(desk.query, Scope()).clusters
    assert attention_words(found) == ""
    hosts = [replace(each, state=None) for each in found.hosts]
    older = [replace(hosts[0], report=replace(hosts[0].report, installed="0.9.0")), *hosts[1:]]
    mixed = replace(found, hosts=tuple(older))
    assert mixed.versions == Counter({"1.0.0": 3, "0.9.0": 1})
    assert attention_words(mixed) == "2 versions at once"
    name = desk.halted()
    running = replace(found.view, running=desk.machine.record(name))
    waiting = tuple(replace(each, may_be_updated=True) for each in older)
    assert attention_words(replace(mixed, view=running, hosts=waiting)) == "4 of 4 hosts wait for 1.0.1"


@pytest.mark.parametrize(("count", "said"), [(0, "0 hosts"), (1, "1 host"), (2, "2 hosts")])
def test_number_has_its_noun(count: int, said: str) -> None:
    assert counted(count, "host") == said
    assert counted(count, "entry", "entries") == ("1 entry" if count == 1 else f"{count} entries")


def test_one_host_is_one_host(desk: Desk) -> None:
    for number in (2, 3, 4):
        desk.machine.memory.fleet.remove(CLUSTER, f"host-{number}")
    assert "1 host: 1 serving" in desk.see("clusters").text
