"""The switches that make this service fail on purpose. They are read once, at the start."""

import tomllib
from typing import NamedTuple


class Switches(NamedTuple):
    """The switches; switches.toml explains them."""

    starts: bool = True
    self_test_fails: bool = False
    error_rate: float = 0.0


def read_switches(file):
    """Read the switches; raise ValueError for an invalid file."""
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    if unknown := set(found) - set(Switches._fields):
        known = ", ".join(Switches._fields)
        raise ValueError(f"{file}: unknown switch {', '.join(sorted(unknown))}; expected one of {known}")
    switches = Switches(**found)
    for name in ("starts", "self_test_fails"):
        if not isinstance(getattr(switches, name), bool):
            raise ValueError(f"{file}: {name}: expected true or false")  # noqa: TRY004 - the file is invalid
    if type(switches.error_rate) not in (int, float) or not 0 <= switches.error_rate <= 1:
        raise ValueError(f"{file}: error_rate: expected a number from 0 to 1")
    return switches
