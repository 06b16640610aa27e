"""An epoch that no deployment was given, in each place that has one: it is named, and stops no later deployment.

A person may edit any record. The records are damaged where AWS stores them, and read by the real gateways.
"""

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_type_hints

import pytest

from lifecycle.application.readable import readable
from lifecycle.application.rollout.plan import Planned, begin, preview
from lifecycle.domain.errors import Refused, UnreadableRecord
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.epoch import CREDIBLE, LARGEST_EPOCH, Epoch
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.rollout.deployment import Request
from lifecycle.domain.rollout.desired_writes import DesiredWrites
from lifecycle.domain.rollout.epochs import Epochs
from lifecycle.domain.rollout.lease import Lease
from lifecycle.gateways.aws.table import cluster_key, reports_key, turns_key
from lifecycle.gateways.record_kinds import KINDS
from tests.support.account import OTHER, OTHERS, Account
from tests.support.records import read_plain
from tests.unit.records.test_unreadable_records import run

DESIRED = "/lifecycle/production/other/desired"
OF_OTHER = Request("other-production-20261123115900-ab15", "other", "production", "1.0.1", "grace")
HOSTS = ("host-1", "host-2", "host-3")
WRONG: dict[str, Any] = {
    "too many digits for DynamoDB": 10**40,
    "too large for a number of JSON": 10**30,
    "larger than any cluster's": LARGEST_EPOCH + 1,
    "negative": -1,
    "a text": "seven",
    "a fraction": 7.5,
    "nothing": None,
}
Damage = Callable[[Account, Any], str]


def account_with_commands() -> Account:
    """Return an account whose cluster production/other has a command for each host."""
    account, now = Account.of(), Account.of().clock.now()
    turns = [Turn(host, Order.IDLE, OTHERS, 1, 0, "", "", now, now) for host in HOSTS]
    assert not account.context.fleet.give_turns(OTHER, turns)
    return account


def edited(account: Account, pk: str, sk: str, **values: Any) -> str:
    """Change keys of a record, with the attributes beside it that repeat them; return its place."""
    found = account.ledger.items[pk][sk]
    account.ledger.store({**found, "body": {"S": json.dumps({**json.loads(found["body"]["S"]), **values})}})
    return f"{pk} {sk}"


def beside(account: Account, pk: str, sk: str, epoch: Any, name: str = "epoch") -> str:
    """Change the attribute of a record that has its epoch; DynamoDB has no number of more than 38 digits."""
    found = account.ledger.items[pk][sk]
    number = isinstance(epoch, int | float) and abs(epoch) < 10**38
    account.ledger.store({**found, name: {"N": str(epoch)} if number else {"S": str(epoch)}})
    return f"{pk} {sk}"


def in_deployment(account: Account, epoch: Any) -> str:
    pk, sk = cluster_key(OTHER), f"DEPLOYMENT#{OTHERS}"
    beside(account, pk, sk, epoch, "at_epoch")
    return edited(account, pk, sk, epoch=epoch)


def in_desired(account: Account, epoch: Any) -> str:
    value = json.loads(account.parameters.values[DESIRED])
    account.parameters.values[DESIRED] = json.dumps({**value, "epoch": epoch})
    return DESIRED


def in_writes(account: Account, confirmed: Any) -> str:
    return edited(
        account, cluster_key(OTHER), f"DEPLOYMENT#{OTHERS}", writes={"intended": [], "confirmed": confirmed}
    )


def in_command(account: Account, epoch: Any) -> str:
    edited(account, turns_key(OTHER), "host-2", epoch=epoch)
    return beside(account, turns_key(OTHER), "host-2", epoch)


PLACES: dict[str, Damage] = {
    "desired": in_desired,
    "report": lambda account, epoch: edited(account, reports_key(OTHER), "host-1", epoch=epoch),
    "command": in_command,
    "attribute of a command": lambda account, epoch: beside(account, turns_key(OTHER), "host-2", epoch),
    "deployment": in_deployment,
    "claim": lambda account, epoch: edited(account, cluster_key(OTHER), f"DEPLOYMENT#{OTHERS}", claimed=epoch),
    "write": in_writes,
}


