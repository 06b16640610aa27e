"""The port to what services wrote on their hosts, for people who read it.

Implemented by gateways/aws/service_logs.py over CloudWatch Logs and by tests/fakes/service_logs.py; tests/contract
proves that both behave alike. The agents send the lines (apps/agent/log_shipping.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a service. The text is untrusted; `id` is the line's own. `process` is empty for the main one."""

    id: str
    at: datetime
    host: str
    text: str
    process: str = ""


class ServiceLogs(Protocol):
    """The output of the services of all clusters."""

    def read(self, cluster: Cluster, host: str, since: datetime) -> Iterator[LogLine]:
        """Yield a host's lines since then, oldest first; those of all hosts if `host` is empty.

        Yields nothing for a host that never sent a line. Raises Unknown when the cluster has no log group.
        """
