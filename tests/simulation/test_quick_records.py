"""The simulation's quick `__init__` of a record has the parameters and the effect of the usual one."""

import inspect
from dataclasses import FrozenInstanceError, dataclass, field, fields
from typing import Any

import pytest

from tests.simulation.quick_records import RECORDS, quick_init


@dataclass(frozen=True, slots=True)
class Usual:
    """A record with every kind of default."""

    name: str
    number: int = 3
    made: list[int] = field(default_factory=list)


class TestQuickInit:
    """A subclass cannot have the layout of its parent, so the class itself gets the other `__init__`."""

    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.usual = Usual("a", 5, [1])
        monkeypatch.setattr(Usual, "__init__", quick_init(Usual))

    def test_values_and_defaults_are_the_same(self) -> None:
        assert Usual("a", made=[1], number=5) == self.usual
        first, second = Usual("a"), Usual("a")
        assert (first.number, first.made) == (3, [])
        assert first.made is not second.made

    def test_record_is_of_its_class_and_frozen(self) -> None:
        made: Any = Usual("a")
        assert type(made) is Usual
        with pytest.raises(FrozenInstanceError):
            setattr(made, "name", "b")  # noqa: B010 (mypy knows that it is read-only)

    def test_missing_value_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"Usual\.__init__\(\) missing 1 required positional argument: 'name'"):
            Usual()  # type: ignore[call-arg]


@pytest.mark.parametrize("record", RECORDS)
def test_quick_init_has_the_parameters_of_the_record(record: type) -> None:
    quick = list(inspect.signature(quick_init(record)).parameters.values())[1:]
    assert [each.name for each in quick] == [each.name for each in fields(record)]
