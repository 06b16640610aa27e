"""Times that people, builds and events give are bounded where they enter, before any audit entry."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from apps.cli.freeze_scope import parse_end
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.freeze import freeze
from lifecycle.domain.errors import InvalidName, InvalidValue, StoreRefused
from lifecycle.domain.record_time import parse_time, storable
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.service.version import SnapshotVersion
from lifecycle.entrypoints.delivery_events import StartBuild
from lifecycle.entrypoints.events import Converge, SetFreeze
from lifecycle.gateways.aws.freezes import DynamoFreezes
from lifecycle.gateways.aws.table import Table
from lifecycle.gateways.serialization import to_json
from tests.support.aws_in_memory import StoredLedger
from tests.support.records import read
from tests.support.rollout import Machine

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
# No record can hold these: their year, in their own zone or in UTC, cannot be moved by a day.
UNSTORABLE = (
    "9999-12-31T23:00:00-12:00",
    "9999-12-31T00:00:00+00:00",
    "9998-12-31T23:00:00-12:00",
    "0001-01-01T00:00:00+12:00",
    "0002-01-01T00:00:00+12:00",
)


@pytest.mark.parametrize("text", UNSTORABLE)
def test_freeze_until_a_time_that_no_record_can_hold_is_refused_before_its_audit_entry(text: str) -> None:
    machine = Machine()
    context = replace(machine.context, freezes=DynamoFreezes(Table(StoredLedger(), "ledger")))
    with pytest.raises(InvalidValue, match="of a year from 2 to 9998"):
        freeze(context, "*", RequestedBy("ada", "for ever"), datetime.fromisoformat(text))
    assert machine.memory.audit_log.entries == []
    assert context.freezes.all() == []


def test_freeze_until_the_last_time_that_records_hold_is_read_again() -> None:
    machine = Machine()
    context = replace(machine.context, freezes=DynamoFreezes(Table(StoredLedger(), "ledger")))
    last = datetime(9998, 12, 31, 23, 59, tzinfo=UTC)
    freeze(context, "*", RequestedBy("ada", "for ever"), last.astimezone(timezone(timedelta(hours=-12))))
    assert [each.until for each in context.freezes.all()] == [last]


BUILD = {
    "repository": "https://example.test/hello.git",
    "name": "hello",
    "commit": "a" * 40,
    "branch": "main",
    "execution": "hello",
    "started": "2026-11-23T12:00:00+00:00",
}
ENTRIES: dict[str, Callable[[str], Any]] = {
    "the end of a freeze": lambda text: SetFreeze(by="ada", why="x", scope="*", until=text),
    "a freeze to lift": lambda text: SetFreeze(by="ada", why="x", scope="*", made=text),
    "when a head was read": lambda text: StartBuild(**BUILD, head_read=text),
    "when a push began": lambda text: StartBuild(**BUILD, pushed=text),
    "when a run began": lambda text: StartBuild(**{**BUILD, "started": text}),
}


@pytest.mark.parametrize("text", [*UNSTORABLE, "2026-11-23T12:00:00", "nonsense"])
@pytest.mark.parametrize("given", ENTRIES)
def test_event_with_such_a_time_is_refused(given: str, text: str) -> None:
    with pytest.raises(ValidationError, match=r"is not a time|timezone|valid datetime|YYYY-MM-DD"):
        ENTRIES[given](text)


@pytest.mark.parametrize("text", ["9999-12-31 23:00 -12:00", "9999-12-31 00:00", "0001-01-01 00:00 +12:00"])
def test_command_line_says_what_it_expects_of_such_a_time(text: str) -> None:
    with pytest.raises(InvalidValue, match="a date and a time in UTC"):
        parse_end(text, "", NOON)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 1e300, -1.0])
def test_execution_lasts_no_longer_than_step_functions_allows(seconds: float) -> None:
    with pytest.raises(ValidationError, match="lasted_seconds"):
        Converge(service="hello", environment="production", execution="x", lasted_seconds=seconds)


@pytest.mark.parametrize("built", ["00010101000000", "99991231235959", "20261399000000"])
def test_version_built_at_such_a_time_has_no_time(built: str) -> None:
    with pytest.raises(InvalidName):
        _ = SnapshotVersion.parse(f"1.0.0-{built}-aaaaaaa").built_at


@pytest.mark.parametrize("text", UNSTORABLE)
def test_record_with_such_a_time_is_neither_written_nor_read(text: str) -> None:
    frozen = Freeze("*", "ada", "x", NOON, datetime.fromisoformat(text))
    with pytest.raises(InvalidValue):
        to_json(frozen)
    with pytest.raises(StoreRefused):
        read(Freeze, to_json(replace(frozen, until=NOON)).replace(NOON.isoformat(), text))


def test_time_is_returned_in_utc() -> None:
    assert parse_time("2026-11-23T13:00:00+01:00") == NOON == storable(NOON)
    assert parse_time("2026-11-23T13:00:00+01:00").tzinfo is UTC
    for text in ("", "2026-11-23T12:00:00", "x" * 1000):
        with pytest.raises(InvalidValue):
            parse_time(text)
