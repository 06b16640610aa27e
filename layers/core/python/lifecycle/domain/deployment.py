"""The records of one rollout: who asked for what, each try on each host, each question to a human.

Kept in the ledger; written by the phases of statemachines/rollout.asl.json, read by all of them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lifecycle.domain.fleet import Cluster
from lifecycle.domain.manifest import ApprovalGate, Policy


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
    """How a deployment stands. The last six are final."""

    RUNNING = "RUNNING"
    HALTED = "HALTED"  # a host failed; waits for a decision
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    DONE = "DONE"
    ROLLED_BACK = "ROLLED_BACK"  # handed over to a rollback, which has its own record
    ABORTED = "ABORTED"
    REJECTED = "REJECTED"
    STALE = "STALE"  # overtaken by a newer epoch
    REFUSED = "REFUSED"  # never began: the plan was refused

    @property
    def final(self) -> bool:
        return self not in (self.RUNNING, self.HALTED, self.AWAITING_APPROVAL)


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


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for; the input of an execution."""

    deployment: str
    service: str
    environment: str
    version: str
    requested_by: str
    reason: str = ""
    kind: Kind = Kind.DEPLOY
    rollback_of: str | None = None
    even_if_quarantined: bool = False

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

    @property
    def cluster(self) -> Cluster:
        return self.request.cluster


class AttemptState(StrEnum):
    """How far one try on one host got."""

    STARTED = "STARTED"
    DRAINED = "DRAINED"
    INSTALLED = "INSTALLED"
    SELF_TESTED = "SELF_TESTED"
    REGISTERED = "REGISTERED"
    ALIVE = "ALIVE"
    FAILED = "FAILED"

    @property
    def ended(self) -> bool:
        return self in (self.ALIVE, self.FAILED)


@dataclass(frozen=True, slots=True)
class HostAttempt:
    """One try on one host. `reached` is the last state before a failure; `evidence` the host's own log."""

    deployment: str
    host: str
    number: int
    epoch: int
    execution: str
    started_at: datetime
    state: AttemptState = AttemptState.STARTED
    reached: AttemptState = AttemptState.STARTED
    reason: str = ""
    evidence: str = ""
    finished_at: datetime | None = None


class Choice(StrEnum):
    """What a human may answer: the five decisions on a failed host, and the two on an approval."""

    RETRY = "RETRY"
    SKIP_HOST = "SKIP_HOST"
    FORCE_NEXT = "FORCE_NEXT"
    ROLL_BACK = "ROLL_BACK"
    ABORT = "ABORT"
    APPROVE = "APPROVE"
    REJECT = "REJECT"


CONSEQUENCES = {
    Choice.RETRY: "try this host again from the start",
    Choice.SKIP_HOST: "leave this host drained and out of the deployment; finish the others",
    Choice.FORCE_NEXT: "leave this host drained, go on to the next, and ask again about it at the end",
    Choice.ROLL_BACK: "deploy the previous version to every host that this deployment touched",
    Choice.ABORT: "stop here: touch no further host, leave everything as it is",
    Choice.APPROVE: "go on with the rollout",
    Choice.REJECT: "do not go on; hosts already updated get the previous version back",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: what, by whom, why and when."""

    choice: Choice
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """What a rollout waits for: a decision on one attempt of one host, or an approval at a gate.

    `token` is the execution's task token, set when it waits. An unanswered question past `expires_at`
    counts as rejected (an approval) or stays halted (a decision; `expires_at` is then None).
    """

    deployment: str
    id: str
    choices: tuple[Choice, ...]
    reason: str
    asked_at: datetime
    host: str = ""
    attempt: int = 0
    gate: ApprovalGate = ApprovalGate.NONE
    evidence: str = ""
    expires_at: datetime | None = None
    token: str = ""
    answer: Answer | None = None


# The id under which an operator's rollback of a running deployment is recorded; it is asked of nobody.
ROLLBACK_REQUEST = "rollback-request"


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may deploy a cluster. `epoch` only grows; an empty `deployment` means that it is free."""

    epoch: int = 0
    deployment: str = ""
    since: datetime | None = None


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
