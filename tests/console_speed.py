"""Measure the console's widgets and `lifecycle status` in the embedded environment, for 50 services of 40 hosts.

`python -m tests.console_speed` starts an environment of its own, writes the records of the account, calls
each of the console's Lambdas as CloudWatch would, and prints a table. It starts `lifecycle status` as a process of
its own, beside `python -c "import boto3"`. Exit 1 when the median of a widget is above 300 ms, its answer above
300 kB, or the median of the command above 1 s.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from apps.local import environment
from apps.local.aws.clients import Aws
from apps.local.paths import Layout
from apps.local.ports import Ports, chosen_ports
from apps.local.progress import Progress
from infra.constructs.dashboard import VIEWS
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.lease import Lease
from lifecycle.gateways.aws.audit import DynamoAuditLog
from lifecycle.gateways.aws.catalogue import DynamoCatalogue
from lifecycle.gateways.aws.deployments import DynamoDeployments
from lifecycle.gateways.aws.fleet import DynamoFleet
from lifecycle.gateways.aws.registry import SsmRegistry
from lifecycle.gateways.aws.table import Table, cluster_key, item, reports_key
from lifecycle.names import LEDGER, function
from tests.support.many_clusters import DIGEST, HOSTS, SERVICES, VERSION, Stores, clusters, fill

MOST_MILLISECONDS, MOST_BYTES, MOST_STATUS_MILLISECONDS = 300, 300_000, 1_000
CALLS, STARTS = 15, 8
_BATCH_SIZE = 25
# Besides everything, each widget is asked for one service of the fifty.
ONE = {"service": "service-00", "environment": "production"}


def main() -> int:
    """Measure every widget; return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    progress = Progress()
    with tempfile.TemporaryDirectory(prefix="lifecycle-console-") as folder:
        layout, ports = Layout(Path(folder).resolve()), chosen_ports() or Ports.free()
        try:
            # Schedules that never fire here: they would repair the hosts that this account only claims to
            # have.
            facts = environment.up(
                layout, progress, ports, {"converge_rate": "rate(7 days)", "watch_rate": "rate(7 days)"}
            )
            aws = Aws.of(facts)
            with progress.step(f"an account of {SERVICES} services"):
                write_account(aws)
            return report(measure(aws), *measure_status(layout))
        finally:
            environment.down(layout, Progress(quiet=True))


class BatchWriter(Table):
    """A table that writes 25 items per call, without conditions."""

    def __init__(self, dynamodb: Any, name: str) -> None:
        super().__init__(dynamodb, name)
        self._items: list[dict[str, Any]] = []

    def put(self, item: dict[str, Any], condition: str | None = None, **values: Any) -> bool:
        del condition, values
        self._items.append(item)
        if len(self._items) == _BATCH_SIZE:
            self.flush()
        return True

    def flush(self) -> None:
        if self._items:
            puts = [{"PutRequest": {"Item": each}} for each in self._items]
            self.dynamodb.batch_write_item(RequestItems={self.name: puts})
        self._items = []


def write_account(aws: Aws) -> None:
    """Write the account with the gateways that the phases use."""
    table = BatchWriter(aws.client("dynamodb"), LEDGER)
    deployments, trail, catalogue = DynamoDeployments(table), DynamoAuditLog(table), DynamoCatalogue(table)
    registry = SsmRegistry(aws.client("ssm"))

    def report(cluster: Cluster, found: HostReport) -> None:
        table.put(item(reports_key(cluster), found.host, found))

    def lease(cluster: Cluster, held: Lease) -> None:
        table.put(item(cluster_key(cluster), "LEASE", held))

    fill(
        Stores(
            report=report,
            deployment=deployments.put,
            attempt=deployments.put_attempt,
            ask=deployments.ask,
            trail=trail.append,
            lease=lease,
            snapshot=catalogue.record_snapshot,
            release=catalogue.claim_release,
            owner=catalogue.claim_service,
            builds=catalogue.change_builds,
        )
    )
    fleet, places = DynamoFleet(table), {f"host-{number:02}": f"10.0.0.{number}" for number in range(HOSTS)}
    for cluster in clusters():
        fleet.bind(cluster, places)
        registry.set_desired(cluster, Desired(VERSION, DIGEST, 1, "written"))
    table.flush()


def measure(aws: Aws) -> list[dict[str, Any]]:
    """Return one row for each widget and query: the first call, which starts the Lambda, and later ones."""
    lambdas = aws.client("lambda")
    return [
        {"widget": name, "asked": asked or "everything", **_row(lambdas, function(name), asked)}
        for name, _, _ in VIEWS
        for asked in ({}, ONE)
    ]


def _row(lambdas: Any, name: str, asked: dict[str, str]) -> dict[str, float]:
    context = {"theme": "light", "width": 800, "height": 400, "forms": {"all": {}}}
    payload = json.dumps({**asked, "widgetContext": context}).encode()
    durations, size = [], 0
    for _ in range(CALLS):
        began = time.perf_counter()
        answer = json.loads(lambdas.invoke(FunctionName=name, Payload=payload)["Payload"].read())
        durations.append((time.perf_counter() - began) * 1000)
        if not isinstance(answer, str) or 'role="alert"' in answer:
            raise SystemExit(f"{name}: expected a widget, found {str(answer)[-400:]}")
        size = len(answer.encode())
    warm = sorted(durations[1:])
    return {
        "first_ms": round(durations[0]),
        "median_ms": round(statistics.median(warm)),
        "worst_ms": round(warm[-1]),
        "bytes": size,
    }


def measure_status(layout: Layout) -> tuple[int, int]:
    """Return the median milliseconds of `lifecycle status`, and of an interpreter that only imports boto3."""
    environ = {**os.environ, "LIFECYCLE_HOME": str(layout.home), "COLUMNS": "100"}
    commands = (("-m", "apps.cli.main", "status"), ("-c", "import boto3"))
    durations: dict[tuple[str, ...], list[float]] = {each: [] for each in commands}
    for _ in range(STARTS):
        for each in commands:  # by turns, so that both meet the same noise
            began = time.perf_counter()
            subprocess.run([sys.executable, *each], env=environ, check=True, capture_output=True)
            durations[each].append((time.perf_counter() - began) * 1000)
    status, boto3 = (round(statistics.median(durations[each][1:])) for each in commands)
    return status, boto3


def report(rows: list[dict[str, Any]], status: int, boto3: int) -> int:
    """Print the table; return 1 if a widget or the command is too slow, or an answer too large, else 0."""
    print(f"{'widget':18} {'asked for':12} {'first':>8} {'median':>8} {'worst':>8} {'bytes':>9}")
    for row in rows:
        what = "one cluster" if row["asked"] == ONE else "everything"
        times = " ".join(f"{row[name]:>5} ms" for name in ("first_ms", "median_ms", "worst_ms"))
        print(f"{row['widget']:18} {what:12} {times} {row['bytes']:>9}")
    print(f"lifecycle status of {2 * SERVICES} clusters: {status} ms; an interpreter that imports boto3: {boto3} ms")
    late = [row["widget"] for row in rows if row["median_ms"] > MOST_MILLISECONDS or row["bytes"] > MOST_BYTES]
    late += ["lifecycle status"] if status > MOST_STATUS_MILLISECONDS else []
    print(
        f"every widget is within {MOST_MILLISECONDS} ms and {MOST_BYTES // 1000} kB"
        if not late
        else f"too slow or too large: {', '.join(late)}"
    )
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
