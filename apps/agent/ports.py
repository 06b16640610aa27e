"""What the agent needs from outside its host: its turn, a place for its report, and releases.

Every method raises StoreUnreachable when the store does not answer, and StoreRefused when it answers with
something else than was asked. `aws.py` and `fakes.py` implement them, held to one contract suite.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.service.manifest import Manifest


class Turns(Protocol):
    """The host's own turn, written by the control plane."""

    def current(self) -> Turn | None:
        """The turn as it stands now; None when the host was never given one."""


class Reports(Protocol):
    """The host's own report, of which the agent is the only writer."""

    def latest(self) -> HostReport | None: ...
    def write(self, report: HostReport) -> None: ...


class MetricSink(Protocol):
    """Where the service's own metrics of this host are told."""

    def put(self, values: Mapping[str, float], at: datetime) -> None: ...


class Releases(Protocol):
    """Published versions; both methods raise Unknown for one that is not there."""

    def manifest(self, service: str, version: str) -> Manifest: ...

    def copy_artifact(self, service: str, version: str, write: Callable[[bytes], object]) -> None:
        """Hand the artifact's bytes to `write`, chunk by chunk; what `write` raises ends the copy."""