def deploy(account: Account) -> Planned:
    return begin(account.context, OF_OTHER, OF_OTHER.deployment)


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("place", PLACES)
def test_wrong_epoch_is_named_and_stops_no_deployment(
    place: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = account_with_commands()
    key = PLACES[place](account, wrong)
    account.use(monkeypatch)
    assert any(key in each for each in (*preview(account.context, OF_OTHER).warnings, run(account, "status")))
    planned, epoch = deploy(account), 9 if "command" in place and wrong == 7.5 else 2
    assert (planned.kind, planned.epoch) == ("PLANNED", epoch), planned.reason
    assert account.context.leases.current(OTHER).epoch == epoch
    desired = account.registry.desired(OTHER)
    assert desired is not None
    assert (desired.epoch, desired.deployment) == (epoch, OF_OTHER.deployment)
    assert account.context.fleet.turn_epochs(OTHER) == dict.fromkeys(HOSTS, epoch), "the command is replaced"


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("damage", [edited, beside], ids=["body", "attribute"])
def test_lease_of_a_wrong_epoch_holds_until_it_is_deleted(damage: Any, wrong: Any) -> None:
    account = account_with_commands()
    key = damage(account, cluster_key(OTHER), "LEASE", epoch=wrong)
    planned = deploy(account)
    assert (planned.kind, key in planned.reason) == ("REFUSED", True)
    assert "aws dynamodb delete-item" in planned.reason
    account.ledger.forget({"pk": {"S": cluster_key(OTHER)}, "sk": {"S": "LEASE"}})
    again = replace(OF_OTHER, deployment=f"{OF_OTHER.deployment}b")
    assert begin(account.context, again, again.deployment).epoch == 2


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_epoch_of_one_command_hides_no_other(wrong: Any) -> None:
    account = account_with_commands()
    key = beside(account, turns_key(OTHER), "host-2", wrong)
    epochs, errors = readable(lambda: account.context.fleet.turn_epochs(OTHER), {})
    # A condition compares a fraction, so the next epoch has to exceed it.
    assert epochs == {"host-1": 1, "host-3": 1} | ({"host-2": 8} if wrong == 7.5 else {})
    assert [each.key for each in errors] == [key]
    assert "deploy again" in str(errors[0])


def test_unreadable_command_of_a_later_epoch_is_not_replaced_and_says_so() -> None:
    """Its epoch can be read, so a fenced deployment must not overwrite it, and other hosts get their commands."""
    account = account_with_commands()
    now = account.clock.now()
    newer = [Turn("host-2", Order.INSTALL, "newer", 9, 1, "1.0.1", "d", now, now)]
    assert not account.context.fleet.give_turns(OTHER, newer)
    key = edited(account, turns_key(OTHER), "host-2", order="DANCE")
    given = [Turn(host, Order.INSTALL, OTHERS, 3, 1, "1.0.1", "d", now, now) for host in HOSTS]
    (refused,) = account.context.fleet.give_turns(OTHER, given)
    assert (refused.turn.host, refused.is_repeat) == ("host-2", False)
    assert key in refused.reason
    assert account.context.fleet.turn_epochs(OTHER) == {"host-1": 3, "host-2": 9, "host-3": 3}
    assert deploy(account).epoch == 10, "and its epoch counts"


@pytest.mark.parametrize("place", ["command", "deployment", "claim"])
def test_last_epoch_is_named_by_the_plan(place: str) -> None:
    """The record can be read, and no epoch is above it: the plan refuses, and names what to correct."""
    account = account_with_commands()
    PLACES[place](account, LARGEST_EPOCH)
    planned = deploy(account)
    assert planned.kind == "REFUSED"
    assert str(LARGEST_EPOCH) in planned.reason
    assert "correct or delete that record" in planned.reason
    assert account.context.leases.current(OTHER) == Lease(1)


def test_lease_of_the_last_epoch_is_named_by_the_plan() -> None:
    account = account_with_commands()
    edited(account, cluster_key(OTHER), "LEASE", epoch=LARGEST_EPOCH)
    beside(account, cluster_key(OTHER), "LEASE", LARGEST_EPOCH)
    planned = deploy(account)
    assert (planned.kind, "the lease has epoch" in planned.reason) == ("REFUSED", True)


def test_leases_take_no_epoch_above_the_last() -> None:
    account = Account.of()
    with pytest.raises(Refused, match="is the last"):
        account.context.leases.acquire(OTHER, "other", account.clock.now(), LARGEST_EPOCH)
    held = account.context.leases.acquire(OTHER, "other", account.clock.now(), 0)
    with pytest.raises(Refused, match="is the last"):
        account.context.leases.hand_over(OTHER, held, "next", account.clock.now(), LARGEST_EPOCH)


def test_word_of_one_host_or_person_leaves_epochs_for_everybody() -> None:
    """A host writes its own report, and a person may edit the desired version."""
    account = account_with_commands()
    edited(account, reports_key(OTHER), "host-2", epoch=CREDIBLE + 1)
    in_desired(account, CREDIBLE + 1)
    assert deploy(account).epoch == 2
    report = account.context.fleet.report(OTHER, "host-2")
    now = account.clock.now()
    assert report is not None
    found = report.fences(Turn("host-2", Order.INSTALL, OTHERS, 2, 1, "1.0.1", "d", now, now))
    assert found is not None
    assert "state.json" in found
    assert "deploy again" not in found


def records_of(kind: Any, found: set[type]) -> set[type]:
    """Return the dataclasses in a record's type, itself included."""
    if is_dataclass(kind) and isinstance(kind, type) and kind not in found:
        found.add(kind)
        for hint in get_type_hints(kind).values():
            records_of(hint, found)
    for part in getattr(kind, "__args__", ()):
        records_of(part, found)
    return found


def test_every_epoch_of_a_record_is_bounded() -> None:
    """A new record with an epoch needs the type Epoch, which the one decoder bounds."""
    kinds: set[type] = set()
    for each in (*(kind.record for kind in KINDS), Desired):
        records_of(each, kinds)
    assert {DesiredWrites, HostReport, Lease} <= kinds
    for kind in kinds:
        hints = get_type_hints(kind, include_extras=True)
        for name in ("epoch", "claimed", "confirmed"):
            if name in {each.name for each in fields(kind)} and kind is not bool:
                assert hints[name] == Epoch, (kind, name)


@pytest.mark.parametrize("epoch", [0, 1, LARGEST_EPOCH])
def test_possible_epochs_are_read(epoch: int) -> None:
    assert read_plain(Desired, {"version": "1", "digest": "", "epoch": epoch, "deployment": "d"}).epoch == epoch


def test_impossible_epoch_says_what_is_possible() -> None:
    with pytest.raises(UnreadableRecord, match=f"an epoch from 0 to {LARGEST_EPOCH}"):
        read_plain(Desired, {"version": "1", "digest": "", "epoch": -1, "deployment": "d"})


def test_last_thousand_epochs_are_left_to_what_runs() -> None:
    assert Epochs().used_up(LARGEST_EPOCH - 1000) == ""
    assert "the lease has epoch" in Epochs().used_up(LARGEST_EPOCH - 999)
