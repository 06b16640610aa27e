"""What the phases need of the world, one small Protocol a need.

Implemented by gateways/aws and gateways/memory; tests/contract holds both to the same behaviour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from lifecycle.domain.delivery.retention import Stored
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.monitoring.audit import TrailEntry
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Answer, Question
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.execution import ExecutionState
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import Waiting
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.target import Target


class Clock(Protocol):
    """Time, so that tests own it. `now` is in UTC."""

    def now(self) -> datetime: ...
    def sleep(self, seconds: float) -> None: ...


class Leases(Protocol):
    """One deployment a cluster, fenced by an epoch that only grows."""

    def current(self, cluster: Cluster) -> Lease: ...

    def acquire(self, cluster: Cluster, deployment: str, now: datetime) -> Lease:
        """Take the lease under the next epoch, or return it when `deployment` has it.

        One that is free or has expired may be taken; raises LeaseHeld for any other.
        """
        ...

    def hand_over(self, cluster: Cluster, lease: Lease, heir: str, now: datetime) -> Lease:
        """Pass it on under the next epoch, without a gap; raises StaleEpoch when `lease` was overtaken."""
        ...

    def renew(self, cluster: Cluster, lease: Lease, until: datetime) -> Lease:
        """Let it expire later; raises StaleEpoch when `lease` was overtaken."""
        ...

    def release(self, cluster: Cluster, lease: Lease) -> None:
        """Free it, keeping the epoch; nothing happens when `lease` was overtaken or is free already."""
        ...


class Deployments(Protocol):
    """Deployments, their attempts, test beds and questions. Records only move forward."""

    def put(self, deployment: Deployment) -> None:
        """Write it, unless that would bring one that has ended back to life."""
        ...

    def get(self, cluster: Cluster, deployment: str) -> Deployment | None: ...

    def recent(self, cluster: Cluster, limit: int) -> Sequence[Deployment]:
        """The newest first."""
        ...

    def told(self, deployment: str) -> tuple[Sequence[HostAttempt], Sequence[Question]]:
        """Its attempts and its questions, in one read."""
        ...

    def put_attempt(self, attempt: HostAttempt) -> None:
        """Write it, unless the one that stands has got further."""
        ...

    def attempts(self, deployment: str) -> Sequence[HostAttempt]: ...
    def questions(self, deployment: str) -> Sequence[Question]: ...

    def beds(self, deployment: str) -> Sequence[TestBed]:
        """Its test beds, in the order of their numbers."""
        ...

    def put_bed(self, bed: TestBed) -> None:
        """Write it, unless the one that stands has got as far: of two beginnings, or two ends, the first stands."""
        ...

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
    """Hosts: the turns given to them, the reports that they make, and versions and hosts known to be bad."""

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]: ...
    def report(self, cluster: Cluster, host: str) -> HostReport | None: ...
    def give_turns(self, cluster: Cluster, turns: Sequence[Turn]) -> None: ...
    def quarantine(self, cluster: Cluster, version: str, why: str) -> None: ...
    def quarantined(self, cluster: Cluster) -> Mapping[str, str]:
        """Bad version -> why."""
        ...

    def quarantine_host(self, cluster: Cluster, host: str, why: str) -> None: ...

    def quarantined_hosts(self, cluster: Cluster) -> Mapping[str, str]:
        """Bad host -> why."""
        ...

    def lift_quarantine(self, cluster: Cluster, name: str) -> None:
        """Of a version or of a host; nothing happens when there is none."""
        ...

    def remove(self, cluster: Cluster, host: str) -> None:
        """Forget a host: its report and its turn. One whose agent lives comes back with its next report."""
        ...


class Freezes(Protocol):
    """Freezes by their scope: everything, an environment, a cluster."""

    def standing(self) -> Sequence[Freeze]:
        """Every freeze, expired ones too, in the order of their scopes."""
        ...

    def put(self, freeze: Freeze) -> None: ...
    def lift(self, scope: str) -> None: ...


class Queue(Protocol):
    """A queue of one a cluster: the deployment that waits for its lease."""

    def waiting(self, cluster: Cluster) -> Waiting | None: ...

    def replace(self, cluster: Cluster, standing: Waiting | None, new: Waiting | None) -> bool:
        """Put `new` (None for nobody) in the place of `standing`; False when another stands there."""
        ...


class Registry(Protocol):
    """Desired versions in SSM Parameter Store. The lease is what makes `set_desired` safe."""

    def desired(self, cluster: Cluster) -> Desired | None: ...
    def set_desired(self, cluster: Cluster, desired: Desired) -> None: ...
    def clusters(self) -> Sequence[Cluster]: ...


class Artifacts(Protocol):
    """Manifests and artifacts in S3."""

    def manifest(self, service: str, version: str) -> Manifest:
        """Raises Unknown when there is no such snapshot or release."""
        ...

    def has_artifact(self, target: Target, service: str) -> bool:
        """Whether artifact and manifest are there, both with the target's digest; nothing is downloaded for it."""
        ...

    def open_artifact(self, service: str, version: str) -> BinaryIO: ...

    def publish(self, manifest: Manifest, artifact: BinaryIO) -> None:
        """Write artifact, then manifest, each once; the same bytes again are fine, others raise StoreRefused."""
        ...

    def stored(self, service: str) -> Sequence[Stored]:
        """Every snapshot and release of which anything is stored, in no order."""
        ...

    def delete(self, service: str, version: str) -> None:
        """Delete the manifest, then the artifact; what is not there counts as deleted."""
        ...


class Executions(Protocol):
    """State machines."""

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        """Start an execution; False when one of that name was started before."""
        ...

    def start_delivery(self, name: str, payload: Mapping[str, Any]) -> bool: ...
    def delivery_failed(self, name: str) -> bool: ...
    def rollout_state(self, name: str) -> ExecutionState: ...

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        """Wake a waiting task; False when nothing waits for that token any more."""
        ...
