"""Convergence: compare the installed version with the desired one, and decide whether to repair.

Called by functions/convergence/converge every 15 minutes and on command, once for each cluster.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from lifecycle.domain.convergence.facts import ClusterFacts, Orphaned
from lifecycle.domain.convergence.fallen_in_service import fallen_in_service, hosts_of_stopped_repairs
from lifecycle.domain.convergence.resume import AbortUnresumed, AskToResume, Resume, ResumeLater, resume
from lifecycle.domain.convergence.shared_outage import outage_words
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.drift import drift_reason, in_first_checks
from lifecycle.domain.fleet.host import HostReport, UnreadableReport, unreachable_among
from lifecycle.domain.fleet.target_group import state_of
from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.execution import ExecutionState, next_execution
from lifecycle.domain.rollout.lease import Lease, UnreadableLease
from lifecycle.domain.rollout.queue import DropPending, StartPending, after_end

# A plan writes its record last, and its function is retried for less than this.
PLAN_TIMEOUT = timedelta(minutes=15)

# A handover starts the next execution, or is retried, within this time.
HAND_OVER_TIMEOUT = timedelta(seconds=20)

# The most hosts of one repair: the input of an execution has at most 256 KiB. The next repair brings the rest.
REPAIR_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Converged:
    """Every host serves the desired version."""

    reason: str


@dataclass(frozen=True, slots=True)
class Repair:
    """A new deployment of this version and configuration to the drifted hosts, or to the hosts in `only`."""

    version: str
    drift: Mapping[str, str]
    reason: str
    only: tuple[str, ...] = ()
    config: int = 0


@dataclass(frozen=True, slots=True)
class CloseStopped:
    """The end of a deployment whose execution was stopped by hand: it is aborted, and must not be resumed."""

    deployment: str
    reason: str


@dataclass(frozen=True, slots=True)
class CloseOrphaned:
    """The end of a deployment that is not over, but has no lease, no pending slot and no execution."""

    deployment: str
    reason: str


@dataclass(frozen=True, slots=True)
class FreeLease:
    """The release of a lease whose holder has ended, or never began; nothing else will free it."""

    lease: Lease
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """No action now: there may be drift, but convergence must not repair it."""

    drift: Mapping[str, str]
    reason: str


Convergence: TypeAlias = (
    Converged
    | Repair
    | Resume
    | AskToResume
    | CloseStopped
    | CloseOrphaned
    | FreeLease
    | StartPending
    | DropPending
    | Hold
)


def converge(facts: ClusterFacts, now: datetime) -> Convergence:
    """Decide on one cluster. Never repair towards a version whose rollout did not end well."""
    if isinstance(facts.lease, UnreadableLease):
        return Hold({}, facts.lease.why)
    for orphaned in facts.orphaned:
        if found := _settle_unled(facts, orphaned) or _settle_orphan(orphaned, now):
            return found
    if facts.lease.deployment:
        return _with_lease(facts, now)
    return _with_waiting(facts) or _with_set_back(facts) or _with_free_lease(facts, now)


def _with_waiting(facts: ClusterFacts) -> Hold | StartPending | DropPending | None:
    """Leave a deployment that lost its lease to its next step; else start or drop the pending one."""
    if facts.last and not facts.last.state.final and facts.lease.was_lost(facts.last.id, facts.last.epoch):
        return Hold(_drift_reasons(facts), f"{facts.last.id} lost its lease, and takes it again at its next step")
    if facts.waiting and facts.set_back.ledger:
        return DropPending(facts.waiting, f"{facts.set_back.ledger}: deploy it again if it is still wanted")
    return after_end(facts.ended, facts.waiting) if facts.waiting else None


def _with_set_back(facts: ClusterFacts) -> Hold | None:
    """Wait for a human where the ledger was set back: an older version would be brought to the hosts."""
    drift = _drift_reasons(facts)
    if not facts.set_back.ledger or not (drift or facts.last is None):
        return None
    return Hold(drift, facts.nobodys.held if facts.nobodys else facts.set_back.reason)


def _with_free_lease(facts: ClusterFacts, now: datetime) -> Convergence:
    if facts.unreadable or facts.nobodys:
        return _without_desired(facts, now)
    return _without_lease(facts, facts.desired, now) if facts.desired else Converged("nothing is desired yet")


def _without_desired(facts: ClusterFacts, now: datetime) -> Convergence:
    """Hold a cluster whose desired version cannot be read, or was written by no deployment, but for fallen hosts."""
    if facts.nobodys:
        return _repair_without_desired(facts, now) or Hold({}, facts.nobodys.held)
    return _repair_without_desired(facts, now) or Hold(_drift_reasons(facts), "; ".join(facts.unreadable))


def _settle_unled(facts: ClusterFacts, found: Orphaned) -> Resume | CloseStopped | CloseOrphaned | None:
    """Settle a deployment that nothing continues, if its lease was lost, or the ledger was set back to its time."""
    newest, open_ = facts.set_back.newest, found.deployment
    if facts.set_back.ledger and newest.epoch > open_.epoch:
        return CloseOrphaned(open_.id, newest.way_out(open_.epoch, open_.id))
    if open_.epoch and facts.lease.was_lost(open_.id, open_.epoch):
        if found.execution is ExecutionState.STOPPED:
            return CloseStopped(open_.id, f"its execution {open_.execution} was stopped by hand")
        why = f"the lease of {open_.id} was deleted or set back to epoch {facts.lease.epoch}"
        return Resume(open_.id, next_execution(open_.execution), why)
    return None


def _settle_orphan(found: Orphaned, now: datetime) -> Resume | CloseOrphaned | None:
    """Resume a plan that was lost before it had the lease, unless a newer request exists or it is too old."""
    lost = found.deployment
    never_began = lost.state is DeploymentState.QUEUED and found.execution is ExecutionState.ENDED
    late = now - lost.started_at >= PLAN_TIMEOUT
    if never_began and found.newest and not late:
        return Resume(lost.id, next_execution(lost.execution), f"the plan of {lost.id} was lost before it began")
    if late or (never_began and not found.newest):
        why = f"it was {lost.state}, but nothing was left to continue it"
        return CloseOrphaned(lost.id, why)
    return None


def _with_lease(facts: ClusterFacts, now: datetime) -> Convergence:
    """Leave a running deployment alone, unless nothing would continue it."""
    name, holder = facts.lease.deployment, facts.holder
    if facts.execution is ExecutionState.RUNNING:
        return Hold(_drift_reasons(facts), f"{name} is deploying")
    if _holder_has_ended(facts, now):
        return FreeLease(facts.lease, f"{name} holds the lease, but has ended or never began")
    if holder and facts.set_back.ledger:
        return CloseOrphaned(name, facts.set_back.newest.way_out(facts.lease.epoch, name))
    if holder is None or _is_handed_over(facts, holder, now):
        return Hold(_drift_reasons(facts), f"{name} is about to begin")
    if facts.execution is ExecutionState.STOPPED:
        return CloseStopped(name, f"its execution {holder.execution} was stopped by hand")
    return _resumption(facts, holder, now)


def _resumption(facts: ClusterFacts, holder: Deployment, now: datetime) -> Convergence:
    match found := resume(holder, facts.questions, now):
        case ResumeLater(reason):
            return Hold(_drift_reasons(facts), reason)
        case AbortUnresumed(name, reason):
            return CloseStopped(name, reason)
        case _:
            return found


def _is_handed_over(facts: ClusterFacts, holder: Deployment, now: datetime) -> bool:
    """Return whether the holder got the lease just now, so that its first execution is about to start."""
    waits = facts.execution is ExecutionState.UNKNOWN and holder.state is DeploymentState.QUEUED
    return waits and facts.lease.since is not None and now - facts.lease.since < HAND_OVER_TIMEOUT


def _without_lease(facts: ClusterFacts, desired: Desired, now: datetime) -> Convergence:
    drift = _drift_reasons(facts)
    if not _is_known_to_be_good(facts, desired):
        state = facts.last.state if facts.last else "unknown"
        why = f"{desired.deployment} is {state}, so {desired.version} is not known to be good"
        return _repair_without_desired(facts, now) or Hold(drift, why)
    if why := desired.target.quarantined_in(facts.bad_versions):
        return Hold(drift, why)
    drifted = {host: report for host, report in facts.reports.items() if host in drift}
    unreachable = unreachable_among(drifted, now, facts.heartbeat_timeout)
    together = facts.unhealthy_together(now, desired.digest)
    pauses = facts.pauses(now) | in_first_checks(facts.reports, facts.rotation, desired.target)
    waiting = {*unreachable, *together, *pauses}
    reachable = {host: why for host, why in drift.items() if host not in waiting}
    # A plan may refuse to take out a host that serves, and then repairs no host that is down.
    reachable = {h: why for h, why in reachable.items() if not state_of(facts.rotation, h).serves} or reachable
    if reachable:
        why = f"drift from {desired.target.in_words}: {_listed(reachable)}"
        return Repair(desired.version, reachable, why, _only(reachable), desired.config)
    held = _without_repair(facts, drift, unreachable, together, pauses, now)
    return held or Converged(f"every host serves {desired.target.in_words}")


def _without_repair(
    facts: ClusterFacts,
    drift: Mapping[str, str],
    unreachable: Mapping[str, datetime],
    together: Sequence[str],
    pauses: Mapping[str, str],
    now: datetime,
) -> Hold | None:
    """Return why no drifted host may be repaired now; None if there is no drift."""
    if together and facts.last:
        since = facts.unhealthy_since or now
        return Hold(drift, outage_words(facts.last.cluster, together, len(facts.members), since))
    if paused := [pauses[host] for host in drift if host in pauses]:
        return Hold(drift, listed(paused, separator="; "))
    if unreachable:
        silent = [_silence(facts.reports[host], at) for host, at in unreachable.items()]
        return Hold(drift, f"{listed(silent, separator='; ')}: start its agent, or remove the host")
    return None


def _is_known_to_be_good(facts: ClusterFacts, desired: Desired) -> bool:
    """Return whether the desired version was verified: a repair of it that failed does not change that."""
    if facts.last is None or facts.nobodys:
        return False
    failed_again = facts.last.is_failed_repair and facts.verified == desired.target
    return facts.last.state is DeploymentState.DONE or failed_again


def _repair_without_desired(facts: ClusterFacts, now: datetime) -> Repair | None:
    """Repair what needs no desired version: hosts that joined, and hosts whose service ended in rotation."""
    pauses, stopped = facts.pauses(now), hosts_of_stopped_repairs(facts.recent, facts.reports)
    ready = {
        host: report
        for host, report in sorted(facts.reports.items())
        if host not in facts.bad_hosts
        and host not in pauses
        and host not in stopped  # an abort is not retried automatically
        and not report.unreachable_since(now, facts.heartbeat_timeout)
    }
    if repair := _repair_new_hosts(facts, ready):
        return repair
    unrecorded = facts.desired.epoch if facts.desired and facts.last is None else 0
    if found := fallen_in_service(ready, facts.rotation, facts.recent, facts.bad_versions, facts.had, unrecorded):
        why = f"{found.target.in_words} is started again: {_listed(found.hosts)}"
        return Repair(found.target.version, found.hosts, why, _only(found.hosts), found.target.config)
    return None


def _repair_new_hosts(facts: ClusterFacts, ready: Mapping[str, HostReport]) -> Repair | None:
    """Bring the version that was verified last to hosts that joined while no version is known to be good."""
    if (good := facts.verified) is None or good.quarantined_in(facts.bad_versions):
        return None
    new = {host: "joined and has nothing installed" for host, report in ready.items() if not report.installed}
    why = f"{good.in_words} was verified last: {_listed(new)}"
    return Repair(good.version, new, why, _only(new), good.config) if new else None


def _silence(report: HostReport, since: datetime) -> str:
    if isinstance(report, UnreadableReport):
        return f"{report.host}: {report.why}"
    clock = " by its own clock" if report.skew is None else ""
    return f"{report.host}: unreachable since {since:%Y-%m-%d %H:%M:%S} UTC{clock}"


def _only(drift: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(drift)[:REPAIR_LIMIT]


def _listed(drift: Mapping[str, str]) -> str:
    return listed([f"{host} {why}" for host, why in drift.items()], separator="; ")


def _holder_has_ended(facts: ClusterFacts, now: datetime) -> bool:
    """Return whether the holder's record is final, or missing for longer than its plan takes to write it.

    A plan writes the record before it takes the lease. So it was deleted where the plan's execution has ended.
    """
    if facts.holder:
        return facts.holder.state.final
    if facts.execution in (ExecutionState.ENDED, ExecutionState.STOPPED):
        return True
    return facts.lease.since is not None and now - facts.lease.since > PLAN_TIMEOUT


def _drift_reasons(facts: ClusterFacts) -> dict[str, str]:
    if facts.desired is None:
        return {}
    members, target = facts.members, facts.desired.target
    return {
        host: why
        for host, report in sorted(facts.reports.items())
        if host in members and (why := drift_reason(report, state_of(facts.rotation, host), target))
    }
