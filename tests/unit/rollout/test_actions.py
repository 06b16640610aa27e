"""Permissions: every action has a rule, and each rule says the same to the console, the plan and the phase."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.application.rollout.decide import answer_deployment
from lifecycle.application.rollout.plan import preview as planned
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.actions import Action, ActionFacts, Permission, Ruling, permission, plan_permission
from lifecycle.domain.rollout.decision import Answer, Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.lease import Lease, UnreadableLease
from lifecycle.domain.rollout.plan import Plan
from lifecycle.domain.rollout.rollback_words import RollbackFacts
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState
from tests.support.rollout import CLUSTER, Machine

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FACTS = ActionFacts(NOW, CLUSTER)
OLD, NEW = Target("1.0.0", "a" * 64), Target("1.0.1", "b" * 64)


def deployment(
    version: Target = NEW,
    state: DeploymentState = DeploymentState.RUNNING,
    kind: Kind = Kind.DEPLOY,
    previous: Target | None = OLD,
) -> Deployment:
    request = Request(
        "hello-production-20261123120000-ab12", "hello", "production", version.version, "ada", kind=kind
    )
    made = Deployment.not_begun(request, version, Policy(), NOW, "as planned")
    return replace(made, state=state, previous=previous, epoch=3)


def question(**changes: object) -> Question:
    kind = QuestionKind.RESUME
    asked = Question("d", "pause-0", kind, (Choice.RESUME, Choice.ABORT), "paused by grace", NOW)
    return replace(asked, **changes)  # type: ignore[arg-type]


RUNNING, DONE = deployment(), deployment(state=DeploymentState.DONE)
HELD = Lease(3, RUNNING.id, NOW)
SILENT = HostReport("host-1", "10.0.0.1", 8080, "a", NOW, NOW)
DEPLOYS = replace(FACTS, target=NEW, verified=OLD)
TABLE = [
    (Action.PROMOTE, replace(FACTS, target=NEW), Ruling.ALLOWED, ""),
    (Action.PROMOTE, replace(FACTS, target=NEW, release="1.0.1"), Ruling.NEEDLESS, "is release 1.0.1"),
    (
        Action.PROMOTE,
        replace(FACTS, target=NEW, withdrawn=Withdrawal("1", "ada", "wrong", NOW, WithdrawalState.DONE)),
        Ruling.REFUSED,
        "push its commit again",
    ),
    (Action.DEPLOY, FACTS, Ruling.NEEDLESS, "no version"),
    (Action.DEPLOY, DEPLOYS, Ruling.ALLOWED, ""),
    (Action.DEPLOY, replace(DEPLOYS, target=OLD), Ruling.NEEDLESS, "production/hello serves 1.0.0 already"),
    (Action.DEPLOY, replace(DEPLOYS, target=replace(OLD, config=2)), Ruling.ALLOWED, ""),
    (Action.DEPLOY, replace(DEPLOYS, running=RUNNING, lease=HELD), Ruling.NEEDLESS, f"{RUNNING.id} deploys 1.0.1"),
    (Action.DEPLOY, replace(DEPLOYS, queued="d-2", queued_version="1.0.1"), Ruling.NEEDLESS, "d-2 is queued"),
    (
        Action.DEPLOY,
        replace(DEPLOYS, target=Target("1.1.0-20261123110000-bbbbbbb", "")),
        Ruling.REFUSED,
        "takes releases only",
    ),
    (Action.DEPLOY, replace(DEPLOYS, lease=UnreadableLease(why="no epoch")), Ruling.REFUSED, "no epoch"),
    (Action.DEPLOY, replace(DEPLOYS, quarantined={"1.0.1": "crashes"}), Ruling.QUARANTINED, "quarantined: crashes"),
    (Action.DEPLOY, replace(DEPLOYS, frozen=("the sale",)), Ruling.FROZEN, "the sale"),
    (
        Action.DEPLOY,
        replace(DEPLOYS, lease=HELD, queued="d-2", queued_version="1.0.9"),
        Ruling.WAITS,
        f"it waits for {RUNNING.id}, and supersedes d-2",
    ),
    (Action.DEPLOY, replace(DEPLOYS, lease=replace(HELD, expires_at=NOW)), Ruling.ALLOWED, ""),
    (Action.PAUSE, FACTS, Ruling.REFUSED, "nothing is being deployed"),
    (Action.PAUSE, replace(FACTS, deployment=RUNNING), Ruling.ALLOWED, ""),
    (Action.PAUSE, replace(FACTS, deployment=DONE), Ruling.REFUSED, "it is DONE"),
    (
        Action.PAUSE,
        replace(FACTS, deployment=deployment(state=DeploymentState.QUEUED)),
        Ruling.REFUSED,
        "it is QUEUED",
    ),
    (Action.PAUSE, replace(FACTS, deployment=RUNNING, questions=(question(),)), Ruling.REFUSED, "paused by grace"),
    (Action.RESUME, replace(FACTS, deployment=RUNNING, questions=(question(),)), Ruling.ALLOWED, ""),
    (Action.RESUME, replace(FACTS, deployment=RUNNING), Ruling.REFUSED, "not paused"),
    (Action.RESUME, replace(FACTS, deployment=DONE, questions=(question(),)), Ruling.REFUSED, "it has ended: DONE"),
    (Action.ABORT, replace(FACTS, deployment=deployment(state=DeploymentState.QUEUED)), Ruling.ALLOWED, ""),
    (Action.ABORT, replace(FACTS, deployment=RUNNING), Ruling.REFUSED, "not paused"),
    (Action.ROLL_BACK, FACTS, Ruling.REFUSED, "never had a deployment"),
    (Action.ROLL_BACK, replace(FACTS, deployment=RUNNING, lease=HELD), Ruling.ALLOWED, ""),
    (
        Action.ROLL_BACK,
        replace(FACTS, deployment=deployment(state=DeploymentState.QUEUED)),
        Ruling.REFUSED,
        "cancel it instead",
    ),
    (
        Action.ROLL_BACK,
        replace(FACTS, deployment=deployment(kind=Kind.ROLLBACK)),
        Ruling.REFUSED,
        "a rollback itself",
    ),
    (
        Action.ROLL_BACK,
        replace(FACTS, deployment=deployment(previous=None)),
        Ruling.REFUSED,
        "no version was verified",
    ),
    (Action.ROLL_BACK, replace(FACTS, deployment=DONE, last=DONE, back=OLD), Ruling.ALLOWED, ""),
    (Action.ROLL_BACK, replace(FACTS, deployment=DONE, last=DONE), Ruling.REFUSED, "no version other than 1.0.1"),
    (
        Action.ROLL_BACK,
        replace(FACTS, deployment=DONE, last=DONE, back=OLD, lease=Lease(4, "d-9")),
        Ruling.REFUSED,
        "d-9 runs there now",
    ),
    (
        Action.ROLL_BACK,
        replace(FACTS, deployment=replace(DONE, state=DeploymentState.ROLLED_BACK), last=DONE, back=OLD),
        Ruling.REFUSED,
        "already rolled back",
    ),
    (Action.DECIDE, FACTS, Ruling.REFUSED, "nothing was asked"),
    (Action.DECIDE, replace(FACTS, deployment=RUNNING, question=question()), Ruling.ALLOWED, ""),
    (Action.APPROVE, replace(FACTS, deployment=DONE, question=question()), Ruling.REFUSED, "has ended: DONE"),
    (
        Action.REJECT,
        replace(FACTS, deployment=RUNNING, question=question(expires_at=NOW - timedelta(hours=1))),
        Ruling.REFUSED,
        "expired at 2026-11-23 11:00:00 UTC",
    ),
    (
        Action.ASSIGN,
        replace(FACTS, deployment=RUNNING, question=question(answer=Answer(Choice.RESUME, "grace", "fine", NOW))),
        Ruling.REFUSED,
        "grace answered RESUME",
    ),
    (Action.FREEZE, FACTS, Ruling.ALLOWED, ""),
    (
        Action.FREEZE,
        replace(FACTS, freeze=Freeze("*", "grace", "the sale", NOW)),
        Ruling.REFUSED,
        "grace froze it already",
    ),
    (Action.UNFREEZE, replace(FACTS, freeze=Freeze("*", "grace", "the sale", NOW)), Ruling.ALLOWED, ""),
    (Action.UNFREEZE, FACTS, Ruling.NEEDLESS, "not frozen"),
    (Action.CANCEL, FACTS, Ruling.ALLOWED, ""),
    (Action.CANCEL, replace(FACTS, run_ended=True), Ruling.REFUSED, "it has ended"),
    (Action.QUARANTINE, replace(FACTS, subject="1.0.1"), Ruling.ALLOWED, ""),
    (
        Action.QUARANTINE,
        replace(FACTS, subject="1.0.1", quarantined={"1.0.1": "x"}),
        Ruling.NEEDLESS,
        "quarantined: x",
    ),
    (Action.UNQUARANTINE, replace(FACTS, subject="1.0.1", quarantined={"1.0.1": "x"}), Ruling.ALLOWED, ""),
    (Action.UNQUARANTINE, replace(FACTS, subject="1.0.1"), Ruling.NEEDLESS, "not quarantined"),
    (Action.CONVERGE, FACTS, Ruling.NEEDLESS, "no version was ever deployed"),
    (Action.CONVERGE, replace(FACTS, last=DONE), Ruling.ALLOWED, ""),
    (Action.REMOVE_HOST, replace(FACTS, subject="host-9"), Ruling.REFUSED, "has no host host-9"),
    (Action.REMOVE_HOST, replace(FACTS, subject="host-1", report=SILENT, unreachable=True), Ruling.ALLOWED, ""),
    (
        Action.REMOVE_HOST,
        replace(FACTS, subject="host-1", report=SILENT, state=TargetState.HEALTHY),
        Ruling.REFUSED,
        "its agent reported at 12:00:00 UTC.*in rotation and healthy",
    ),
]


@pytest.mark.parametrize(("action", "facts", "ruling", "why"), TABLE)
def test_rule(action: Action, facts: ActionFacts, ruling: Ruling, why: str) -> None:
    found = permission(action, facts)
    assert found.ruling is ruling
    assert all(part in found.why for part in why.split(".*"))
    assert found.allowed is (ruling in (Ruling.ALLOWED, Ruling.WAITS))
    assert bool(found.refusals) is not found.allowed


@pytest.mark.parametrize("action", Action)
def test_every_action_has_a_rule(action: Action) -> None:
    assert isinstance(permission(action, FACTS), Permission)


def preview(machine: Machine, version: str) -> tuple[Plan, Permission]:
    request = machine.request(version)
    found = planned(machine.context, request)
    return found, plan_permission(found, request.kind)


def test_plan_is_judged_by_the_same_words_as_a_button() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    assert preview(machine, "1.0.1")[1].ruling is Ruling.ALLOWED
    assert preview(machine, "1.0.0")[1].ruling is Ruling.NEEDLESS
    machine.memory.fleet.quarantine(CLUSTER, "1.0.1", "crashes")
    plan, found = preview(machine, "1.0.1")
    assert (found.ruling, found.why) == (Ruling.QUARANTINED, "; ".join(plan.blockers))
    assert preview(machine, "1.0.2")[1].ruling is Ruling.ALLOWED
    machine.memory.freezes.put(Freeze("production", "grace", "the sale", machine.now))
    assert preview(machine, "1.0.2")[1].ruling is Ruling.FROZEN


@pytest.mark.parametrize("choice", [Choice.PAUSE, Choice.ROLL_BACK])
def test_phase_refuses_in_the_words_of_the_rule(choice: Choice) -> None:
    machine = Machine()
    request = machine.request("1.0.0")
    queued = Deployment.not_begun(request, NEW, Policy(), machine.now, "waits")
    machine.memory.deployments.put(queued)
    action = Action(choice.lower())
    said = permission(action, ActionFacts(machine.now, CLUSTER, deployment=queued)).why
    with pytest.raises(Refused) as refused:
        answer_deployment(machine.context, CLUSTER, queued.id, Answer(choice, "ada", "why", machine.now))
    assert refused.value.reasons == (said,)


def test_rollback_names_both_versions_and_what_follows() -> None:
    facts = RollbackFacts(CLUSTER, NEW, OLD, "1.0.1")
    assert facts.question == "Roll production/hello back from 1.0.1 to 1.0.0?"
    assert facts.consequences == "1.0.1 is quarantined; no other verified version is left for another rollback"
    more = replace(facts, next_target=Target("0.9.0", ""))
    assert more.consequences == "1.0.1 is quarantined; another rollback would go to 0.9.0"
    same = replace(facts, quarantines="")
    assert same.consequences.startswith("nothing is quarantined; ")
