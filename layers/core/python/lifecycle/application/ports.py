"""What the phases need of the world, one small Protocol a need.

Implemented by gateways/aws and gateways/memory; tests/contract holds both to the same behaviour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from lifecycle.domain.capacity import TargetState
from lifecycle.domain.deployment import (
    Answer,
    Deployment,
    Desired,
    ExecutionState,
    HostAttempt,
    Lease,
    Question,
    Target,
    TrailEntry,
)
from lifecycle.domain.fleet import Cluster, HostReport, Turn
from lifecycle.domain.manifest import Manifest


class Clock(Protocol):
    """Time, so that tests own it. `now` is in UTC."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...


class Leases(Protocol):
    """One deployment a cluster, fenced by an epoch that only grows."""

    def current(self, cluster: Cluster) -> Lease: ...

    def acquire(self, cluster: Cluster, deployment: str, now: datetime) -> Lease:
        """Take the lease under the next epoch, or return it when `deployment` has it; raises LeaseHeld."""
        ...

    def hand_over(self, cluster: Cluster, lease: Lease, heir: str, now: datetime) -> Lease:
        """Pass it on under the next epoch, without a gap; raises StaleEpoch when `lease` was overtaken."""
        ...

    def release(self, cluster: Cluster, lease: Lease) -> None:
        """Free it, keeping the epoch; nothing happens when `lease` was overtaken or is free already."""
        ...


class Deployments(Protocol):
    """Deployments, their attempts and their questions."""

    def put(self, deployment: Deployment) -> None: ...
    def get(self, cluster: Cluster, deployment: str) -> Deployment | None: ...

    def recent(self, cluster: Cluster, limit: int) -> Sequence[Deployment]:
        """The newest first."""
        ...

    def told(self, deployment: str) -> tuple[Sequence[HostAttempt], Sequence[Question]]:
        """Its attempts and its questions, in one read."""
        ...

    def put_attempt(self, attempt: HostAttempt) -> None: ...
    def attempts(self, deployment: str) -> Sequence[HostAttempt]: ...
    def questions(self, deployment: str) -> Sequence[Question]: ...

    def ask(self, question: Question) -> Question:
        """Record a question once; the one that stands already is returned as it is."""
        ...

    def wait_with(self, question: Question, token: str) -> Question:
        """Note the task token that waits for the answer, and return the question as it stands now."""
        ...

    def answer(self, question: Question, answer: Answer) -> Question:
        """Answer a question that has no answer; raises Refused, naming the answer that it has."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What a stage looks at before it does anything."""

    deployment: Deployment | None
    lease: Lease
    attempt: HostAttempt | None
    report: HostReport | None


class Standings(Protocol):
    """The records that every step looks at first, in one read each; consistent one by one, not as a whole."""

    def of_host(self, cluster: Cluster, deployment: str, host: str, attempt: int) -> Standing: ...
    def of_deployment(self, cluster: Cluster, deployment: str) -> tuple[Deployment | None, Lease]: ...


class Trail(Protocol):
    """The append-only audit trail."""

    def append(self, entry: TrailEntry) -> None: ...

    def read(
        self, cluster: Cluster, after: datetime | None = None, limit: int = 1000
    ) -> Sequence[TrailEntry]:
        """The newest `limit` entries at or after `after`, oldest first."""
        ...


class Fleet(Protocol):
    """Hosts: the turns given to them, the reports that they make, and versions known to be bad."""

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]: ...
    def report(self, cluster: Cluster, host: str) -> HostReport | None: ...
    def give_turns(self, cluster: Cluster, turns: Sequence[Turn]) -> None: ...
    def quarantine(self, cluster: Cluster, version: str, why: str) -> None: ...
    def quarantined(self, cluster: Cluster) -> Mapping[str, str]: ...


class Registry(Protocol):
    """Desired versions in SSM Parameter Store. The lease is what makes `set_desired` safe."""

    def desired(self, cluster: Cluster) -> Desired | None: ...
    def set_desired(self, cluster: Cluster, desired: Desired) -> None: ...
    def clusters(self) -> Sequence[Cluster]: ...


class Dispatcher(Protocol):
    """The load balancer in front of a cluster. Targets are told by the address of their host."""

    def targets(self, cluster: Cluster) -> Mapping[str, TargetState]: ...
    def register(self, cluster: Cluster, address: str, port: int) -> None: ...
    def deregister(self, cluster: Cluster, address: str, port: int) -> None: ...
    def health_path(self, cluster: Cluster) -> str | None: ...


class Artifacts(Protocol):
    """Manifests and artifacts in S3."""

    def manifest(self, service: str, version: str) -> Manifest:
        """Raises Unknown when there is no such snapshot or release."""
        ...

    def has_artifact(self, target: Target, service: str) -> bool: ...

    def open_artifact(self, service: str, version: str) -> BinaryIO: ...

    def publish(self, manifest: Manifest, artifact: BinaryIO) -> None:
        """Write artifact, then manifest, each once; the same bytes again are fine, others raise StoreRefused."""
        ...


class Catalogue(Protocol):
    """Which repository owns a service, and its snapshots and releases."""

    def claim_service(self, service: str, repository: str) -> str:
        """Make `repository` the owner unless there is one; returns the owner."""
        ...

    def record_snapshot(self, service: str, snapshot: str, facts: Mapping[str, str]) -> None: ...
    def snapshots(self, service: str) -> Mapping[str, Mapping[str, str]]: ...

    def releases(self, service: str) -> Mapping[str, str]:
        """Release version -> the snapshot that it was promoted from."""
        ...

    def claim_release(self, service: str, snapshot: str, release: str) -> str | None:
        """Bind both to each other in one transaction.

        Returns the release that the snapshot has (this one, or an earlier one), or None when the release
        version was taken by another snapshot.
        """
        ...


class Executions(Protocol):
    """State machines."""

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        """Start an execution; False when one of that name was started before."""
        ...

    def start_delivery(self, name: str, payload: Mapping[str, Any]) -> bool: ...
    def rollout_state(self, name: str) -> ExecutionState: ...

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        """Wake a waiting task; False when nothing waits for that token any more."""
        ...


class Builds(Protocol):
    """The build service."""

    def start(self, repository: str, commit: str, token: str, environment: Mapping[str, str]) -> str:
        """Start a build, once a `token`; returns its id."""
        ...

    def state(self, build: str) -> "BuildState": ...


class BuildState(Protocol):
    """What a build says of itself: `kind` is RUNNING, SUCCEEDED or FAILED."""

    @property
    def kind(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def exported(self) -> Mapping[str, str]: ...
