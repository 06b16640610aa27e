"""The records of one rollout: who asked for what, each try on each host, each question to a human.

Kept in the ledger; written by the phases of statemachines/rollout.asl.json, read by all of them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lifecycle.domain.fleet import Cluster
from lifecycle.domain.manifest import Policy


def deployment_id(cluster: Cluster, now: datetime, suffix: str) -> str:
    """A deployment's name, sortable by time within its cluster; also its execution's name."""
    return f"{cluster.service}-{cluster.environment}-{now:%Y%m%d%H%M%S}-{suffix}"


def cluster_of(deployment: str) -> Cluster:
    """The cluster that a deployment's name tells; raises InvalidName when it tells none."""
    service, environment, *_ = [*deployment.rsplit("-", 3), "", ""]
    return Cluster(environment, service)


class Kind(StrEnum):
    """Why a deployment was started."""

    DEPLOY = "DEPLOY"
    ROLLBACK = "ROLLBACK"
    CONVERGE = "CONVERGE"


class DeploymentState(StrEnum):
    """How a deployment stands. The first five are not final."""

    QUEUED = "QUEUED"  # waits for the cluster's lease; the newest one that waits is the next to begin
    RUNNING = "RUNNING"
    HALTED = "HALTED"  # a host failed; waits for a decision
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    PAUSED = "PAUSED"  # by an operator, until somebody resumes
    DONE = "DONE"
    ROLLED_BACK = "ROLLED_BACK"  # handed over to a rollback, which has its own record
    ABORTED = "ABORTED"
    REJECTED = "REJECTED"
    STALE = "STALE"  # overtaken by a newer epoch
    REFUSED = "REFUSED"  # never began: the plan was refused
    SUPERSEDED = "SUPERSEDED"  # never began: a newer one took its place in the queue

    @property
    def final(self) -> bool:
        return self not in (self.QUEUED, self.RUNNING, self.HALTED, self.AWAITING_APPROVAL, self.PAUSED)


class ExecutionState(StrEnum):
    """How the execution that carries a deployment stands."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"  # by hand, in the console or with StopExecution
    ENDED = "ENDED"  # by itself: well, with a failure, or with a time-out
    UNKNOWN = "UNKNOWN"  # there is none of that name


@dataclass(frozen=True, slots=True)
class Target:
    """A version and the digest of its bytes."""

    version: str
    digest: str


class Obstacle(StrEnum):
    """What a request may override, by saying so; each is told in the trail."""

    QUARANTINE = "QUARANTINE"  # the version was rolled back here
    FREEZE = "FREEZE"  # the cluster, its environment or everything is frozen
    NO_WAY_BACK = "NO_WAY_BACK"  # the previous version could not be deployed again


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for; the input of an execution. `only` restricts it to these hosts, if any are named."""

    deployment: str
    service: str
    environment: str
    version: str
    requested_by: str
    reason: str = ""
    kind: Kind = Kind.DEPLOY
    rollback_of: str | None = None
    despite: tuple[Obstacle, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.environment, self.service)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One rollout of one version to one cluster, under one epoch.

    `hosts` is the order of the plan; `previous` what the cluster goes back to; `execution` the name of the
    state-machine execution that carries it now.
    """

    request: Request
    epoch: int
    target: Target
    previous: Target | None
    hosts: tuple[str, ...]
    policy: Policy
    started_at: datetime
    execution: str
    state: DeploymentState = DeploymentState.RUNNING
    reason: str = ""
    finished_at: datetime | None = None
    set_aside: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.request.deployment

    @classmethod
    def not_begun(
        cls, request: Request, target: Target, policy: Policy, at: datetime, reason: str = ""
    ) -> "Deployment":
        """The record of one that was asked for, and has neither an epoch nor hosts yet."""
        return cls(
            request=request,
            epoch=0,
            target=target,
            previous=None,
            hosts=(),
            policy=policy,
            started_at=at,
            execution=request.deployment,
            state=DeploymentState.QUEUED,
            reason=reason,
        )

    def may_replace(self, standing: "Deployment") -> bool:
        """Whether this record may be written over that one: what has ended stays as it ended."""
        return not standing.state.final or standing.state is self.state

    @property
    def cluster(self) -> Cluster:
        return self.request.cluster


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may deploy a cluster. `epoch` only grows; an empty `deployment` means that it is free.

    Past `expires_at` another deployment may take it, under the next epoch; its holder renews it as it goes on.
    """

    epoch: int = 0
    deployment: str = ""
    since: datetime | None = None
    expires_at: datetime | None = None

    def held_by_another(self, deployment: str, now: datetime) -> bool:
        """Whether somebody other than `deployment` holds it, and still may."""
        if self.deployment in ("", deployment):
            return False
        return self.expires_at is None or now < self.expires_at


# A running deployment renews its lease before every host, whose stages together take less than 90 minutes.
RUNNING_LEASE = timedelta(hours=3)
RENEWED_BEFORE = timedelta(hours=2)
# A state machine waits for an answer for a week, and then asks anew.
WAITING_LEASE = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The deployment that waits for a cluster's lease, and since when."""

    request: Request
    since: datetime


@dataclass(frozen=True, slots=True)
class Desired:
    """What a cluster should run, as SSM Parameter Store says it."""

    version: str
    digest: str
    epoch: int
    deployment: str


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One line of the audit trail, written before the effect that it tells of."""

    at: datetime
    cluster: str
    what: str
    who: str
    why: str = ""
    deployment: str = ""
    host: str = ""
