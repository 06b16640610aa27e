"""An account of 500 clusters over the real ledger gateways and a counting table: what each query reads.

`python -m tests.support.large_account` prints a table.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.monitoring.watch_alarms import watch
from lifecycle.application.queries.context import QueryContext
from lifecycle.application.queries.deployment import view_deployments
from lifecycle.application.queries.dora import view_dora
from lifecycle.application.queries.history import view_history
from lifecycle.application.queries.hosts import view_hosts
from lifecycle.application.queries.pending_decisions import view_pending_decisions
from lifecycle.application.queries.scope import Scope
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.monitoring.alarms import Alarm
from lifecycle.domain.rollout.lease import Lease
from lifecycle.gateways.aws.audit import DynamoAuditLog
from lifecycle.gateways.aws.cluster_queries import DynamoClusterQueries
from lifecycle.gateways.aws.deployments import DynamoDeployments
from lifecycle.gateways.aws.fleet import DynamoFleet
from lifecycle.gateways.aws.freezes import DynamoFreezes
from lifecycle.gateways.aws.leases import DynamoLeases
from lifecycle.gateways.aws.queue import DynamoQueue
from lifecycle.gateways.aws.step_reads import DynamoStepReads
from lifecycle.gateways.aws.table import cluster_key, item, reports_key
from lifecycle.names import alarm
from tests.fakes.alarms import MemoryAlarms
from tests.fakes.builds import MemoryBuilds
from tests.fakes.context import MemoryContext
from tests.fakes.phases import MemoryPhases
from tests.support.counting_dynamodb import Reads, counting_table
from tests.support.many_clusters import DIGEST, NOW, VERSION, Stores, clusters, fill


class LargeAccount:
    """So many services of two clusters with forty hosts each; some clusters deploy, and some wait for an answer."""

    def __init__(self, services: int) -> None:
        every = list(clusters(services))
        self.memory = memory = MemoryContext(dict.fromkeys(every, "/is_alive"))
        self.table, self.client = counting_table()
        self.context = replace(
            memory.context,
            leases=DynamoLeases(self.table),
            deployments=DynamoDeployments(self.table),
            step_reads=DynamoStepReads(self.table),
            audit_log=DynamoAuditLog(self.table),
            fleet=DynamoFleet(self.table),
            freezes=DynamoFreezes(self.table),
            queue=DynamoQueue(self.table),
            heartbeat_timeout=timedelta(days=1),
        )
        catalogue = memory.catalogue
        queries = DynamoClusterQueries(self.table, memory.registry, None, "")
        self.query = QueryContext(
            self.context, catalogue, queries, MemoryPhases(self.context, catalogue), MemoryBuilds()
        )
        deployments = self.context.deployments

        def report(cluster: Cluster, found: HostReport) -> None:
            self.table.put(item(reports_key(cluster), found.host, found))
            memory.dispatcher.states[cluster][found.address] = TargetState.HEALTHY

        def lease(cluster: Cluster, held: Lease) -> None:
            self.table.put(item(cluster_key(cluster), "LEASE", held))

        stores = Stores(
            report=report,
            deployment=deployments.put,
            attempt=deployments.put_attempt,
            ask=deployments.ask,
            trail=self.context.audit_log.append,
            lease=lease,
            snapshot=catalogue.record_snapshot,
            release=catalogue.claim_release,
            owner=catalogue.claim_service,
            builds=catalogue.change_builds,
        )
        fill(stores, services)
        for cluster in every:
            memory.registry.set_desired(cluster, Desired(VERSION, DIGEST, 1, deployments.recent(cluster, 1)[0].id))
        self.alarms = MemoryAlarms()
        for cluster in every:
            name = alarm(cluster.environment[0], cluster.service, "errors")
            self.alarms.put(Alarm(name, cluster, True, NOW, "at most 2 %", "4.1 %"))

    def measured(self) -> Iterator[tuple[str, Reads]]:
        """Yield what each query reads."""
        scope = Scope()
        calls: dict[str, Callable[[], object]] = {
            "clusters page": lambda: view_hosts(self.query, scope),
            "one cluster": lambda: view_hosts(self.query, Scope("service-00", "production")),
            "history page": lambda: view_history(self.query, scope),
            "decisions": lambda: view_pending_decisions(self.query, scope),
            "deployment": lambda: view_deployments(self.query, scope),
            "dora page": lambda: view_dora(self.query, scope, 30),
            "watch, all alarms ring": lambda: watch(self.context, self.alarms),
            "converge, all clusters": lambda: converge_all(self.context, "ab12", "schedule"),
        }
        for name, call in calls.items():
            with self.client.counted() as reads:
                call()
            yield name, reads


def main() -> None:
    """Print what each query reads, for so many services."""
    for services in map(int, sys.argv[1:] or ("25", "250")):
        for name, reads in LargeAccount(services).measured():
            figures = f"{reads.calls:6} calls {reads.items:7} items {reads.bytes:10} bytes"
            print(f"{2 * services:4} clusters  {name:24} {figures}")


if __name__ == "__main__":
    main()
