"""Records of a configuration's revisions, as `lifecycle config` asks the function for them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.application.fleet.record_config import record_config
from lifecycle.domain.errors import InvalidEvent, Refused
from lifecycle.domain.service.configuration import ConfigRevision
from lifecycle.entrypoints.events import RecordConfig
from lifecycle.entrypoints.handler import parse
from tests.fakes.context import MemoryContext
from tests.support.rollout import CLUSTER

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIRST = ConfigRevision(str(CLUSTER), 1, ("A", "B"), ("A", "C"), "ada", "new password", NOW)
EVENT = {
    "service": "hello", "environment": "production", "revision": 1, "names": ["A"], "changed": ["A"], "by": "ada",
}  # fmt: skip


@pytest.fixture
def memory() -> MemoryContext:
    return MemoryContext({CLUSTER: "/is_alive"})


def test_audit_entry_has_the_names_that_were_set_and_removed(memory: MemoryContext) -> None:
    assert record_config(memory.context, FIRST).recorded
    [entry] = memory.audit_log.entries
    assert (entry.what, entry.who, entry.why) == (
        "configuration revision 1: set A; remove C", "ada", "new password",
    )  # fmt: skip
    assert memory.configurations.recorded(CLUSTER) == [FIRST]


def test_number_that_another_person_has_recorded_is_refused(memory: MemoryContext) -> None:
    assert record_config(memory.context, FIRST).recorded
    assert not record_config(memory.context, replace(FIRST, by="grace")).recorded
    assert not record_config(memory.context, replace(FIRST, changed=("A",))).recorded
    assert memory.configurations.recorded(CLUSTER) == [FIRST]
    assert [entry.who for entry in memory.audit_log.entries] == ["ada"]


def test_same_change_of_the_same_person_is_a_repeat(memory: MemoryContext) -> None:
    assert record_config(memory.context, FIRST).recorded
    assert record_config(memory.context, replace(FIRST, at=NOW + timedelta(seconds=3))).recorded


def test_number_is_recorded_again_when_it_is_to_be_replaced(memory: MemoryContext) -> None:
    second = replace(FIRST, by="grace")
    assert record_config(memory.context, FIRST).recorded
    assert record_config(memory.context, second, replace=True).recorded
    assert memory.configurations.recorded(CLUSTER) == [second]
    assert [entry.who for entry in memory.audit_log.entries] == ["ada", "grace"]


@pytest.mark.parametrize("number", [2, 10**9])
@pytest.mark.parametrize("again", [False, True])
def test_number_that_parameter_store_does_not_give_next_is_refused(
    memory: MemoryContext,
    number: int,
    again: bool,  # noqa: FBT001
) -> None:
    with pytest.raises(Refused, match="expected at most 1, which Parameter Store gives next"):
        record_config(memory.context, replace(FIRST, revision=number), replace=again)
    assert not memory.configurations.recorded(CLUSTER)
    memory.config_store.write(CLUSTER, {"A": "x"}, 0)
    assert record_config(memory.context, replace(FIRST, revision=2), replace=again).recorded


@pytest.mark.parametrize(
    "wrong",
    [
        {"revision": 10**9 + 1},
        {"names": ["A=secret"]}, {"changed": ["two words"]}, {"names": ["PORT"]}, {"revision": 0}, {"by": " "},
        {"values": {"A": "secret"}}, {"names": ["A"] * 1201},
    ],
)  # fmt: skip
def test_event_takes_names_only(wrong: dict[str, object]) -> None:
    assert parse(RecordConfig, dict(EVENT)).names == ("A",)
    with pytest.raises(InvalidEvent):
        parse(RecordConfig, {**EVENT, **wrong})
