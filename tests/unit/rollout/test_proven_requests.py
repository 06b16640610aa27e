"""Gates cannot be talked past: what nobody known asked for does not begin, and nobody is two people.

The cases `kinds` and `foureyes` of attacks on the gates are among them.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.decide import approve
from lifecycle.application.rollout.requested import begin_requested
from lifecycle.application.rollout.requests import payload, record_request
from lifecycle.application.rollout.set_policy import set_floor
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.identity import is_generated, is_proven, same_person
from lifecycle.domain.monitoring.audit import AuditKind
from lifecycle.domain.refused_limits import MOST
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind, Override, Request
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.account import Account, handler
from tests.support.invocation import Invocation
from tests.support.rollout import CLUSTER, Machine

GATED = Policy(approval=ApprovalGate.BEFORE_FIRST_HOST, approval_by_another=True, bake_minutes=30)


@pytest.fixture
def machine() -> Machine:
    """Return a cluster that serves 1.0.0, is frozen, and has 1.0.2 quarantined."""
    made = Machine(policy=GATED)
    made.approve(made.deploy("1.0.0"), Choice.APPROVE)
    made.memory.freezes.put(Freeze("*", "grace", "incident", made.now))
    made.memory.fleet.quarantine(CLUSTER, "1.0.2", "rolled back here")
    made.memory.clock.sleep(1)
    return made


def untouched(machine: Machine) -> bool:
    leases = machine.memory.leases.current(CLUSTER)
    return set(machine.installed().values()) == {"1.0.0"} and not leases.deployment


def test_input_of_an_execution_changes_nothing_of_what_was_requested(machine: Machine) -> None:
    """An operator writes `kind` into it, or the name of another requester."""
    for kind in Kind:
        asked = machine.request("1.0.2", kind, requested_by="schedule")
        forged = {**payload(asked), "kind": str(kind), "version": "1.0.2", "requested_by": "schedule"}
        planned = machine.start(forged)
        assert planned.kind == "REFUSED"
        assert f"no request for {asked.deployment} is on record" in planned.reason
        assert "`lifecycle deploy hello VERSION --environment production`" in planned.reason
        machine.memory.clock.sleep(1)
    assert untouched(machine)
    tried = [each for each in machine.memory.audit_log.read(CLUSTER) if each.what.startswith("refused to start")]
    assert len(tried) == len(Kind)
    assert {each.who for each in tried} == {"unknown"}


@pytest.mark.parametrize(
    ("source", "changes", "why"),
    [
        (Source.OPERATOR, {"kind": Kind.CONVERGE}, "only convergence repairs"),
        (Source.OPERATOR, {"only": ("host-1",)}, "expected no hosts"),
        (Source.OPERATOR, {"kind": Kind.ROLLBACK}, "a rollback names the deployment that it undoes"),
        (Source.OPERATOR, {"rollback_of": "hello-production-20261123120000-aa"}, "is a rollback"),
        (Source.OPERATOR, {"deployment": "other-production-20261123120000-aa"}, "deployment name of this cluster"),
        (Source.OPERATOR, {"rollback_of": "other", "kind": Kind.ROLLBACK}, "deployment name of this cluster"),
        (Source.CONSOLE, {"kind": Kind.CONVERGE}, "only convergence repairs"),
        (Source.DELIVERY, {}, "delivery deploys to staging only"),
        (Source.DELIVERY, {"kind": Kind.ROLLBACK, "environment": "staging"}, "name of this cluster"),
        (Source.CONVERGENCE, {}, "expected CONVERGE from convergence"),
    ],
)
def test_each_part_may_record_its_own_requests_only(
    machine: Machine, source: Source, changes: dict[str, Any], why: str
) -> None:
    asked = replace(machine.request("1.0.1"), **changes)
    with pytest.raises(Refused, match=why):
        record_request(machine.memory.requests, RecordedRequest(asked, source, machine.now))
    assert machine.memory.requests.find(asked.deployment) is None


def test_record_that_its_source_may_not_make_begins_nothing(machine: Machine) -> None:
    """Somebody may write that partition of the ledger, and no other."""
    asked = machine.request("1.0.2", Kind.CONVERGE)
    machine.memory.requests.put(RecordedRequest(asked, Source.OPERATOR, machine.now))
    planned = machine.start(payload(asked))
    assert (planned.kind, "only convergence repairs" in planned.reason) == ("REFUSED", True)
    assert untouched(machine)


def test_request_of_before_begins_nothing(machine: Machine) -> None:
    """Somebody else could start it, and approve it as another person."""
    asked = machine.request("1.0.1", overrides=(Override.FREEZE,), reason="it repairs the shop")
    given = machine.ask(asked)
    machine.memory.clock.sleep(timedelta(minutes=15, seconds=1).total_seconds())
    planned = machine.start(given)
    assert (planned.kind, "request it again" in planned.reason) == ("REFUSED", True)


def test_request_on_record_begins_and_goes_on_after_any_time(machine: Machine) -> None:
    asked = machine.request("1.0.1", overrides=(Override.FREEZE,), reason="it repairs the shop")
    given = machine.ask(asked)
    assert machine.start(given).kind == "PLANNED"
    machine.memory.clock.sleep(7_200)
    machine.memory.executions.running.discard(asked.deployment)
    again = machine.start(given, f"{asked.deployment}_2")
    assert (again.kind, again.service, again.environment) == ("PLANNED", "hello", "production")
    assert machine.record(asked.deployment).request == asked
    entries = [(each.what, each.why) for each in machine.memory.audit_log.read(CLUSTER)]
    assert (f"go on in {asked.deployment}_2", f"after {asked.deployment}") in entries


@pytest.mark.parametrize("undone", ["", "hello-production-20261123120000-aa", "its own"])
def test_rollback_goes_only_to_what_was_verified_there(machine: Machine, undone: str) -> None:
    (first,) = machine.memory.deployments.recent(CLUSTER, 9)
    of = {"": None, "its own": first.id}.get(undone, undone)
    asked = machine.request("1.0.2", Kind.ROLLBACK, rollback_of=of)
    planned = machine.begin(asked)
    why = (
        "a rollback undoes a deployment of"
        if of and of != first.id
        else "1.0.2 was never verified in production/hello"
    )
    assert (planned.kind, why in planned.reason) == ("REFUSED", True)
    assert untouched(machine)


def test_rollback_does_not_go_forward_to_what_was_rolled_back(machine: Machine) -> None:
    """A rollback passes freezes, gates and quarantines: it may undo no rollback."""
    machine.memory.freezes.lift(machine.memory.freezes.all()[0])
    second = machine.deploy("1.0.1")
    machine.approve(second, Choice.APPROVE)
    machine.memory.clock.sleep(1)
    back = machine.request("1.0.0", Kind.ROLLBACK, rollback_of=second)
    assert machine.start(machine.ask(back)).kind == "PLANNED"
    machine.run(back.deployment)
    machine.memory.clock.sleep(1)
    forward = machine.request("1.0.1", Kind.ROLLBACK, rollback_of=back.deployment)
    planned = machine.start(machine.ask(forward))
    assert (planned.kind, "1.0.1 is quarantined: rolled back by ada" in planned.reason) == ("REFUSED", True)
    assert untouched(machine)


def test_request_is_spent_by_the_execution_of_its_name(machine: Machine) -> None:
    """Somebody else could start another one later, and approve it as another person."""
    asked = machine.request("1.0.1")
    given = machine.ask(asked)
    assert "is frozen" in machine.start(given).reason
    machine.memory.freezes.lift(machine.memory.freezes.all()[0])
    again = machine.start(given, f"{asked.deployment}_2")
    assert (again.kind, f"{asked.deployment} has ended: REFUSED" in again.reason) == ("REFUSED", True)
    other = machine.start(given, "by-hand")
    assert (other.kind, "is not one of" in other.reason) == ("REFUSED", True)


@pytest.mark.parametrize("hours", [-9_000, -1, 1])
def test_name_of_another_time_is_not_recorded(machine: Machine, hours: int) -> None:
    """Sorted by name, it would be hidden behind older deployments, or before newer ones."""
    name = f"hello-production-{machine.now + timedelta(hours=hours):%Y%m%d%H%M%S}-aa"
    with pytest.raises(Refused, match="set the clock"):
        machine.ask(machine.request("1.0.1", deployment=name))


def test_freeze_is_overridden_with_a_reason_only(machine: Machine) -> None:
    with pytest.raises(Refused, match="needs a reason"):
        machine.ask(machine.request("1.0.1", overrides=(Override.FREEZE,)))


def test_request_that_two_sources_recorded_counts_for_neither(machine: Machine) -> None:
    asked = machine.request("1.0.1")
    for source in (Source.OPERATOR, Source.CONSOLE):
        machine.memory.requests.put(RecordedRequest(asked, source, machine.now))
    assert machine.start(payload(asked)).kind == "REFUSED"


def test_rollback_to_the_version_before_a_deployment_begins_despite_a_freeze(machine: Machine) -> None:
    machine.memory.freezes.lift(machine.memory.freezes.all()[0])
    second = machine.deploy("1.0.1")
    machine.approve(second, Choice.APPROVE)
    machine.memory.clock.sleep(1)
    given = machine.ask(machine.request("1.0.0", Kind.ROLLBACK, rollback_of=second))
    assert machine.start(given).kind == "PLANNED"


def test_rollback_of_what_was_rolled_back_long_ago_is_no_way_to_a_quarantined_version() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.memory.clock.sleep(1)
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    rolled_back = machine.deploy("1.0.1")
    machine.decide(rolled_back, Choice.ROLL_BACK)
    machine.memory.clock.sleep(1)
    machine.deploy("1.0.2")
    machine.memory.clock.sleep(60)
    machine.memory.fleet.quarantine(CLUSTER, "1.0.0", "it has a hole")
    given = machine.ask(machine.request("1.0.0", Kind.ROLLBACK, rollback_of=rolled_back))
    planned = machine.start(given)
    assert (planned.kind, "brought 1.0.1, and 1.0.2 is desired there now" in planned.reason) == ("REFUSED", True)
    assert set(machine.installed().values()) == {"1.0.2"}


@pytest.mark.parametrize(("to", "why"), [("1.0.0", "1.0.1 was verified last before 1.0.2"), ("1.0.1", "")])
def test_rollback_undoes_what_is_desired_and_goes_to_what_was_verified_before(to: str, why: str) -> None:
    """It passes freezes and gates, so nobody chooses among all versions of before by it."""
    machine = Machine(policy=Policy(min_alive_seconds=0))
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        last = machine.deploy(version)
        machine.memory.clock.sleep(1)
    first = machine.memory.deployments.recent(CLUSTER, 10)[-1].id
    planned = machine.start(machine.ask(machine.request(to, Kind.ROLLBACK, rollback_of=first)))
    assert (planned.kind, "1.0.2 is desired there now" in planned.reason) == ("REFUSED", True)
    machine.memory.clock.sleep(1)
    planned = machine.start(machine.ask(machine.request(to, Kind.ROLLBACK, rollback_of=last)))
    assert (planned.kind, why in planned.reason) == ("REFUSED" if why else "PLANNED", True), planned


def test_requester_without_a_name_of_their_own_begins_nothing_that_needs_another_person() -> None:
    machine = Machine(policy=GATED)
    asked = machine.request("1.0.0", requested_by="botocore-session-1795803000")
    planned = machine.begin(asked)
    assert (planned.kind, "nobody knows who botocore-session-1795803000 is" in planned.reason) == ("REFUSED", True)


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ("botocore-session-1795803060", "is not known to be one"),
        ("AWSCLI-Session", "is not known to be one"),
        ("console:grace", "is not known to be one"),
        ("console", "is not known to be one"),
        ("ada", "ada requested"),
        ("ADA", "ada requested"),
        (" ada ", "ada requested"),
    ],
)
def test_approval_by_another_takes_proven_names_of_others_only(by: str, why: str) -> None:
    machine = Machine(policy=GATED)
    name = machine.deploy("1.0.0")
    with pytest.raises(Refused, match=why):
        approve(machine.context, CLUSTER, name, Answer(Choice.APPROVE, by, "next command", machine.now))
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    machine.approve(name, Choice.APPROVE)
    assert machine.record(name).state is DeploymentState.DONE


@pytest.mark.parametrize("by", ["console", "botocore-session-1795803000"])
def test_deployment_of_nobody_known_cannot_be_approved_by_another(by: str) -> None:
    """A floor may ask for another person after it has begun."""
    machine = Machine(policy=Policy(approval=ApprovalGate.BEFORE_FIRST_HOST))
    name = machine.deploy("1.0.0", requested_by=by)
    assert machine.memory.deployments.put(replace(machine.record(name), policy=GATED))
    with pytest.raises(Refused, match=f"nobody knows who {by} is"):
        machine.approve(name, Choice.APPROVE)


@pytest.mark.parametrize(
    "name",
    [
        *("botocore-session-1795803000", "AWSCLI-Session", "aws-cli-session", "aws-sdk-java-1795803000123"),
        *("aws-go-sdk-1795803000123456789", "aws-sdk-js-session-1795803000", "AssumeRoleSession", "session"),
        *("GitHubActions", "AWSCodeBuild-0b1c2d3e-1111-2222-3333-444455556666", "i-0123456789abcdef0"),
        *("0b1c2d3e-1111-2222-3333-444455556666", "d41d8cd98f00b204e9800998ecf8427e", "vault-ops-1795803000-Xy1"),
        *("1795803000123456789", "1795803000.123", "s3-session-1795803000123", "tmp-1", "assumed-from-leapp"),
        "AWSAssumeRoleSession",
    ],
)  # fmt: skip
def test_names_that_programs_choose_are_known(name: str) -> None:
    assert is_generated(name)
    assert not is_proven(name)


@pytest.mark.parametrize(
    "name",
    [
        "ada",
        "ada.lovelace@example.test",
        "grace-2",
        "root",
        "4915112345678",
        "2125550123",
        "sessions@example.test",
        "ida",
    ],
)
def test_names_of_people_are_taken(name: str) -> None:
    assert is_proven(name)
    assert same_person(name, name.upper())
    assert not same_person(name, f"{name}2")


def test_request_names_its_author(machine: Machine) -> None:
    asked: Request = machine.request("1.0.1", requested_by="grace")
    machine.start(machine.ask(asked))
    entries = [(e.who, e.what) for e in machine.memory.audit_log.read(CLUSTER) if e.deployment == asked.deployment]
    assert entries == [("grace", "refused 1.0.1")]


def test_answer_counts_for_the_gate_that_was_shown_only() -> None:
    """One that is sent twice, or late, would pass the next gate too."""
    machine = Machine(policy=Policy(approval=ApprovalGate.BEFORE_FIRST_HOST))
    after = {"approval": ("after_first_host",)}
    set_floor(machine.context, str(CLUSTER), after, RequestedBy("grace", "both gates"))
    name = machine.deploy("1.0.0")
    (first,) = machine.memory.deployments.questions(name)
    answer = Answer(Choice.APPROVE, "grace", "as shown", machine.now)
    approve(machine.context, CLUSTER, name, answer, first.id)
    machine.run(name)
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    with pytest.raises(Refused, match=f"it answers {first.id}, and {name} waits for approval-after_first_host now"):
        approve(machine.context, CLUSTER, name, answer, first.id)


@pytest.mark.parametrize("name", ["x; DROP", "", "hello", "../x", "\ud800", "hello-production-1-ab"])
def test_execution_of_no_deployment_is_refused_and_on_record(machine: Machine, name: str) -> None:
    found = begin_requested(machine.context, name, "by-hand")
    assert (found.kind, found.reason.startswith("the input names no deployment: ")) == ("REFUSED", True)
    entry = machine.memory.audit_log.entries[-1]
    assert (entry.cluster, entry.who, entry.kind) == (str(CLUSTER), "unknown", AuditKind.REFUSAL)
    assert entry.what == "refused to start a deployment by the execution by-hand"


def test_flood_of_executions_does_not_fill_the_audit_log(machine: Machine) -> None:
    asked = machine.request("1.0.1")
    for number in range(300):
        machine.memory.clock.sleep(1)
        assert begin_requested(machine.context, asked.deployment, f"by-hand-{number}").kind == "REFUSED"
        assert begin_requested(machine.context, "x", f"by-hand-{number}").kind == "REFUSED"
    refused = [each for each in machine.memory.audit_log.entries if each.kind is AuditKind.REFUSAL]
    assert len(refused) == MOST


@pytest.mark.parametrize("event", [None, [], {}, {"deployment": 7}, {"deployment": {}, "execution": "by-hand"}])
def test_input_of_a_rollout_that_is_no_deployment_is_on_record(monkeypatch: pytest.MonkeyPatch, event: Any) -> None:
    account = Account.of()
    account.use(monkeypatch)
    assert handler("plan").handle(event, Invocation("lifecycle-plan"))["kind"] == "REFUSED"
    for cluster in account.context.registry.clusters():
        (entry,) = (each for each in account.context.audit_log.read(cluster) if each.kind is AuditKind.REFUSAL)
        assert (entry.who, "the event is not valid: " in entry.why) == ("unknown", True)
