"""Hosts in the ledger: reports that agents write, turns that they read, versions that are bad."""

from collections.abc import Mapping, Sequence

from lifecycle.domain.fleet import Cluster, HostReport, Order, Turn
from lifecycle.gateways.aws.items import Table, cluster_key, item, record, reports_key, turns_key

# Within one epoch: standing down replaces anything, an order its own attempt too, standing by only earlier ones.
_MAY_REPLACE = {
    Order.IDLE: "attempt >= :attempt",
    Order.STAND_BY: "attempt < :attempt",
    Order.INSTALL: "attempt <= :attempt",
}


class DynamoFleet:
    """Agents write under REPORTS# only, and read under TURNS# only; IAM holds them to it (infra/)."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]:
        found = (record(HostReport, each) for each in self._table.query(reports_key(cluster)))
        return {report.host: report for report in found}

    def report(self, cluster: Cluster, host: str) -> HostReport | None:
        found = self._table.get(reports_key(cluster), host)
        return record(HostReport, found) if found else None

    def give_turns(self, cluster: Cluster, turns: Sequence[Turn]) -> None:
        """Write each host's turn, unless it has one of a newer epoch, or a later one of this epoch."""
        for turn in turns:
            wanted = item(turns_key(cluster), turn.host, turn, epoch=turn.epoch, attempt=turn.attempt)
            self._table.put(
                wanted,
                f"attribute_not_exists(pk) OR epoch < :epoch OR (epoch = :epoch AND {_MAY_REPLACE[turn.order]})",
                epoch={"N": str(turn.epoch)},
                attempt={"N": str(turn.attempt)},
            )

    def quarantine(self, cluster: Cluster, version: str, why: str) -> None:
        self._table.put(item(cluster_key(cluster), f"QUARANTINE#{version}", {"version": version, "why": why}))

    def quarantined(self, cluster: Cluster) -> Mapping[str, str]:
        found = self._table.query(cluster_key(cluster), "QUARANTINE#")
        bad = [record(dict[str, str], each) for each in found]
        return {each["version"]: each["why"] for each in bad}
