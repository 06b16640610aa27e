"""Invariants 10 and 16: every execution has a cause, and rollbacks do not loop."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.rollout.execution import ExecutionState, first_execution
from lifecycle.domain.rollout.test_bed.model import BedState
from lifecycle.domain.service.policy import OnFail
from tests.simulation.invariants import supervision

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle


def starts_only_what_was_asked_for(oracle: "Oracle", name: str, given: Mapping[str, Any], by: str) -> None:
    """10, 16: a deployment starts because of a command, a decision to roll back, or drift."""
    _sim, deployment, kind = oracle.sim, str(given["deployment"]), given.get("kind")
    record = oracle.records.get(deployment)
    if by == "lifecycle":
        _stopped_stays_stopped(oracle, name, deployment)
    if record is not None and record.state.final:
        if by == "lifecycle" and not oracle.recent(oracle.ended_at.get(deployment, -1e9)):
            oracle.fail("10 resurrected", f"{name} is started, and {deployment} is {record.state}")
    elif kind == Kind.ROLLBACK:
        _rollback_was_decided(oracle, str(given["rollback_of"]))
        _was_verified(oracle, str(given["version"]))
    elif kind == Kind.CONVERGE and record is None:
        _repair_has_a_cause(oracle, given)
        supervision.crash_loop_is_slowed(oracle, given)
        oracle.requested.add(deployment)
    elif deployment not in oracle.requested:
        oracle.fail("10 retried", f"{name} was not requested")


def _repair_has_a_cause(oracle: "Oracle", given: Mapping[str, Any]) -> None:
    """10: convergence repairs a verified desired version that a deployment wrote.

    Otherwise it only installs the last verified version on new hosts, and starts again what a host has.
    """
    sim, version = oracle.sim, given["version"]
    desired = sim.registry.desired(sim.cluster)
    last = oracle.records.get(desired.deployment) if desired else None
    by_hand = oracle.desired_by_hand_at is not None and not oracle.recent(oracle.desired_by_hand_at)
    by_hand = by_hand and not could_be_its_write(desired, last, oracle.records.values())
    good = last is not None and (last.state is DeploymentState.DONE or last.failed_host)
    if not by_hand and last is not None and good and last.target.version == version:
        return
    name = desired.deployment if desired else ""
    holders = (name, sim.leases.current(sim.cluster).deployment)
    began = max(oracle.lease_acquired[each][1] if each in oracle.lease_acquired else -1e9 for each in holders)
    edited_at = oracle.desired_by_hand_at if oracle.desired_by_hand_at is not None else -1e9
    if oracle.recent(max(began, edited_at, oracle.ended_at.get(name, -1e9))):
        return  # it was read a moment before; the plan of the repair will find the lease held
    verified = any(r.state is DeploymentState.DONE and r.target.version == version for r in oracle.records.values())
    reports = sim.fleet._reports.get(sim.cluster, {})
    installed = [h for h in given["only"] if h in reports and reports[h].installed]
    config = given["config"]
    if given["only"] and all(
        _has_ended_with(oracle, host, version, config)
        or _is_tried_again(oracle, host, version, config)
        or has_just_changed(oracle, host)
        for host in given["only"]
    ):
        return
    # Another repair may have updated the host while this call hung; this one's plan will find nothing to do.
    # Or the host reported what it has only after convergence had read its report.
    used = [h for h in installed if not oracle.recent(max(sim.hosts[h].boot_changed_at, _reported_at(oracle, h)))]
    if used or not verified or not given["only"]:
        oracle.fail("10 retried", f"convergence starts {version} on {given['only']}, desired by {last}")


def _reported_at(oracle: "Oracle", host: str) -> float:
    """Return when a host first reported the version that it has."""
    return oracle.installed_reported_at.get(host, ("", -1e9))[1]


def _has_ended_with(oracle: "Oracle", host: str, version: str, config: int) -> bool:
    """Return whether a host reports, or did a moment ago, that its service ended with this version.

    An agent reports only the end of a start that has passed its self-test. A host that was away when a deployment
    verified the version with a newer configuration gets that one.
    """
    here = oracle.sim.hosts.get(host)
    report = oracle.sim.fleet._reports.get(oracle.sim.cluster, {}).get(host)
    if here is None or report is None or report.installed != version:
        return False
    done = [each.target for each in oracle.records.values() if each.state is DeploymentState.DONE]
    if report.config != config and (version, config) not in [(each.version, each.config) for each in done]:
        return False
    return report.ended is not None or oracle.recent(here.boot_changed_at)


def has_just_changed(oracle: "Oracle", host: str) -> bool:
    """Return whether this host was removed, replaced, or its service began or ended, while the call may have hung."""
    if host not in oracle.sim.fleet._reports.get(oracle.sim.cluster, {}):
        return oracle.recent(oracle.removed_at)
    here = oracle.sim.hosts[host]
    return oracle.recent(max(here.boot_changed_at, here.disk_lost_at))


def _is_tried_again(oracle: "Oracle", host: str, version: str, config: int) -> bool:
    """Return whether a repair of this host with the same has failed, and no other deployment has begun since."""
    of_all = oracle.records.items()
    failed = [oracle.ended_at.get(name, -1e9) for name, each in of_all if _failed_with(each, host, version, config)]
    began = [
        oracle.lease_acquired[name][1]
        for name, each in of_all
        if each.request.kind is not Kind.CONVERGE and each.epoch and name in oracle.lease_acquired
    ]
    return bool(failed) and max(failed) > max(began, default=-1e9)


def _failed_with(each: Deployment, host: str, version: str, config: int) -> bool:
    same = (each.target.version, each.target.config) == (version, config)
    return each.is_failed_repair and each.failed_host == host and same


def could_be_its_write(desired: Desired | None, named: Deployment | None, records: Iterable[Deployment]) -> bool:
    """Return whether a value that somebody set again by hand looks as if nobody had.

    The deployment that it names wrote exactly this, and no other is known to have written one since: the call that
    did so was lost before it recorded that.
    """
    if desired is None or named is None or desired not in named.known_writes.intended:
        return False
    return all(each.known_writes.confirmed <= desired.epoch for each in records)


def hand_made_is_hand_made(oracle: "Oracle", entry: AuditEntry) -> None:
    """10: convergence calls a desired version nobody's only after somebody has changed it by hand."""
    if entry.kind is not AuditKind.HAND_MADE or not entry.deployment:  # an entry about targets names none
        return
    desired = oracle.sim.registry.desired(oracle.sim.cluster)
    newest = max((each.known_writes.confirmed for each in oracle.records.values()), default=0)
    late = desired is not None and desired.epoch < newest  # by a call that hung: nothing fences the parameter
    if oracle.desired_by_hand_at is None and not oracle.recent(oracle.desired_written_at) and not late:
        oracle.fail("10 falsely nobody's", f"{oracle.sim.registry.desired(oracle.sim.cluster)}: {entry.why}")


