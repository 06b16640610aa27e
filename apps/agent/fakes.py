"""In-memory twins of the agent's ports, for tests and simulations; held to the same contract as aws.py."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from apps.agent.errors import StoreUnreachable
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.service.manifest import Manifest


class Outage:
    """A switch that makes a twin unreachable."""

    def __init__(self) -> None:
        self.down = False

    def check(self, what: str) -> None:
        if self.down:
            raise StoreUnreachable(what, "the network is down")


class MemoryTurns:
    """A turn that the control plane's side of a test sets."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.turn: Turn | None = None
        self.reads = 0

    def current(self) -> Turn | None:
        self.outage.check("the ledger")
        self.reads += 1
        return self.turn


class MemoryReports:
    """Every report that was written, oldest first; `wait_for` is the control plane's side."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.written: list[HostReport] = []
        self._news = threading.Condition()

    def latest(self) -> HostReport | None:
        self.outage.check("the ledger")
        with self._news:
            return self.written[-1] if self.written else None

    def write(self, report: HostReport) -> None:
        self.outage.check("the ledger")
        with self._news:
            self.written.append(report)
            self._news.notify_all()

    def wait_for(self, wanted: Callable[[HostReport], bool], seconds: float) -> HostReport:
        """The latest report once it is as wanted; raises TimeoutError with the one that was there instead."""
        with self._news:
            if not self._news.wait_for(lambda: bool(self.written) and wanted(self.written[-1]), seconds):
                raise TimeoutError(f"found {self.written[-1:]}")
            return self.written[-1]


class MemoryMetricSink:
    """Every reading that was told, oldest first."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.readings: list[tuple[datetime, dict[str, float]]] = []

    def put(self, values: Mapping[str, float], at: datetime) -> None:
        self.outage.check("CloudWatch")
        self.readings.append((at, dict(values)))


class MemoryReleases:
    """Published versions, with what was asked of them."""

    def __init__(self, outage: Outage | None = None, chunk: int = 64 * 1024) -> None:
        self.outage = outage or Outage()
        self.published: dict[tuple[str, str], tuple[Manifest, bytes]] = {}
        self.requested: list[str] = []
        self._chunk = chunk

    def publish(self, manifest: Manifest, artifact: bytes) -> None:
        self.published[manifest.service, manifest.version] = (manifest, artifact)

    def manifest(self, service: str, version: str) -> Manifest:
        return self._found(service, version)[0]

    def copy_artifact(self, service: str, version: str, write: Callable[[bytes], object]) -> None:
        artifact = self._found(service, version)[1]
        for start in range(0, len(artifact), self._chunk):
            write(artifact[start : start + self._chunk])

    def _found(self, service: str, version: str) -> tuple[Manifest, bytes]:
        self.outage.check("the artifact bucket")
        self.requested.append(version)
        try:
            return self.published[service, version]
        except KeyError:
            raise Unknown("version", f"{version} of {service}") from None
