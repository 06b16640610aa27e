"""Agents and control planes that are one version apart read each other's records."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from apps.agent.aws import DynamoReports, DynamoTurns
from lifecycle.domain.errors import UnreadableRecord
from lifecycle.domain.fleet.host import Feature, HostReport, ServiceEnd
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.rollout.lease import Lease
from lifecycle.gateways.aws.fleet import DynamoFleet
from lifecycle.gateways.aws.table import Table, item, reports_key, turns_key
from lifecycle.gateways.serialization import NEWEST_READABLE, RECORD_VERSION, to_json
from tests.support.account import HELLO, Account
from tests.support.records import read

HOST = "host-2"


def newer(account: Account, pk: str, version: int = RECORD_VERSION + 1, **more: Any) -> None:
    """Write the host's item as a newer version would, with one field more."""
    found = account.ledger.items[pk][HOST]
    body = {**json.loads(found["body"]["S"]), "added_later": [1], **more}
    account.ledger.store({**found, "body": {"S": json.dumps(body)}, "v": {"N": str(version)}})


def turn(account: Account) -> Turn | None:
    return DynamoTurns(account.ledger, "ledger", HELLO, HOST).current()


def test_control_plane_reads_the_report_of_a_newer_agent() -> None:
    account = Account.of()
    before = account.context.fleet.report(HELLO, HOST)
    newer(account, reports_key(HELLO))
    assert account.context.fleet.report(HELLO, HOST) == before


def test_agent_acts_on_the_command_of_a_newer_control_plane() -> None:
    account = Account.of()
    before = turn(account)
    newer(account, turns_key(HELLO))
    assert turn(account) == before
    assert before is not None
    assert before.order is Order.INSTALL


def test_agent_refuses_a_command_that_it_does_not_know() -> None:
    account = Account.of()
    newer(account, turns_key(HELLO), order="REBOOT")
    with pytest.raises(UnreadableRecord, match="REBOOT"):
        turn(account)


def test_agent_refuses_a_command_of_a_version_beyond_the_next() -> None:
    account = Account.of()
    newer(account, turns_key(HELLO), NEWEST_READABLE + 1)
    with pytest.raises(UnreadableRecord, match=r"a newer Lifecycle wrote\. Update what reads it"):
        turn(account)


@pytest.mark.parametrize(("kind", "pk"), [(HostReport, reports_key(HELLO)), (Turn, turns_key(HELLO))])
def test_reader_of_version_1_knows_every_key_that_is_written(kind: type, pk: str) -> None:
    """Version 1 refuses an unknown key of the record, and ignores the attributes beside it."""
    account = Account.of()
    report = account.context.fleet.report(HELLO, HOST)
    assert report is not None
    DynamoReports(account.ledger, "ledger", HELLO, HOST).write(report)
    written = account.ledger.items[pk][HOST]
    assert written["v"] == {"N": str(RECORD_VERSION)}
    assert set(json.loads(written["body"]["S"])) == {each.name for each in fields(kind)} & KEYS_OF_VERSION_1[kind]


# What an agent and a control plane of version 1 read and write. A new field of these records needs a new version.
KEYS_OF_VERSION_1: dict[type, set[str]] = {
    HostReport: {
        *("host", "address", "port", "zone", "seen_at", "agent_started_at", "epoch", "attempt", "order"),
        *("deployment", "stage", "failed_stage", "detail", "log_tail", "installed", "digest", "boot", "running"),
        *("self_test", "releases"),
    },
    Turn: {"host", "order", "deployment", "epoch", "attempt", "version", "digest", "issued_at", "expires_at"},
}


def test_end_of_a_service_is_read_from_beside_its_report() -> None:
    account = Account.of()
    report = account.context.fleet.report(HELLO, HOST)
    assert report is not None
    end = ServiceEnd(report.seen_at, "exit code 3", "boot-1", log_tail="no such table")
    reports = DynamoReports(account.ledger, "ledger", HELLO, HOST)
    reports.write(replace(report, ended=end))
    found = account.context.fleet.report(HELLO, HOST)
    assert found == replace(report, ended=end)
    assert "ended" not in json.loads(account.ledger.items[reports_key(HELLO)][HOST]["body"]["S"])
    reports.write(report)
    assert account.context.fleet.report(HELLO, HOST) == report


def test_place_of_the_next_start_is_read_from_beside_its_report() -> None:
    account = Account.of()
    before = account.context.fleet.report(HELLO, HOST)
    assert before is not None
    moved = replace(before, moves_to="10.0.1.7:9090")
    DynamoReports(account.ledger, "ledger", HELLO, HOST).write(moved)
    assert account.context.fleet.report(HELLO, HOST) == moved
    assert "moves_to" not in json.loads(account.ledger.items[reports_key(HELLO)][HOST]["body"]["S"])


def test_command_is_replaced_though_the_stored_one_lost_everything() -> None:
    account = Account.of()
    before = turn(account)
    assert before is not None
    account.ledger.store({"pk": {"S": turns_key(HELLO)}, "sk": {"S": HOST}})
    DynamoFleet(Table(account.ledger, "ledger")).give_turns(HELLO, [before])
    assert turn(account) == before


# As version 0.1 stored them, which knew no release command.
OLDER_PLACES = {Order.IDLE: "0", Order.PREFETCH: "1", Order.INSTALL: "2", Order.RESTORE: "3"}


@pytest.mark.parametrize("new", Order)
@pytest.mark.parametrize("held", OLDER_PLACES)
def test_order_compares_with_one_that_an_older_control_plane_stored(held: Order, new: Order) -> None:
    account = Account.of()
    before = turn(account)
    assert before is not None
    before = replace(before, order=held)
    written = item(turns_key(HELLO), HOST, before)
    assert written["place"] == {"N": OLDER_PLACES[held]}
    account.ledger.store(written)
    refused = DynamoFleet(Table(account.ledger, "ledger")).give_turns(HELLO, [replace(before, order=new)])
    in_memory = replace(before, order=new).progress_rank >= before.progress_rank
    assert bool(refused) is not in_memory


@pytest.mark.parametrize("new", Order)
def test_release_is_replaced_by_later_orders_only(new: Order) -> None:
    account = Account.of()
    before = turn(account)
    assert before is not None
    account.ledger.store(item(turns_key(HELLO), HOST, replace(before, order=Order.RELEASE)))
    refused = DynamoFleet(Table(account.ledger, "ledger")).give_turns(HELLO, [replace(before, order=new)])
    assert bool(refused) is (new is Order.PREFETCH)


def test_what_a_report_says_of_release_commands_is_beside_its_body() -> None:
    account = Account.of()
    before = account.context.fleet.report(HELLO, HOST)
    assert before is not None
    assert not before.runs_releases  # an older agent says nothing
    newest = replace(before, features=tuple(Feature), release_ended=True)
    DynamoReports(account.ledger, "ledger", HELLO, HOST).write(newest)
    body = json.loads(account.ledger.items[reports_key(HELLO)][HOST]["body"]["S"])
    assert set(body) <= KEYS_OF_VERSION_1[HostReport]
    assert account.context.fleet.report(HELLO, HOST) == newest
    assert DynamoReports(account.ledger, "ledger", HELLO, HOST).latest() == newest


@pytest.mark.parametrize("version", [0, -1, True, "2", 1.5, None])
def test_record_version_is_a_positive_number(version: Any) -> None:
    document = json.dumps({**json.loads(to_json(Lease())), "v": version})
    if version is None:
        assert read(Lease, document) == Lease()
        return
    with pytest.raises(UnreadableRecord, match="record version"):
        read(Lease, document)
