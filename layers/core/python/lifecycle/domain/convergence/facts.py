"""The facts about one cluster that convergence decides on. Read by application/convergence/converge.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lifecycle.domain.convergence.crash_loop import CrashLoop, crash_loops
from lifecycle.domain.convergence.failed_repairs import next_tries, pauses_before_repairs
from lifecycle.domain.convergence.set_back import IN_STEP, SetBack
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport, unreachable_among
from lifecycle.domain.fleet.strays import NO_STRAYS, Strays
from lifecycle.domain.fleet.target_group import Rotation
from lifecycle.domain.rollout.decision import Question
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.execution import ExecutionState
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.provenance import Nobodys
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.rollout.shared_fault import unhealthy_together
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class Orphaned:
    """A deployment that is not over, holds no lease, is not pending, and has no running execution.

    `newest`: no other deployment of the cluster was requested after it.
    """

    deployment: Deployment
    execution: ExecutionState
    newest: bool


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The facts that convergence decides on.

    `last` is the deployment that `desired` names, `holder` the lease's. `execution` is the state of the lease
    holder's execution; `questions` are the holder's, read only where that execution does not run. `ended` is the
    newest deployment of the cluster that is over; `orphaned` are those that are not over, and that nothing
    continues. `verified` is the version that was last verified on every host; `bad_versions` and `bad_hosts` are
    quarantined. `nobodys` says why no deployment wrote `desired`. `strays` are targets of no host, taken out or
    held. `unreadable` says why the desired version, or the deployment that it names, is not known. `set_back` says
    whether the ledger lacks what happened since. `recent` are the newest deployments, and `minute` is the unit of
    the pauses between two repairs of a host; `by_hand` says that an operator asks, and waits for no pause.
    `unhealthy_since` is when a shared outage was noticed, if any, and `recovered_at` when the last one was over.
    `had` is what hosts without a service had by the ledger, except those that a deployment left out.
    """

    desired: Desired | None
    lease: Lease
    last: Deployment | None
    holder: Deployment | None
    execution: ExecutionState
    reports: Mapping[str, HostReport]
    rotation: Rotation
    bad_versions: Mapping[str, str]
    bad_hosts: Mapping[str, str] = field(default_factory=dict)
    waiting: PendingDeployment | None = None
    ended: Deployment | None = None
    verified: Target | None = None
    heartbeat_timeout: timedelta = timedelta(seconds=30)
    orphaned: tuple[Orphaned, ...] = ()
    questions: tuple[Question, ...] = ()
    nobodys: Nobodys | None = None
    strays: Strays = NO_STRAYS
    unreadable: tuple[str, ...] = ()
    set_back: SetBack = IN_STEP
    recent: tuple[Deployment, ...] = ()
    minute: timedelta = timedelta(minutes=1)
    by_hand: bool = False
    unhealthy_since: datetime | None = None
    recovered_at: datetime | None = None
    had: Mapping[str, Target] = field(default_factory=dict)

    @property
    def members(self) -> set[str]:
        """The hosts that must have the desired version."""
        skipped = self.last.skipped_hosts if self.last else ()
        return set(self.reports) - set(self.bad_hosts) - set(skipped)

    @property
    def crash_loops(self) -> dict[str, CrashLoop]:
        """The hosts whose service ended again after a repair."""
        return crash_loops(self.reports, self.recent, self.minute)

    def unhealthy_together(self, now: datetime, digest: str | None = None) -> tuple[str, ...]:
        """Return the hosts of a shared fault; they run the bytes of `digest`, or each its own."""
        if self.last is None:
            return ()
        limit = self.last.policy.max_unavailable
        unreachable = unreachable_among(self.reports, now, self.heartbeat_timeout)
        return unhealthy_together(self.reports, self.rotation, self.members, digest, limit, unreachable)

    def pauses(self, now: datetime) -> dict[str, str]:
        """Return why each of some hosts is not repaired yet; no host waits where an operator asks."""
        if self.by_hand:
            return {}
        tries = next_tries(self.recent, self.minute, self.rotation, self.recovered_at)
        return pauses_before_repairs(self.reports, self.rotation, self.crash_loops, tries, now)
