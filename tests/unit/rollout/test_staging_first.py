"""Staging comes before production: what it says of a version, and what a promotion and a plan make of that."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from lifecycle.application.delivery.promote import promote
from lifecycle.application.delivery.staging_gate import StagingGate
from lifecycle.application.ports.phases import Promoted
from lifecycle.application.rollout.plan import begin, preview
from lifecycle.domain.errors import Refused, UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt, ReleaseRun
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Override, Request, deployment_id
from lifecycle.domain.rollout.earlier_environment import Outcome, Records, Verdict, Wanted, verdict
from lifecycle.domain.rollout.plan import Plan
from lifecycle.domain.service.policy import After, Policy
from lifecycle.domain.service.target import Target
from tests.fakes.signer import SIGNER
from tests.support.rollout import CLUSTER, Machine, manifest

STAGING = Cluster("staging", "hello")
SNAPSHOT = "1.0.3-20261123100000-aaaaaaa"
RELEASE = "1.0.3"
# The digest of a release is its snapshot's.
DIGEST = manifest(SNAPSHOT).digest
WANTED = Wanted(frozenset({SNAPSHOT, RELEASE}), DIGEST)
START = datetime.fromisoformat("2026-11-23T12:00:00+00:00")
BAD = (Outcome.HALTED, Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.QUARANTINED)


def ran(minute: int, state: DeploymentState, **changes: object) -> Deployment:
    """Return a deployment of the version to staging; a field of its request has the prefix `request_`."""
    at = START + timedelta(minutes=minute)
    name = deployment_id(STAGING, at, "ab12")
    asked = {key.removeprefix("request_"): value for key, value in changes.items() if key.startswith("request_")}
    own = {key: value for key, value in changes.items() if not key.startswith("request_")}
    request = replace(Request(name, "hello", "staging", SNAPSHOT, "delivery"), **asked)  # type: ignore[arg-type]
    record = Deployment(
        request=request,
        epoch=minute + 1,
        target=Target(SNAPSHOT, DIGEST),
        previous=None,
        hosts=(),
        policy=Policy(),
        started_at=at,
        execution=name,
        state=state,
        reason="as recorded",
        finished_at=at if state.final else None,
        host_count=1,
    )
    return replace(record, **own)  # type: ignore[arg-type]


def said(*deployments: Deployment, attempts: tuple[HostAttempt, ...] = (), **records: object) -> Verdict:
    found = Records(tuple(deployments), **records)  # type: ignore[arg-type]
    return verdict("staging", WANTED, found, attempts, After.DEFAULT)


def failed(blame: Blame = Blame.VERSION) -> HostAttempt:
    return HostAttempt("d", "staging-1", 1, 1, "d", START, AttemptState.FAILED, reason="self-test: 500", blame=blame)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (DeploymentState.DONE, Outcome.SERVED),
        (DeploymentState.RUNNING, Outcome.RUNNING),
        (DeploymentState.PAUSED, Outcome.RUNNING),
        (DeploymentState.AWAITING_APPROVAL, Outcome.RUNNING),
        (DeploymentState.HALTED, Outcome.HALTED),
        (DeploymentState.ABORTED, Outcome.FAILED),
        (DeploymentState.REJECTED, Outcome.FAILED),
        (DeploymentState.STALE, Outcome.FAILED),
        (DeploymentState.ROLLED_BACK, Outcome.ROLLED_BACK),
        (DeploymentState.REFUSED, Outcome.NEVER_RAN),
        (DeploymentState.SUPERSEDED, Outcome.NEVER_RAN),
        (DeploymentState.QUEUED, Outcome.NEVER_RAN),
    ],
)
def test_every_state_has_an_outcome_and_only_a_verified_version_passes(
    state: DeploymentState, outcome: Outcome
) -> None:
    found = said(ran(1, state))
    assert found.outcome is outcome
    assert found.blocks is (outcome is not Outcome.SERVED)


def test_halt_names_the_host_the_blame_and_the_reason() -> None:
    found = said(ran(1, DeploymentState.HALTED), attempts=(failed(),))
    assert found.blame is Blame.VERSION
    assert "staging-1 failed, VERSION to blame: self-test: 500" in found.sentence


def test_failed_release_command_is_named_unless_it_has_passed_since() -> None:
    reason = "the release command failed: exit code 3"
    run = replace(failed(Blame.NONE), reason=reason, release=ReleaseRun.FAILED)
    halted = ran(1, DeploymentState.HALTED)
    assert f"on staging-1, {reason}" in said(halted, attempts=(run,)).sentence
    passed = replace(run, number=2, state=AttemptState.RELEASED, reason="", release=ReleaseRun.PASSED)
    assert "as recorded" in said(halted, attempts=(run, passed)).sentence
    update = replace(failed(), number=3)
    assert "VERSION to blame: self-test: 500" in said(halted, attempts=(run, passed, update)).sentence


def test_newest_deployment_decides() -> None:
    assert said(ran(2, DeploymentState.DONE), ran(1, DeploymentState.ABORTED)).outcome is Outcome.SERVED
    assert said(ran(2, DeploymentState.HALTED), ran(1, DeploymentState.DONE)).outcome is Outcome.HALTED


def test_deployment_that_ended_done_and_was_rolled_back_later_counts_as_rolled_back() -> None:
    done = ran(1, DeploymentState.DONE)
    other = Target("1.0.2", "other")
    back = ran(2, DeploymentState.RUNNING, target=other, request_kind=Kind.ROLLBACK, request_rollback_of=done.id)
    assert said(back, done).outcome is Outcome.ROLLED_BACK
    refused = replace(back, state=DeploymentState.REFUSED)
    assert said(refused, done).outcome is Outcome.SERVED


@pytest.mark.parametrize("later", [{"request_kind": Kind.CONVERGE}, {"request_only": ("staging-1",)}])
def test_rollback_that_names_a_later_repair_takes_the_version_away_too(later: dict[str, object]) -> None:
    done, repair = ran(1, DeploymentState.DONE), ran(2, DeploymentState.DONE, **later)
    undo: dict[str, object] = {"request_kind": Kind.ROLLBACK, "request_rollback_of": repair.id}
    back = ran(3, DeploymentState.DONE, target=Target("1.0.2", "other"), **undo)
    assert said(back, repair, done).outcome is Outcome.ROLLED_BACK
    assert said(ran(4, DeploymentState.DONE), back, repair, done).outcome is Outcome.SERVED
    older_config = ran(3, DeploymentState.DONE, target=Target(SNAPSHOT, DIGEST, 1), **undo)
    assert said(older_config, repair, done).outcome is Outcome.SERVED


def test_same_bytes_or_the_same_name_alone_do_not_count() -> None:
    other_name = ran(1, DeploymentState.DONE, target=Target("1.0.2-20261123090000-bbbbbbb", DIGEST))
    other_bytes = ran(2, DeploymentState.DONE, target=Target(SNAPSHOT, "other"))
    assert said(other_bytes, other_name).outcome is Outcome.NEVER_RAN
    as_release = ran(3, DeploymentState.DONE, target=Target(RELEASE, DIGEST))
    assert said(as_release).outcome is Outcome.SERVED


def test_repairs_and_deployments_to_some_hosts_verify_nothing() -> None:
    repair = ran(1, DeploymentState.DONE, request_kind=Kind.CONVERGE)
    some = ran(2, DeploymentState.DONE, request_only=("staging-1",))
    assert said(some, repair).outcome is Outcome.NEVER_RAN
    assert (
        said(replace(repair, state=DeploymentState.ABORTED), ran(0, DeploymentState.DONE)).outcome is Outcome.SERVED
    )


def test_deployment_that_skipped_every_host_verifies_nothing() -> None:
    assert said(ran(1, DeploymentState.DONE, skipped_hosts=("staging-1",))).outcome is Outcome.FAILED
    one_of_two = ran(1, DeploymentState.DONE, skipped_hosts=("staging-1",), host_count=2)
    assert said(one_of_two).outcome is Outcome.SERVED
    assert "without 1 skipped host" in said(one_of_two).sentence


def test_host_that_joined_for_the_skipped_one_verifies_the_version() -> None:
    only_planned = ran(1, DeploymentState.DONE, skipped_hosts=("staging-1",))
    joined = replace(failed(), host="staging-2", state=AttemptState.ALIVE, reason="", blame=Blame.NONE)
    found = said(only_planned, attempts=(failed(), joined))
    assert found.outcome is Outcome.SERVED
    assert "without 1 skipped host" in found.sentence
    before = replace(joined, host="staging-1")
    assert said(only_planned, attempts=(before, failed())).outcome is Outcome.FAILED


def unread(minute: int) -> UnreadableRecord:
    name = deployment_id(STAGING, START + timedelta(minutes=minute), "cd34")
    return UnreadableRecord(f"CLUSTER#staging/hello DEPLOYMENT#{name}", "a Deployment", "x", "Mend it.", name)


def test_record_that_cannot_be_read_makes_a_verdict_unknown_only_if_it_may_be_newer() -> None:
    done = ran(5, DeploymentState.DONE)
    assert said(done, unreadable=(unread(4),)).outcome is Outcome.SERVED
    assert said(done, unreadable=(unread(6),)).outcome is Outcome.NOT_KNOWN
    assert said(unreadable=(unread(1),)).outcome is Outcome.NOT_KNOWN
    nameless = UnreadableRecord("somewhere", "a Deployment", "x", "Mend it.")
    assert said(done, unreadable=(nameless,)).outcome is Outcome.NOT_KNOWN


def test_history_that_was_not_read_to_its_end_is_not_known() -> None:
    assert said(complete=False).outcome is Outcome.NOT_KNOWN


def test_quarantine_of_either_name_blocks() -> None:
    found = said(ran(1, DeploymentState.DONE), quarantined=((SNAPSHOT, "by grace: leaks"),))
    assert (found.outcome, found.sentence) == (Outcome.QUARANTINED, "it is quarantined there: by grace: leaks")


@pytest.mark.parametrize("outcome", list(Outcome))
def test_build_from_before_the_rule_is_blocked_by_a_failure_only(outcome: Outcome) -> None:
    older = Verdict("staging", outcome, "", after=After.OLDER_BUILD)
    assert older.blocks is (outcome in BAD)


class Shop:
    """A service with a release and its snapshot, four production hosts, and a staging cluster."""

    def __init__(self, after: After = After.DEFAULT, *, staging: bool = True) -> None:
        self.machine = Machine()
        self.memory = self.machine.memory
        policy = Policy(min_alive_seconds=0, after=after)
        for version, snapshot in ((SNAPSHOT, None), (RELEASE, SNAPSHOT)):
            made = manifest(version, policy, digest=DIGEST, size=len(SNAPSHOT), snapshot=snapshot)
            self.memory.publish(made, SNAPSHOT.encode())
        self.memory.catalogue.record_snapshot("hello", SNAPSHOT, {"digest": DIGEST})
        if staging:
            self.memory.registry.deploy(STAGING)

    def staged(self, state: DeploymentState, *attempts: HostAttempt) -> Deployment:
        record = ran(1, state)
        self.memory.deployments.put(record)
        for each in attempts:
            self.memory.deployments.begin_attempt(replace(each, deployment=record.id, state=AttemptState.STARTED))
            self.memory.deployments.put_attempt(replace(each, deployment=record.id))
        return record

    def promote(self, *, despite: bool = False, why: str = "") -> Promoted:
        gate = StagingGate(self.machine.context, "ada", despite, why)
        return promote(self.memory.catalogue, self.memory.artifacts, SIGNER, "hello", SNAPSHOT, "ada", gate)

    def plan(self, kind: Kind = Kind.DEPLOY, *overrides: Override) -> Plan:
        return preview(self.machine.context, self.machine.request(RELEASE, kind, overrides=overrides))

    def trail(self) -> list[tuple[str, str, str]]:
        return [(each.what, each.who, each.why) for each in self.memory.audit_log.read(CLUSTER)]


def test_snapshot_that_halted_in_staging_is_not_promoted() -> None:
    shop = Shop()
    shop.staged(DeploymentState.HALTED, failed())
    with pytest.raises(Refused, match=r"VERSION to blame: self-test: 500; .* --despite-staging with a --why"):
        shop.promote()
    assert not shop.memory.catalogue.releases("hello")


def test_snapshot_that_never_ran_in_staging_is_not_promoted() -> None:
    how = f"it never ran there \\(`lifecycle deploy hello {SNAPSHOT} --environment staging`\\)"
    with pytest.raises(Refused, match=how):
        Shop().promote()


def test_snapshot_that_staging_verified_is_promoted_and_the_answer_says_so() -> None:
    shop = Shop()
    done = shop.staged(DeploymentState.DONE)
    assert f"by {done.id}" in shop.promote().staging
    assert shop.trail() == []


def test_overridden_promotion_needs_a_reason_which_the_audit_log_has() -> None:
    shop = Shop()
    with pytest.raises(Refused, match="needs a --why"):
        shop.promote(despite=True)
    assert shop.promote(despite=True, why="staging burns").created
    ((what, who, why),) = shop.trail()
    assert what.startswith(f"override staging: promote {SNAPSHOT}, although it never ran there")
    assert (who, why) == ("ada", "staging burns")


def test_repeated_promotion_returns_its_release_whatever_staging_says_now() -> None:
    shop = Shop()
    shop.staged(DeploymentState.DONE)
    release = shop.promote().release
    shop.memory.fleet.quarantine(STAGING, SNAPSHOT, "leaks")
    again = shop.promote()
    assert (again.release, again.created, again.staging) == (release, False, "it is quarantined there: leaks")


@pytest.mark.parametrize(("after", "staging"), [(After.NONE, True), (After.DEFAULT, False)])
def test_service_without_an_environment_before_production_has_no_gate(after: After, *, staging: bool) -> None:
    shop = Shop(after, staging=staging)
    assert shop.promote().staging == ""
    assert shop.plan().earlier is None
    assert shop.plan().blockers == ()


def test_declared_staging_without_a_cluster_blocks() -> None:
    with pytest.raises(Refused, match="it never ran there"):
        Shop(After.STAGING, staging=False).promote()


def test_release_of_an_older_build_is_deployed_without_staging_but_not_after_its_failure() -> None:
    shop = Shop(After.OLDER_BUILD)
    assert shop.plan().blockers == ()
    shop.staged(DeploymentState.HALTED, failed())
    assert "VERSION to blame" in shop.plan().blockers[0]


def test_plan_is_blocked_until_staging_verified_the_snapshot_of_the_release() -> None:
    shop = Shop()
    (blocker,) = shop.plan().blockers
    assert blocker.startswith("staging has not verified 1.0.3: it never ran there")
    shop.staged(DeploymentState.DONE)
    found = shop.plan()
    assert found.blockers == ()
    assert found.earlier is not None
    assert found.earlier.outcome is Outcome.SERVED


def test_overridden_deployment_begins_and_the_audit_log_and_its_record_say_so() -> None:
    shop = Shop()
    request = shop.machine.request(RELEASE, overrides=(Override.STAGING,), reason="the shop is down")
    assert any(
        "overridden: staging has not verified" in each for each in preview(shop.machine.context, request).warnings
    )
    assert begin(shop.machine.context, request, request.deployment).kind == "PLANNED"
    assert ("override staging", "ada", "the shop is down") in shop.trail()
    record = shop.machine.record(request.deployment)
    assert (record.request.overrides, record.request.reason) == ((Override.STAGING,), "the shop is down")


def test_override_without_a_reason_is_refused_although_no_command_line_asked_for_one() -> None:
    shop = Shop()
    request = shop.machine.request(RELEASE, overrides=(Override.STAGING,), reason=" ")
    planned = begin(shop.machine.context, request, request.deployment)
    assert (planned.kind, planned.reason) == (
        "REFUSED",
        "--despite-staging needs a --why, which the audit log records",
    )


def test_deployment_that_staging_rolled_back_after_the_promotion_is_refused_when_it_begins() -> None:
    shop = Shop()
    shop.staged(DeploymentState.ROLLED_BACK)
    request = shop.machine.request(RELEASE)
    planned = begin(shop.machine.context, request, request.deployment)
    assert planned.kind == "REFUSED"
    assert "it was rolled back there" in planned.reason


@pytest.mark.parametrize("kind", [Kind.ROLLBACK, Kind.CONVERGE])
def test_rollbacks_and_repairs_are_not_gated(kind: Kind) -> None:
    shop = Shop()
    shop.staged(DeploymentState.HALTED, failed())
    assert shop.plan(kind).earlier is None
    assert not [each for each in shop.plan(kind).blockers if "staging" in each]


def test_version_is_found_behind_hundreds_of_newer_deployments() -> None:
    shop = Shop()
    shop.staged(DeploymentState.DONE)
    for minute in range(2, 300):
        other = Target(f"1.0.3-202611231{minute:05}-ccccccc", "other")
        shop.memory.deployments.put(ran(minute, DeploymentState.DONE, target=other))
    assert shop.plan().blockers == ()
