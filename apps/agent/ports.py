"""The agent's ports: its turn, its report, metrics, logs and releases.

Every method raises StoreUnreachable when the store does not answer, and StoreRefused when the store refuses or
answers something unexpected. `aws.py` implements the ports on AWS, tests/fakes/agent.py in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.fleet.scheduled_run import ScheduledRun
from lifecycle.domain.service.manifest import Manifest


class Turns(Protocol):
    """The host's own turn, written by the control plane."""

    def current(self) -> Turn | None:
        """Return the turn as it is now; None when the host never got one."""


class Reports(Protocol):
    """The host's own report; the agent is its only writer."""

    def latest(self) -> HostReport | None: ...
    def write(self, report: HostReport) -> None: ...


class Configurations(Protocol):
    """The configuration of this host's cluster; only its hosts can read the values."""

    def values(self, revision: int) -> Mapping[str, str]:
        """Return the environment variables of a revision, secrets included; raises Unknown too."""


class ScheduledRuns(Protocol):
    """The records of this cluster's scheduled commands, which all its agents write; each raises StoreUnreachable."""

    def last(self, schedule: str) -> ScheduledRun | None: ...

    def replace(self, last: ScheduledRun | None, new: ScheduledRun) -> bool:
        """Write a record, unless another one than `last` is stored; returns False then. Safe to repeat."""

    def is_quarantined(self) -> bool:
        """Return whether a person has quarantined this host."""


class MetricSink(Protocol):
    """The destination of this host's service metrics."""

    def put(self, values: Mapping[str, float], at: datetime) -> None: ...


class LogSink(Protocol):
    """The destination of what the service writes: this host's streams in the cluster's log group."""

    def put(self, texts: Sequence[str], at_ms: int, process: str = "") -> None:
        """Send one batch (log_lines.py), all at one time in milliseconds; raises EventsRefused for a wrong batch.

        `process` names the process that wrote it; empty for the main one.
        """


@dataclass(frozen=True, slots=True)
class PublishedManifest:
    """A manifest, and its text as it was published."""

    manifest: Manifest
    text: str


class Releases(Protocol):
    """Published versions; `manifest` and `copy_artifact` raise Unknown for a version that does not exist."""

    def manifest(self, service: str, version: str) -> PublishedManifest: ...

    def envelope(self, service: str, version: str) -> str:
        """Return the envelope with the version's signature; empty where there is none."""

    def copy_artifact(self, service: str, version: str, write: Callable[[bytes], object]) -> None:
        """Pass the artifact's bytes to `write`, chunk by chunk; an error of `write` ends the copy."""