def _stopped_stays_stopped(oracle: "Oracle", name: str, deployment: str) -> None:
    """10: stopping an execution by hand aborts its deployment; Lifecycle starts no other execution of it."""
    record, executions = oracle.records.get(deployment), oracle.sim.executions.by_name
    if record is None or record.state is DeploymentState.QUEUED:
        return
    earlier = [each for other, each in executions.items() if other != name and first_execution(other) == deployment]
    before = earlier[-1] if earlier else None
    if before is None or before.state is not ExecutionState.STOPPED or oracle.recent(before.ended_at):
        return
    oracle.fail("10 retried", f"{name} is started, and {before.name} was stopped by hand")


def _was_verified(oracle: "Oracle", version: str) -> None:
    """15, 16: the target of a rollback was on every host before."""
    done = [r for r in oracle.records.values() if r.state is DeploymentState.DONE and r.target.version == version]
    if not done:
        oracle.fail("16 loop", f"a rollback to {version}, which was never verified")


def _rollback_was_decided(oracle: "Oracle", rolled_back: str) -> None:
    record = oracle.records.get(rolled_back)
    if record is None or record.request.kind is Kind.ROLLBACK:
        oracle.fail("16 loop", f"{rolled_back} is rolled back, but it is a rollback itself")
    questions = oracle.sim.deployments.questions(rolled_back)
    wanted = [q for q in questions if q.answer and q.answer.choice in (Choice.ROLL_BACK, Choice.REJECT)]
    expired = [q for q in questions if q.expires_at and not q.answer]
    policy = record.policy.on_fail if record else OnFail.HALT
    failed = [bed for bed in oracle.beds.values() if bed.deployment == rolled_back]
    by_policy = policy is OnFail.ROLL_BACK and any(bed.state is BedState.FAILED for bed in failed)
    if not wanted and not expired and not by_policy:
        oracle.fail("16 loop", f"there is no decision to roll {rolled_back} back")
