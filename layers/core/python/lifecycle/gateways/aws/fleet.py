"""Hosts in the ledger: reports that agents write, turns that they read, quarantined versions and hosts."""

from collections.abc import Mapping, Sequence

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Order, RefusedTurn, Turn
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import Table, cluster_key, item, record, reports_key, turns_key

# Turn.progress_rank as conditions: the turn that ends an epoch replaces any other of it, and none replaces it.
_LATER = (
    "epoch < :epoch OR (epoch = :epoch AND place <> :end AND "
    "(attempt < :attempt OR (attempt = :attempt AND place <= :place)))"
)
_ENDS_EPOCH = "epoch <= :epoch"


@translated
class DynamoFleet:
    """Agents write REPORTS# only, and read TURNS# only; infra/constructs/host_role.py enforces it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]:
        return {report.host: report for report in self._table.records(HostReport, reports_key(cluster))}

    def report(self, cluster: Cluster, host: str) -> HostReport | None:
        found = self._table.get(reports_key(cluster), host)
        return record(HostReport, found) if found else None

    def names(self, cluster: Cluster) -> Sequence[str]:
        return self._table.sort_keys(reports_key(cluster))

    def give_turns(self, cluster: Cluster, turns: Sequence[Turn]) -> Sequence[RefusedTurn]:
        """Write each host's turn, unless the stored one has a newer epoch, or is later in this epoch."""
        return [RefusedTurn(turn, held) for turn in turns if (held := self._give(cluster, turn))]

    def _give(self, cluster: Cluster, turn: Turn) -> Turn | None:
        """Write a turn; returns the stored one if it is later."""
        rank = turn.progress_rank
        values = {"epoch": rank.epoch}
        if not rank.ends_epoch:
            values |= {"attempt": rank.attempt, "place": rank.order, "end": Order.IDLE.progress_rank}
        written = self._table.put(
            item(turns_key(cluster), turn.host, turn, epoch=rank.epoch, attempt=rank.attempt, place=rank.order),
            f"attribute_not_exists(pk) OR {_ENDS_EPOCH if rank.ends_epoch else _LATER}",
            **{name: {"N": str(value)} for name, value in values.items()},
        )
        if written:
            return None
        held = self._table.get(turns_key(cluster), turn.host)
        return record(Turn, held) if held else self._give(cluster, turn)  # its host was removed in between

    def turn_epochs(self, cluster: Cluster) -> Mapping[str, int]:
        found = self._table.attributes(turns_key(cluster), "sk", "epoch")
        return {each["sk"]["S"]: int(each["epoch"]["N"]) for each in found if "epoch" in each}

    def quarantine(self, cluster: Cluster, version: str, why: str) -> None:
        self._table.put(item(cluster_key(cluster), f"QUARANTINE#{version}", {"version": version, "why": why}))

    def quarantined(self, cluster: Cluster) -> Mapping[str, str]:
        bad = self._table.records(dict[str, str], cluster_key(cluster), "QUARANTINE#")
        return {each["version"]: each["why"] for each in bad}

    def quarantine_host(self, cluster: Cluster, host: str, why: str) -> None:
        self._table.put(item(cluster_key(cluster), f"BAD_HOST#{host}", {"host": host, "why": why}))

    def quarantined_hosts(self, cluster: Cluster) -> Mapping[str, str]:
        bad = self._table.records(dict[str, str], cluster_key(cluster), "BAD_HOST#")
        return {each["host"]: each["why"] for each in bad}

    def lift_quarantine(self, cluster: Cluster, name: str) -> None:
        for kind in ("QUARANTINE", "BAD_HOST"):
            self._table.delete(cluster_key(cluster), f"{kind}#{name}")

    def remove(self, cluster: Cluster, host: str) -> None:
        self._table.delete(turns_key(cluster), host)
        self._table.delete(reports_key(cluster), host)
