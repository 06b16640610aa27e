"""The output of services, in CloudWatch Logs: a group for each cluster, and in it streams for each host.

The main process of a host writes to the stream of its name, every other one to `<host>/<process>`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lifecycle.application.ports.service_logs import LogLine
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.errors import code_of, failure
from lifecycle.names import log_stream, service_log_group


class CloudWatchServiceLogs:
    """Implements the port ServiceLogs."""

    def __init__(self, logs: Any) -> None:
        self._logs = logs

    def read(self, cluster: Cluster, host: str, since: datetime) -> Iterator[LogLine]:
        # A generator runs after the call, so errors.translated would not see its errors.
        try:
            # A prefix finds web-10 for web-1, too, and the emulator knows none.
            every = self._read(cluster, since, {"logStreamNamePrefix": log_stream(host)} if host else {})
            yield from (line for line in every if host in ("", line.host))
        except Exception as error:
            words = failure(error)
            if words is None:
                raise
            raise words from error

    def _read(self, cluster: Cluster, since: datetime, streams: dict[str, Any]) -> Iterator[LogLine]:
        wanted: dict[str, Any] = {
            "logGroupName": service_log_group(cluster.environment, cluster.service),
            "startTime": int(since.timestamp() * 1000),
            **streams,
        }
        while True:
            try:
                page = self._logs.filter_log_events(**wanted)
            except Exception as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                hint = f"Deploy its stack again, which creates {wanted['logGroupName']}."
                raise Unknown("log group", hint=hint, of=str(cluster)) from error
            yield from map(_line, page["events"])
            if not page.get("nextToken"):
                return
            wanted["nextToken"] = page["nextToken"]


def _line(event: dict[str, Any]) -> LogLine:
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    host, _, process = event["logStreamName"].partition("/")
    return LogLine(str(event["eventId"]), at, host, event["message"], process)
