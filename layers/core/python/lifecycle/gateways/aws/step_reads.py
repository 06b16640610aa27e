"""The records that a step reads first: one BatchGetItem in the ledger."""

from collections.abc import Sequence

from lifecycle.application.ports.step_reads import HostRecords, LoopRecords, StepRecords
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.lease import Lease
from lifecycle.gateways.aws.deployments import attempt_of, checkpoint_record
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.fleet import bound_of, report_of
from lifecycle.gateways.aws.leases import lease_of
from lifecycle.gateways.aws.table import CHECKPOINT, HOSTS, Table, cluster_key, deployment_key, record, reports_key


@translated
class DynamoStepReads:
    """Each item is read consistently, but the items are no snapshot: every write checks the epoch."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of_host(self, cluster: Cluster, deployment: str, host: str, attempt: int) -> StepRecords:
        found, lease, tried, bound, report = self._table.get_all(
            [
                (cluster_key(cluster), f"DEPLOYMENT#{deployment}"),
                (cluster_key(cluster), "LEASE"),
                (deployment_key(deployment), f"ATTEMPT#{host}#{attempt:03}"),
                (cluster_key(cluster), HOSTS),
                (reports_key(cluster), host),
            ]
        )
        return StepRecords(
            deployment=record(Deployment, found) if found else None,
            lease=lease_of(lease),
            attempt=attempt_of(tried) if tried else None,
            report=bound_of(bound).checked(report_of(report)) if report else None,
        )

    def of_deployment(self, cluster: Cluster, deployment: str) -> tuple[Deployment | None, Lease]:
        pk = cluster_key(cluster)
        found, lease = self._table.get_all([(pk, f"DEPLOYMENT#{deployment}"), (pk, "LEASE")])
        return record(Deployment, found) if found else None, lease_of(lease)

    def of_loop(self, cluster: Cluster, deployment: str) -> LoopRecords:
        pk = cluster_key(cluster)
        found, lease, checkpoint = self._table.get_all(
            [(pk, f"DEPLOYMENT#{deployment}"), (pk, "LEASE"), (deployment_key(deployment), CHECKPOINT)]
        )
        return LoopRecords(
            deployment=record(Deployment, found) if found else None,
            lease=lease_of(lease),
            checkpoint=checkpoint_record(deployment, checkpoint),
        )

    def of_hosts(
        self, cluster: Cluster, deployment: str, attempts: Sequence[tuple[str, int]], hosts: Sequence[str]
    ) -> HostRecords:
        tried = [(deployment_key(deployment), f"ATTEMPT#{host}#{number:03}") for host, number in attempts]
        wanted = [(cluster_key(cluster), HOSTS), *((reports_key(cluster), host) for host in hosts)]
        bound, *found = self._table.get_all([*wanted, *tried])
        reports = {each["sk"]["S"]: report_of(each) for each in found[: len(hosts)] if each}
        return HostRecords(
            attempts=[attempt_of(each) for each in found[len(hosts) :] if each],
            reports=bound_of(bound).trusted(reports),
        )
