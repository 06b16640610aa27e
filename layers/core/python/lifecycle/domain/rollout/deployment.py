"""The record of a deployment: who requested it, its plan, and its state.

Stored in the ledger; written by the phases of statemachines/rollout.asl.json, read by all of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from lifecycle.domain.errors import InvalidName
from lifecycle.domain.fleet.cluster import Cluster, cluster_named
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.epoch import Epoch
from lifecycle.domain.rollout.attempt import NO_RELEASE, ReleaseNote
from lifecycle.domain.rollout.desired_writes import NO_WRITES, DesiredWrites
from lifecycle.domain.rollout.execution import continues
from lifecycle.domain.rollout.policy_floor import SETTINGS, PolicyFloor, in_words, owner, under
from lifecycle.domain.rollout.test_bed.model import NO_NOTE, BakeNote
from lifecycle.domain.service.commits import NO_NOTE as NO_CHANGES
from lifecycle.domain.service.commits import ChangeNote
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target


def deployment_id(cluster: Cluster, now: datetime, suffix: str) -> str:
    """Return a deployment's name, sortable by time within its cluster; also the name of its first execution."""
    return f"{cluster.service}-{cluster.environment}-{now:%Y%m%d%H%M%S}-{suffix}"


_ID = re.compile(r"[0-9]{14}-[0-9A-Za-z]{1,20}")


def check_deployment_id(text: str, cluster: Cluster) -> None:
    """Check that a name is one that `deployment_id` can make for this cluster; raises InvalidName.

    Deployments are sorted by their names and named after their cluster, and the rest is the name of an execution.
    """
    first, _, rest = text.partition(f"{cluster.service}-{cluster.environment}-")
    if first or not _ID.fullmatch(rest) or requested_at(text) == NEVER:
        allowed = f"{cluster.service}-{cluster.environment}-<UTC time, 14 digits>-<1 to 20 letters and digits>"
        raise InvalidName("deployment name of this cluster", text[:100], allowed)


# The time of a name without one.
NEVER = datetime.fromtimestamp(0, UTC)
# A requester's clock may be ahead by so much.
CLOCK_SKEW = timedelta(minutes=15)


def is_ahead(deployment: str, now: datetime) -> bool:
    """Return whether a name has a future time. Sorted by name, it would be the newest deployment until then."""
    return requested_at(deployment) > now + CLOCK_SKEW


