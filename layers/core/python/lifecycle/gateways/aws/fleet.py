"""Hosts in the ledger: reports that agents write, turns that they read, quarantined versions and hosts."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import ceil
from typing import Any

from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.bound_hosts import OPEN, BoundHosts, UnreadableBoundHosts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.epoch import LARGEST_EPOCH
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.host_command import Order, RefusedTurn, Turn, UnreadableTurn
from lifecycle.domain.fleet.places import in_own_places
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import HOSTS, Table, cluster_key, item, record_or, reports_key, turns_key, whole
from lifecycle.gateways.record_kinds import kind_of
from lifecycle.gateways.small_records import QuarantinedHost, QuarantinedVersion
from lifecycle.gateways.stored_ranks import stored_place

# Turn.progress_rank as conditions: the turn that ends an epoch replaces any other of it, and none replaces it.
_LATER = (
    "epoch < :epoch OR (epoch = :epoch AND place <> :end AND "
    "(attempt < :attempt OR (attempt = :attempt AND place <= :place)))"
)
_ENDS_EPOCH = "epoch <= :epoch"
# A turn without a possible epoch is replaced: no agent acts on it. A comparison of a text with a number is false.
_NO_EPOCH = "NOT (epoch >= :first AND epoch <= :last)"


# Of a cluster; domain/rollout/preflight.py refuses to plan with as many.
MOST_REPORTS = 5_001
_MOST_PAGES = 40  # of 1 MB
_MOST_SHOWN = 20
# No host has such a name.
_MORE = "(more reports)"
# The largest that an agent writes has less (tests/unit/gateways/test_record_sizes.py).
LARGEST_REPORT = 128 * 1024


def report_of(found: dict[str, Any]) -> HostReport:
    """Return the report of an item, or one that says nothing of its host but why it cannot be read."""
    host = found["sk"]["S"]
    size = sum(len(each.get("S", "")) for each in found.values())
    if size > LARGEST_REPORT:
        source = kind_of(found["pk"]["S"], host).source(found["pk"]["S"], host)
        error = source.unreadable(f"a report of at most {LARGEST_REPORT} characters", f"one of {size}")
        return UnreadableReport.of(host, str(error))
    return record_or(HostReport, found, UnreadableReport.of)


def bound_of(found: dict[str, Any] | None) -> BoundHosts:
    """Return the bound hosts of an item; without one, the cluster is not closed."""
    if found is None:
        return OPEN
    return record_or(BoundHosts, found, lambda _, why: UnreadableBoundHosts(closed=True, why=why))


def _too_many(cluster: Cluster) -> str:
    how = f"`lifecycle bind-host {cluster.service}` names the hosts that count, and the other reports are ignored"
    most = f"expected at most {MOST_REPORTS - 1} reports of {cluster}, in {_MOST_PAGES} MB"
    return f"{most}, found more: a host may have written them. {how}"


def _turn_of(found: dict[str, Any]) -> Turn:
    """Return the turn of an item, or one that says of which epoch it is and why it cannot be read."""
    epoch = _compared_epoch(found["epoch"]) or 0
    return record_or(Turn, found, lambda host, why: UnreadableTurn.of(host, epoch, why))


def _compared_epoch(found: dict[str, str]) -> int | None:
    """Return the epoch beside a turn as conditions compare it, rounded up; None where they replace the turn."""
    number = Decimal(found.get("N", -1))
    return ceil(number) if 0 <= number <= LARGEST_EPOCH else None


@translated
class DynamoFleet:
    """Agents write REPORTS# only, and read TURNS# only; infra/constructs/host_role.py enforces it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]:
        bound = self.bound(cluster)
        found, whole = self._items(cluster, bound)
        reports = {each["sk"]["S"]: report_of(each) for each in found}
        if not bound.closed and not whole:
            reports[_MORE] = UnreadableReport.of(_MORE, _too_many(cluster))
        return in_own_places(bound.trusted(reports))

    def report(self, cluster: Cluster, host: str) -> HostReport | None:
        bound, found = self._table.get_all([(cluster_key(cluster), HOSTS), (reports_key(cluster), host)])
        return bound_of(bound).checked(report_of(found)) if found else None

    def names(self, cluster: Cluster) -> Sequence[str]:
        bound = self.bound(cluster)
        found, whole = self._items(cluster, bound, "sk")
        names = [each["sk"]["S"] for each in found if not bound.closed or each["sk"]["S"] in bound.places]
        return names if whole or bound.closed else [*names, _MORE]

    def _items(self, cluster: Cluster, bound: BoundHosts, *names: str) -> tuple[list[dict[str, Any]], bool]:
        """Return the items of reports that may count, and whether the partition has no more."""
        pk = reports_key(cluster)
        found, whole = self._table.first_items(pk, MOST_REPORTS, _MOST_PAGES, *names)
        if bound.closed and not whole:  # somebody fills the partition with reports of no bound host
            found = [each for each in self._table.get_all([(pk, host) for host in bound.places]) if each]
        return found, whole

    def bound(self, cluster: Cluster) -> BoundHosts:
        return bound_of(self._table.get(cluster_key(cluster), HOSTS))

    def bind(self, cluster: Cluster, places: Mapping[str, str]) -> None:
        present = self.bound(cluster)
        while not self._rebind(cluster, present, present.with_hosts(places)):
            present = self.bound(cluster)

    def _rebind(self, cluster: Cluster, present: BoundHosts, wanted: BoundHosts) -> bool:
        """Write the bound hosts; returns False if another call has changed them. Raises StoreRefused."""
        if isinstance(present, UnreadableBoundHosts):
            raise StoreRefused(present.why)
        if wanted is present:
            return True
        return self._table.put(
            item(cluster_key(cluster), HOSTS, wanted),
            "attribute_not_exists(pk) OR changes = :present",
            present={"N": str(present.changes)},
        )

    def unbind(self, cluster: Cluster, host: str) -> None:
        present = self.bound(cluster)
        while host in present.places and not self._rebind(cluster, present, present.without(host)):
            present = self.bound(cluster)

    def unbound(self, cluster: Cluster, bound: BoundHosts) -> Sequence[str]:
        if not bound.closed or isinstance(bound, UnreadableBoundHosts):
            return []
        found, _ = self._table.first_items(reports_key(cluster), MOST_REPORTS, _MOST_PAGES, "sk")
        return [each["sk"]["S"] for each in found if each["sk"]["S"] not in bound.places][:_MOST_SHOWN]

    def give_turns(self, cluster: Cluster, turns: Sequence[Turn]) -> Sequence[RefusedTurn]:
        """Write each host's turn, unless the stored one has a newer epoch, or is later in this epoch."""
        return [RefusedTurn(turn, held) for turn in turns if (held := self._give(cluster, turn))]

    def _give(self, cluster: Cluster, turn: Turn) -> Turn | None:
        """Write a turn; returns the stored one if it is later."""
        rank = turn.progress_rank
        values: dict[str, int | Decimal] = {"epoch": rank.epoch, "first": 0, "last": LARGEST_EPOCH}
        if not rank.ends_epoch:
            values |= {"attempt": rank.attempt, "place": stored_place(rank), "end": Order.IDLE.progress_rank}
        written = self._table.put(
            item(turns_key(cluster), turn.host, turn),
            f"{_NO_EPOCH} OR {_ENDS_EPOCH if rank.ends_epoch else _LATER}",
            **{name: {"N": str(value)} for name, value in values.items()},
        )
        if written:
            return None
        held = self._table.get(turns_key(cluster), turn.host)
        return _turn_of(held) if held else self._give(cluster, turn)  # its host was removed in between

    def turn_epochs(self, cluster: Cluster) -> Mapping[str, int]:
        pk, epochs, errors = turns_key(cluster), {}, []
        for each in self._table.attributes(pk, "sk", "epoch"):
            host, beside = each["sk"]["S"], each.get("epoch", {})
            if (epoch := _compared_epoch(beside)) is not None:
                epochs[host] = epoch
            if str(epoch) != beside.get("N"):
                expected = f"a host command with an epoch from 0 to {LARGEST_EPOCH}"
                errors.append(kind_of(pk, host).source(pk, host).unreadable(expected, f"{beside or 'none'}"))
        return whole(epochs, errors)

    def quarantine(self, cluster: Cluster, version: str, why: str) -> None:
        self._table.put(item(cluster_key(cluster), f"QUARANTINE#{version}", QuarantinedVersion(version, why)))

    def quarantined(self, cluster: Cluster) -> Mapping[str, str]:
        return self._reasons(QuarantinedVersion, cluster, "QUARANTINE#")

    def quarantine_host(self, cluster: Cluster, host: str, why: str) -> None:
        self._table.put(item(cluster_key(cluster), f"BAD_HOST#{host}", QuarantinedHost(host, why)))

    def quarantined_hosts(self, cluster: Cluster) -> Mapping[str, str]:
        return self._reasons(QuarantinedHost, cluster, "BAD_HOST#")

    def _reasons(
        self, kind: type[QuarantinedVersion] | type[QuarantinedHost], cluster: Cluster, prefix: str
    ) -> Mapping[str, str]:
        """Return name -> reason. The key alone is the quarantine, so one that cannot be read counts too."""
        found = {}
        for each in self._table.query(cluster_key(cluster), prefix):
            bad = record_or(kind, each, lambda _, why: QuarantinedHost("", why))
            found[each["sk"]["S"].removeprefix(prefix)] = bad.why
        return found

    def lift_quarantine(self, cluster: Cluster, name: str) -> None:
        for kind in ("QUARANTINE", "BAD_HOST"):
            self._table.delete(cluster_key(cluster), f"{kind}#{name}")

    def remove(self, cluster: Cluster, host: str) -> None:
        self._table.delete(turns_key(cluster), host)
        self._table.delete(reports_key(cluster), host)
        self.unbind(cluster, host)
