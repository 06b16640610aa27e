"""The output of services, in memory; and the sink of one host's agent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from apps.agent.errors import EventsRefused
from lifecycle.application.ports.service_logs import LogLine
from lifecycle.domain.errors import StoreRefused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from tests.fakes.agent import Outage


@dataclass
class MemoryServiceLogs:
    """The lines of each cluster, as they arrived; a cluster in `old_stacks` has no log group."""

    lines: dict[Cluster, list[LogLine]] = field(default_factory=dict)
    old_stacks: set[Cluster] = field(default_factory=set)

    def add(self, cluster: Cluster, host: str, at: datetime, text: str, process: str = "") -> None:
        found = self.lines.setdefault(cluster, [])
        found.append(LogLine(str(len(found)), at, host, text, process))

    def read(self, cluster: Cluster, host: str, since: datetime) -> Iterator[LogLine]:
        if cluster in self.old_stacks:
            raise Unknown("log group", hint="Deploy its stack again.", of=str(cluster))
        found = [each for each in self.lines.get(cluster, []) if each.at >= since and host in ("", each.host)]
        yield from sorted(found, key=lambda each: each.at)


@dataclass
class MemoryLogSink:
    """The agent's end of MemoryServiceLogs; it refuses texts in `refuses`, and fails after `most` puts."""

    logs: MemoryServiceLogs
    cluster: Cluster
    host: str = "web-1"
    outage: Outage = field(default_factory=Outage)
    batches: list[list[str]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    refuses: str = ""

    def put(self, texts: Sequence[str], at_ms: int, process: str = "") -> None:
        self.outage.check("CloudWatch Logs")
        if self.cluster in self.logs.old_stacks:
            raise StoreRefused("the log group does not exist; deploy the cluster's stack again to create it")
        if self.refuses and self.refuses in texts:
            raise EventsRefused("a text is refused")
        self.batches.append(list(texts))
        self.times.append(at_ms)
        for text in texts:
            self.logs.add(self.cluster, self.host, datetime.fromtimestamp(at_ms / 1000, UTC), text, process)

    @property
    def texts(self) -> list[str]:
        return [text for batch in self.batches for text in batch]
