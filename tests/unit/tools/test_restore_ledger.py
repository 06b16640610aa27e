"""The ledger set back to a copy: what comes back, what stays, and the order of the runbook."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.fleet.member import Member
from lifecycle.domain.rollout.lease import Lease
from lifecycle.gateways.aws.fleet import DynamoFleet
from lifecycle.gateways.aws.members import DynamoMembers
from lifecycle.gateways.aws.table import Table, cluster_key, item, reports_key, rotation_key, turns_key
from tests.support.aws_in_memory import StoredLedger
from tools.restore_ledger import compare, write

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CLUSTER = Cluster("production", "hello")
LEDGER, COPY = "ledger", "copy"
PAGE = Path(__file__).resolve().parents[3] / "docs" / "operating.md"


class Tables:
    """A DynamoDB client with two tables."""

    def __init__(self) -> None:
        self.tables = {LEDGER: StoredLedger(), COPY: StoredLedger()}

    def get_paginator(self, _: str) -> "Tables":
        return self

    def paginate(self, *, TableName: str, **_: Any) -> Iterator[Mapping[str, Any]]:  # noqa: N803
        yield {"Items": list(self.tables[TableName].all_items())}

    def put_item(self, *, TableName: str, Item: Any) -> None:  # noqa: N803
        self.tables[TableName].store(Item)

    def delete_item(self, *, TableName: str, Key: Any) -> None:  # noqa: N803
        self.tables[TableName].forget(Key)

    @property
    def fleet(self) -> DynamoFleet:
        return DynamoFleet(Table(self.tables[LEDGER], LEDGER))


def report(host: str, epoch: int) -> dict[str, Any]:
    address = f"10.0.0.{host[-1]}"
    return item(reports_key(CLUSTER), host, HostReport(host, address, 8080, "a", NOW, NOW, epoch=epoch))


def command(host: str, epoch: int) -> dict[str, Any]:
    return item(turns_key(CLUSTER), host, Turn(host, Order.PREFETCH, "d", epoch, 0, "1.0.0", "d", NOW, NOW))


@pytest.fixture
def tables() -> Tables:
    """An hour ago: host-1 and host-2 under epoch 1. Since then host-2 was removed, and host-3 joined."""
    made = Tables()
    for host in ("host-1", "host-2"):
        made.tables[COPY].store(report(host, 1))
        made.tables[COPY].store(command(host, 1))
    for host in ("host-1", "host-3"):
        made.tables[LEDGER].store(report(host, 2))
        made.tables[LEDGER].store(command(host, 2))
    made.tables[COPY].store(item(cluster_key(CLUSTER), "LEASE", Lease(1)))
    made.tables[LEDGER].store(item(cluster_key(CLUSTER), "LEASE", Lease(2)))
    return made


def test_host_that_was_removed_since_stays_removed(tables: Tables) -> None:
    write(tables, LEDGER, compare(tables, LEDGER, COPY))
    assert {host: each.epoch for host, each in tables.fleet.reports(CLUSTER).items()} == {"host-1": 2, "host-3": 2}


def test_commands_stay_as_the_agents_know_them(tables: Tables) -> None:
    write(tables, LEDGER, compare(tables, LEDGER, COPY))
    assert tables.fleet.turn_epochs(CLUSTER) == {"host-1": 2, "host-3": 2}


def test_rotation_of_workers_stays_as_it_is(tables: Tables) -> None:
    """A set-back ledger does not know which hosts were drained since, as a load balancer does."""
    tables.tables[COPY].store(item(rotation_key(CLUSTER), "10.0.0.1 0", Member("10.0.0.1", 0, "host-1")))
    tables.tables[LEDGER].store(item(rotation_key(CLUSTER), "10.0.0.3 0", Member("10.0.0.3", 0, "host-3")))
    write(tables, LEDGER, compare(tables, LEDGER, COPY))
    assert DynamoMembers(Table(tables.tables[LEDGER], LEDGER)).all(CLUSTER) == [Member("10.0.0.3", 0, "host-3")]


def test_other_records_are_set_back_and_a_second_restore_changes_nothing(tables: Tables) -> None:
    changes = compare(tables, LEDGER, COPY)
    assert changes.lines() == ["CLUSTER: 1 items to write, 0 to delete"]
    write(tables, LEDGER, changes)
    assert not compare(tables, LEDGER, COPY).lines()


def test_runbook_starts_convergence_last() -> None:
    """A freeze does not hold a repair, so nothing but the concurrency limit does."""
    runbook = PAGE.read_text().partition("### The ledger, to a point in time")[2]
    steps = [
        runbook.index(each)
        for each in (
            "put-function-concurrency --function-name lifecycle-converge --reserved-concurrent-executions 0",
            "restore_ledger lifecycle-ledger-copy --write",
            "lifecycle plan hello 1.4.2",
            "lifecycle deploy hello 1.4.2 --despite-freeze",
            "delete-function-concurrency --function-name lifecycle-converge",
            "lifecycle unfreeze everything",
        )
    ]
    assert steps == sorted(steps)
    assert runbook.count("delete-function-concurrency") == 1
    assert runbook.index("\n   lifecycle converge\n") > steps[4]
