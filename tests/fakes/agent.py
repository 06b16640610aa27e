"""In-memory fakes of the agent's ports, for tests. Their contract is tests/unit/agent/ports_contract.py."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from apps.agent.errors import StoreUnreachable
from apps.agent.ports import PublishedManifest
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.fleet.scheduled_run import ScheduledRun
from lifecycle.domain.service.manifest import Manifest
from lifecycle.gateways.serialization import to_json
from tests.support.polling import PATIENCE_SECONDS


class Outage:
    """A switch that makes a fake unreachable."""

    def __init__(self) -> None:
        self.down = False

    def check(self, store: str) -> None:
        if self.down:
            raise StoreUnreachable(store, "the network is down")


class MemoryTurns:
    """The turn that a test sets in the place of the control plane."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.turn: Turn | None = None
        self.reads = 0

    def current(self) -> Turn | None:
        self.outage.check("the ledger")
        self.reads += 1
        return self.turn


class MemoryReports:
    """Every report that was written, oldest first. A test calls `wait_for` in the place of the control plane."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.written: list[HostReport] = []
        self._changed = threading.Condition()

    def latest(self) -> HostReport | None:
        self.outage.check("the ledger")
        with self._changed:
            return self.written[-1] if self.written else None

    def write(self, report: HostReport) -> None:
        self.outage.check("the ledger")
        with self._changed:
            self.written.append(report)
            self._changed.notify_all()

    def wait_for(self, matches: Callable[[HostReport], bool], seconds: float = PATIENCE_SECONDS) -> HostReport:
        """Return the latest report once it matches; raise TimeoutError with the one that was found instead."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self.written) and matches(self.written[-1]), seconds):
                raise TimeoutError(f"found {self.written[-1:]}")
            return self.written[-1]


_WRITES = threading.Lock()


class MemoryScheduledRuns:
    """The records of schedules; several agents may share `records`. `quarantined` is this host's state."""

    def __init__(
        self,
        outage: Outage | None = None,
        records: dict[str, ScheduledRun] | None = None,
        quarantines: Callable[[], bool] = lambda: False,
    ) -> None:
        self.outage = outage or Outage()
        self.records = {} if records is None else records
        self.written: list[ScheduledRun] = []
        self.quarantined = False
        self._quarantines = quarantines

    def last(self, schedule: str) -> ScheduledRun | None:
        self.outage.check("the ledger")
        return self.records.get(schedule)

    def replace(self, last: ScheduledRun | None, new: ScheduledRun) -> bool:
        self.outage.check("the ledger")
        with _WRITES:
            stored = self.records.get(new.schedule)
            if stored == new:
                return True
            if (stored.changes if stored else 0) != (last.changes if last else 0):
                return False
            self.records[new.schedule] = new
            self.written.append(new)
            return True

    def is_quarantined(self) -> bool:
        self.outage.check("the ledger")
        return self.quarantined or self._quarantines()


class MemoryMetricSink:
    """Every reading that was put, oldest first."""

    def __init__(self, outage: Outage | None = None) -> None:
        self.outage = outage or Outage()
        self.readings: list[tuple[datetime, dict[str, float]]] = []

    def put(self, values: Mapping[str, float], at: datetime) -> None:
        self.outage.check("CloudWatch")
        self.readings.append((at, dict(values)))


class MemoryReleases:
    """Published versions, and the versions that were requested, in order."""

    def __init__(self, outage: Outage | None = None, chunk: int = 64 * 1024) -> None:
        self.outage = outage or Outage()
        self.published: dict[tuple[str, str], tuple[Manifest, bytes]] = {}
        self.envelopes: dict[tuple[str, str], str] = {}
        self.requested: list[str] = []
        self._chunk = chunk

    def publish(self, manifest: Manifest, artifact: bytes) -> None:
        self.published[manifest.service, manifest.version] = (manifest, artifact)

    def manifest(self, service: str, version: str) -> PublishedManifest:
        manifest = self._found(service, version)[0]
        return PublishedManifest(manifest, to_json(manifest))

    def envelope(self, service: str, version: str) -> str:
        self.outage.check("the artifact bucket")
        return self.envelopes.get((service, version), "")

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
            raise Unknown("version", version, of=service) from None
