"""Convergence: is what is installed what is desired, and may it be repaired now?

Called by functions/converge every 15 minutes and on command, once a cluster.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from lifecycle.domain.capacity import Rotation, out_of_place, state_of
from lifecycle.domain.deployment import Deployment, DeploymentState, Desired, ExecutionState, Lease, Target
from lifecycle.domain.fleet import HostReport

# A plan writes its record last; its function is retried for less than this.
BEGINNING_LASTS = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Converged:
    """Every host is in its place."""

    reason: str


@dataclass(frozen=True, slots=True)
class Repair:
    """Start a deployment of the desired version; only the drifted hosts will be touched."""

    version: str
    drift: Mapping[str, str]
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """A deployment holds the lease, but its execution has ended: start another execution of it."""

    deployment: str
    execution: str
    reason: str


@dataclass(frozen=True, slots=True)
class CloseStopped:
    """Somebody stopped the deployment's execution by hand: that is an abort, and it must not come back to life."""

    deployment: str
    reason: str


@dataclass(frozen=True, slots=True)
class FreeLease:
    """The lease's holder has ended, or never began: nobody will free it."""

    lease: Lease
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """There may be drift, but it is not convergence's to repair now."""

    drift: Mapping[str, str]
    reason: str


Convergence: TypeAlias = Converged | Repair | Resume | CloseStopped | FreeLease | Hold


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What convergence looks at. `last` is the deployment that `desired` names, `holder` the lease's.

    `execution` is the state of the execution that carries the lease's holder.
    """

    desired: Desired
    lease: Lease
    last: Deployment | None
    holder: Deployment | None
    execution: ExecutionState
    reports: Mapping[str, HostReport]
    rotation: Rotation
    quarantined: Mapping[str, str]


def converge(facts: ClusterFacts, now: datetime) -> Convergence:
    """Decide on one cluster. It never repairs towards a version whose rollout did not end well."""
    return _leased(facts, now) if facts.lease.deployment else _free(facts)


def _leased(facts: ClusterFacts, now: datetime) -> Convergence:
    """Somebody deploys: leave it alone, unless nobody is left to go on."""
    name, holder = facts.lease.deployment, facts.holder
    if facts.execution is ExecutionState.RUNNING:
        return Hold(_drift(facts), f"{name} is deploying")
    if _ended(facts, now):
        return FreeLease(facts.lease, f"{name} holds the lease, but has ended or never began")
    if holder is None:
        return Hold(_drift(facts), f"{name} is about to begin")
    if facts.execution is ExecutionState.STOPPED:
        return CloseStopped(name, f"its execution {holder.execution} was stopped by hand")
    reason = f"the execution {holder.execution} of {name} has ended before its deployment did"
    return Resume(name, next_execution(holder.execution), reason)


def _free(facts: ClusterFacts) -> Convergence:
    desired, drift = facts.desired, _drift(facts)
    if facts.last is None or facts.last.state is not DeploymentState.DONE:
        state = facts.last.state if facts.last else "unknown"
        return Hold(drift, f"{desired.deployment} is {state}, so {desired.version} is not known to be good")
    if desired.version in facts.quarantined:
        return Hold(drift, f"{desired.version} is quarantined: {facts.quarantined[desired.version]}")
    if drift:
        told = "; ".join(f"{host} {why}" for host, why in drift.items())
        return Repair(desired.version, drift, f"drift from {desired.version}: {told}")
    return Converged(f"every host serves {desired.version}")


def _ended(facts: ClusterFacts, now: datetime) -> bool:
    """Whether the holder's record is final, or missing for longer than its plan could take to write it."""
    if facts.holder:
        return facts.holder.state.final
    return facts.lease.since is not None and now - facts.lease.since > BEGINNING_LASTS


def _drift(facts: ClusterFacts) -> dict[str, str]:
    aside = facts.last.set_aside if facts.last else ()
    target = Target(facts.desired.version, facts.desired.digest)
    return {
        host: why
        for host, report in sorted(facts.reports.items())
        if host not in aside and (why := out_of_place(report, state_of(facts.rotation, host), target))
    }


def next_execution(execution: str) -> str:
    """The name after `execution`: a deployment's later executions are `<id>_2`, `<id>_3` and so on."""
    deployment, _, number = execution.partition("_")
    return f"{deployment}_{int(number or 1) + 1}"