def requested_at(deployment: str) -> datetime:
    """Return the time in a deployment's name; NEVER where there is none."""
    found = re.fullmatch(r".*-(\d{14})-[^-]*", deployment)
    try:
        return datetime.strptime(found[1] if found else "", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return NEVER


def cluster_of(deployment: str) -> Cluster:
    """Return the cluster in a deployment's name; raises InvalidValue when there is none."""
    service, environment, *_ = [*deployment.rsplit("-", 3), "", ""]
    return Cluster(environment, service)


class Kind(StrEnum):
    """Reasons for a deployment to start."""

    DEPLOY = "DEPLOY"
    ROLLBACK = "ROLLBACK"
    CONVERGE = "CONVERGE"


class DeploymentState(StrEnum):
    """The state of a deployment. The first five are not final."""

    QUEUED = "QUEUED"  # pending: waits for the cluster's lease; the newest begins next
    RUNNING = "RUNNING"
    HALTED = "HALTED"  # a host failed; waits for a decision
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    PAUSED = "PAUSED"  # by an operator or an alarm, until somebody resumes
    DONE = "DONE"
    ROLLED_BACK = "ROLLED_BACK"  # handed over to a rollback, which has its own record
    ABORTED = "ABORTED"
    REJECTED = "REJECTED"
    STALE = "STALE"  # fenced by a newer epoch
    REFUSED = "REFUSED"  # never began: the plan was refused, or the deployment before it ended badly
    SUPERSEDED = "SUPERSEDED"  # never began: a newer one took its place in the queue

    @property
    def final(self) -> bool:
        return self not in (self.QUEUED, self.RUNNING, self.HALTED, self.AWAITING_APPROVAL, self.PAUSED)


class Override(StrEnum):
    """Blockers that a request may override, if it names them; each is recorded in the audit log."""

    QUARANTINE = "QUARANTINE"  # the version is quarantined here
    FREEZE = "FREEZE"  # the cluster, its environment or everything is frozen
    NO_ROLLBACK_TARGET = "NO_ROLLBACK_TARGET"  # the previous version could not be deployed again
    STAGING = "STAGING"  # staging did not verify the version

    @classmethod
    def _missing_(cls, value: object) -> "Override | None":
        """Return the override that version 0.1 wrote under another name, in records and in execution inputs."""
        return cls.NO_ROLLBACK_TARGET if value == "NO_WAY_BACK" else None


def needs_reason(option: str) -> str:
    """Return why an override is refused that nobody has explained."""
    return f"{option} needs a --why, which the audit log records"


@dataclass(frozen=True, slots=True)
class Request:
    """The request for a deployment, and the input of its execution.

    `only` restricts it to these hosts, if any are named. `config` is the revision of the configuration; None stands
    for the newest one when the deployment is planned. `pushed_by` has who pushed the commit that delivery deploys
    by itself, as the events of the pushes name them.
    """

    deployment: str
    service: str
    environment: str
    version: str
    requested_by: str
    reason: str = ""
    kind: Kind = Kind.DEPLOY
    rollback_of: str | None = None
    overrides: tuple[Override, ...] = ()
    only: tuple[str, ...] = ()
    config: int | None = None
    pushed_by: tuple[str, ...] = ()

    @property
    def cluster(self) -> Cluster:
        return cluster_named(self.environment, self.service)


@dataclass(frozen=True, slots=True)
class Resumptions:
    """The executions that convergence has started for a deployment since its last step, and when the last one."""

    count: int = 0
    last: datetime | None = None


NOT_RESUMED = Resumptions()


@dataclass(frozen=True, slots=True)
class Deployment:
    """One rollout of one version to one cluster, under one epoch.

    `hosts` is the order of the plan, and `host_count` their number. The ledger keeps the order apart: it is
    empty where only the rest was read. `previous` is the rollback target. `execution` is the name of the
    state-machine execution that carries it now. `writes` is None where an older version wrote the record. `claimed`
    is the epoch of the lease that its plan took last, which may not have become its epoch. `failed_host` is the host
    at which a repair ended. `changes` are the commits that it brings, or takes back. `release` has its release
    command, and how the newest run of it ended. `policy` is the one that applies. `declared` is that of its manifest
    where `floors` made it stricter. `goes_back`: a host ran a newer version; None in a record of before.
    `updates_all`: hosts that have the target from a deployment that did not verify it are updated, too.
    """

    request: Request
    epoch: Epoch
    target: Target
    previous: Target | None
    hosts: tuple[str, ...]
    policy: Policy
    started_at: datetime
    execution: str
    state: DeploymentState = DeploymentState.RUNNING
    reason: str = ""
    finished_at: datetime | None = None
    skipped_hosts: tuple[str, ...] = ()
    bake_note: BakeNote = NO_NOTE
    host_count: int = 0
    resumptions: Resumptions = NOT_RESUMED
    writes: DesiredWrites | None = None
    claimed: Epoch = 0
    failed_host: str = ""
    changes: ChangeNote = NO_CHANGES
    release: ReleaseNote = NO_RELEASE
    declared: Policy | None = None
    floors: tuple[PolicyFloor, ...] = ()
    goes_back: bool | None = None
    updates_all: bool = False

    @property
    def id(self) -> str:
        return self.request.deployment

    def under_floors(self, floors: Sequence[PolicyFloor], *, began: bool) -> "Deployment":
        """Return the deployment under these floors, too. Its policy never becomes laxer while it runs.

        A floor that asks for a longer bake of the first host comes too late for a deployment that `began` to change
        hosts.
        """
        policy = under(self.policy, floors)
        if began:
            policy = replace(policy, bake_minutes=self.policy.bake_minutes)
        if policy == self.policy:
            return self
        both = tuple(dict.fromkeys((*self.floors, *floors)))
        return replace(self, policy=policy, declared=self.declared or self.policy, floors=both)

    def whose(self, setting: str) -> str:
        """Return whose a setting of its policy is, in words: that of its cluster's policy, or of a floor."""
        return owner(setting, self.declared or self.policy, self.floors) or f"the policy of {self.cluster}"

    @property
    def floor_words(self) -> str:
        """The settings that a policy floor made stricter, and whose floor each is of; empty where none did."""
        declared = self.declared or self.policy
        raised = [(name, whose) for name in SETTINGS if (whose := owner(name, declared, self.floors))]
        return "; ".join(f"{name} {in_words(getattr(self.policy, name))} ({whose})" for name, whose in raised)

    @property
    def release_seconds(self) -> float:
        """The time that its release command may take; 0 if it runs none."""
        return self.release.timeout_seconds if self.release.command else 0.0

    @property
    def release_words(self) -> str:
        """The newest run of its release command in words; empty if none has run."""
        return self.release.sentence(over=self.state.final)

    @classmethod
    def not_begun(
        cls, request: Request, target: Target, policy: Policy, at: datetime, reason: str = ""
    ) -> "Deployment":
        """Return the record of a requested deployment that has neither an epoch nor hosts yet."""
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
            writes=NO_WRITES,
        )

    @property
    def is_failed_repair(self) -> bool:
        """True for a repair that ended because its host failed, and not by a human or a lost execution."""
        ended = self.request.kind is Kind.CONVERGE and self.state is DeploymentState.ABORTED
        return ended and bool(self.failed_host)

    @property
    def known_writes(self) -> DesiredWrites:
        """Return its writes of the desired version, inferred where an older version wrote the record.

        A repair of some hosts may have brought them another version than the desired one, and a deployment that was
        closed before its plan wrote nothing.
        """
        if self.writes is not None:
            return self.writes
        own = (self.desired,) if self.epoch else ()
        unplanned = self.state.final and self.state is not DeploymentState.DONE and not self.host_count
        return DesiredWrites(own, 0 if unplanned or self.request.only else self.epoch)

    @property
    def desired(self) -> Desired:
        """The desired version that it writes."""
        return Desired(
            self.target.version, self.target.digest, self.epoch, self.id, self.target.config, self.target.manifest
        )

    def intending(self, desired: Desired) -> "Deployment":
        """Return the record to put before the deployment writes this desired version."""
        return replace(self, writes=self.known_writes.intending(desired))

    def confirming(self, desired: Desired) -> "Deployment":
        """Return the record after the deployment wrote this desired version."""
        return replace(self, writes=self.known_writes.intending(desired).confirming(desired.epoch))

    def carried_by_another(self, execution: str) -> str:
        """Return why this execution must not go on: somebody started or redrove it beside the deployment's own.

        Empty if it may. An unnamed one is convergence, which acts where no execution runs.
        """
        if not execution or self.state.final or continues(execution, self.execution):
            return ""
        return f"{self.id} is carried by the execution {self.execution}, not by {execution}"

    def rollback_request(self, to: Target, by: str, reason: str, at: datetime) -> Request:
        """Return the request for a rollback of this deployment to `to`, whose name derives from its name and `at`."""
        return Request(
            deployment=deployment_id(self.cluster, at, f"{self.id.rsplit('-', 1)[1]}r"),
            service=self.cluster.service,
            environment=self.cluster.environment,
            version=to.version,
            requested_by=by,
            reason=reason,
            kind=Kind.ROLLBACK,
            rollback_of=self.id,
            config=to.config,
        )

    @property
    def cluster(self) -> Cluster:
        return self.request.cluster


def without_hosts(deployment: Deployment) -> Deployment:
    """Return the record without the order of its hosts, as most callers read it."""
    return replace(deployment, hosts=()) if deployment.hosts else deployment
