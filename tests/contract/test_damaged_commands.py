"""A command whose epoch a person damaged, on the emulator: DynamoDB's own comparisons decide what replaces it.

The same over a table in memory, in more places, is tests/unit/records/test_damaged_epochs.py.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.local.aws.clients import Aws
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.gateways.aws.fleet import DynamoFleet
from lifecycle.gateways.aws.table import Table, item, turns_key
from tests.contract.ledger_table import create_table

LEDGER = "damaged-commands"
CLUSTER = Cluster("production", "hello")
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)

pytestmark = pytest.mark.emulator


@pytest.fixture
def table(emulator: Aws) -> Iterator[Table]:
    dynamodb = emulator.client("dynamodb")
    create_table(emulator, LEDGER)
    yield Table(dynamodb, LEDGER)
    dynamodb.delete_table(TableName=LEDGER)


def command(host: str, epoch: int, order: Order = Order.INSTALL) -> Turn:
    return Turn(host, order, "d", epoch, 1, "1.0.0", "d", NOW, NOW)


@pytest.mark.parametrize("order", [Order.INSTALL, Order.IDLE])
@pytest.mark.parametrize("epoch", [{"N": "1" + "0" * 30}, {"N": "-1"}, {"S": "seven"}, None])
def test_command_without_a_possible_epoch_is_replaced(table: Table, epoch: Any, order: Order) -> None:
    fleet = DynamoFleet(table)
    stored = {k: v for k, v in item(turns_key(CLUSTER), "host-2", command("host-2", 5)).items() if k != "epoch"}
    assert table.put({**stored, **({"epoch": epoch} if epoch else {})})
    assert not fleet.give_turns(CLUSTER, [command("host-1", 1)])
    found, errors = readable(lambda: fleet.turn_epochs(CLUSTER), {})
    assert (found, [each.name for each in errors]) == ({"host-1": 1}, ["host-2"])
    assert not fleet.give_turns(CLUSTER, [command("host-2", 2, order)])
    assert fleet.turn_epochs(CLUSTER) == {"host-1": 1, "host-2": 2}
    (refused,) = fleet.give_turns(CLUSTER, [command("host-2", 1)])
    assert refused.held.epoch == 2
