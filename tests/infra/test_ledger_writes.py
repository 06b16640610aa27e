"""Each function may change the partitions of the ledger that its code reaches: neither more nor fewer."""

from dataclasses import replace
from typing import Any

import pytest

from lifecycle.gateways.aws import (
    audit,
    catalogue,
    configurations,
    cursors,
    deployments,
    fleet,
    freezes,
    leases,
    queue,
    requests,
)
from lifecycle.gateways.aws.members import DynamoMembers
from lifecycle.gateways.aws.table import Table
from lifecycle.names import Partition
from tests.contract.calls import CALLS
from tests.contract.conftest import Gateways, in_memory
from tests.infra.granted import PHASES
from tests.infra.ledger_writes import WRITES, Effect, changed_by
from tests.infra.reading import listed, role_of, statements
from tests.support.aws_in_memory import StoredLedger, StoredParameters

# The gateways that write to the ledger, and their names in Context. Members are behind the port Dispatcher.
PORTS = {
    "DynamoLeases": "leases",
    "DynamoDeployments": "deployments",
    "DynamoAuditLog": "audit_log",
    "DynamoFleet": "fleet",
    "DynamoFreezes": "freezes",
    "DynamoQueue": "queue",
    "DynamoRequests": "requests",
    "DynamoCursors": "cursors",
    "DynamoConfigRevisions": "configurations",
    "DynamoCatalogue": "catalogue",
}
MEMBERS = {"DynamoMembers.add": "register", "DynamoMembers.remove": "deregister"}
# The operators' side of the registry and of configurations has no item, and agents have a role of their own.
WRITTEN = sorted(name for name in CALLS if name.partition(".")[0] in (*PORTS, "DynamoMembers"))


class RecordingLedger(StoredLedger):
    """A ledger that records the partitions of its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: set[str] = set()
        self.deletes: set[str] = set()

    def put_item(self, **given: Any) -> Any:
        self.puts.add(partition(given["Item"]["pk"]["S"]))
        return super().put_item(**given)

    def delete_item(self, **given: Any) -> Any:
        self.deletes.add(partition(given["Key"]["pk"]["S"]))
        return super().delete_item(**given)


def partition(pk: str) -> str:
    """Return the part of a key that roles are granted."""
    head, mark, _ = pk.partition("#")
    return f"{head}{mark}"


def gateways_over(ledger: StoredLedger) -> Gateways:
    """Return gateways whose records are in this ledger."""
    table = Table(ledger, "ledger")
    return replace(
        in_memory(),
        leases=leases.DynamoLeases(table),
        deployments=deployments.DynamoDeployments(table),
        audit_log=audit.DynamoAuditLog(table),
        fleet=fleet.DynamoFleet(table),
        freezes=freezes.DynamoFreezes(table),
        queue=queue.DynamoQueue(table),
        requests=requests.DynamoRequests(table),
        cursors=cursors.DynamoCursors(table),
        configurations=configurations.DynamoConfigRevisions(StoredParameters(), table),
        catalogue=catalogue.DynamoCatalogue(table),
        members=DynamoMembers(table),
    )


def declared(call: str) -> Effect:
    """Return what WRITES says of a gateway's method."""
    gateway, _, method = call.partition(".")
    if gateway == "DynamoMembers":
        return WRITES["dispatcher"].get(MEMBERS.get(call, ""), (set(), set()))
    return WRITES[PORTS[gateway]].get(method, (set(), set()))


@pytest.mark.parametrize("call", WRITTEN)
def test_a_gateway_writes_to_the_partitions_that_are_declared(call: str) -> None:
    ledger = RecordingLedger()
    run = CALLS[call](gateways_over(ledger))
    ledger.puts, ledger.deletes = set(), set()
    run()
    puts, deletes = declared(call)
    assert (ledger.puts, ledger.deletes) == (puts, deletes)


def granted(role: dict[str, Any], action: str) -> set[str]:
    """Return the partitions in which a role may do this; {"*"} where nothing limits it."""
    found: set[str] = set()
    for each in statements(role):
        if action in listed(each["Action"]):
            keys = each.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", "*")
            found |= {key.removesuffix("*") or "*" for key in listed(keys)}
    return found


@pytest.mark.parametrize(
    ("phase", "source"),
    [
        ("request", "OPERATOR"),
        ("act", "CONSOLE"),
        ("record_snapshot", "DELIVERY"),
        ("converge", "CONVERGENCE"),
        ("repair", "CONVERGENCE"),
    ],
)
def test_each_part_records_requests_in_a_partition_of_its_own(
    control_plane: dict[str, Any], emulated: dict[str, Any], phase: str, source: str
) -> None:
    for template in (control_plane, emulated):
        found = granted(role_of(template, phase), "dynamodb:PutItem")
        assert {each for each in found if each.startswith(Partition.REQUEST)} == {f"{Partition.REQUEST}{source}#"}


@pytest.mark.parametrize("phase", PHASES)
def test_a_function_changes_the_partitions_that_its_code_reaches(control_plane: dict[str, Any], phase: str) -> None:
    puts, deletes = changed_by(phase)
    role = role_of(control_plane, phase)
    assert {partition(each) for each in granted(role, "dynamodb:PutItem")} == puts
    assert granted(role, "dynamodb:DeleteItem") == deletes


def test_no_function_writes_a_report_or_a_scheduled_run_as_hosts_do(control_plane: dict[str, Any]) -> None:
    for phase in PHASES:
        role = role_of(control_plane, phase)
        assert not granted(role, "dynamodb:PutItem") & {Partition.REPORTS, Partition.SCHEDULES, "*"}
        assert Partition.AUDIT_LOG not in granted(role, "dynamodb:DeleteItem")
