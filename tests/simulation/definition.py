"""The states of the definitions in statemachines/ with their JSONata compiled; machine.py executes them.

It knows Task, Choice, Pass, Fail, Wait and the inline Map, with Retry, Catch, Assign, Output and
TimeoutSeconds. Anything else raises ValueError, so that a definition that needs more is noticed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.simulation.jsonata import Expression, compiled
from tests.simulation.planted import planted_text

FOLDER = Path(__file__).resolve().parents[2] / "statemachines"
# Placeholders that are no functions and no machines.
_SETTINGS = {"${build_poll_seconds}": "15"}
_WORD = re.compile(r"'([A-Z_]+)'")
# Step Functions' own errors that States.ALL does not match.
_TERMINAL = frozenset({"States.DataLimitExceeded", "States.Runtime"})


@dataclass(frozen=True, slots=True)
class Catch:
    """The next state after an error."""

    errors: frozenset[str]
    output: Expression | None
    assign: Expression | None
    next: str


@dataclass(frozen=True, slots=True)
class State:
    """One state with its compiled expressions.

    `seconds` is its time-out, 0 for none; `words` are the kinds and outcomes that a Choice compares.
    """

    name: str
    kind: str
    resource: str = ""
    function: str = ""
    payload: Expression | None = None
    arguments: Mapping[str, Expression] = field(default_factory=dict)
    seconds: float = 0.0
    wait_seconds: Expression | None = None
    retry: tuple[dict[str, Any], ...] = ()
    catch: tuple[Catch, ...] = ()
    assign: Expression | None = None
    output: Expression | None = None
    choices: tuple[tuple[Expression, str], ...] = ()
    items: Expression | None = None
    inner: "Definition | None" = None
    next: str = ""
    error: Expression | None = None
    cause: Expression | None = None
    words: tuple[str, ...] = ()

    @property
    def waits_for_token(self) -> bool:
        return self.resource.endswith(".waitForTaskToken")


@dataclass(frozen=True, slots=True)
class Definition:
    """The states of a state machine, or of a Map's item; `seconds` is the time-out of an execution, 0 for none."""

    start: str
    states: Mapping[str, State]
    seconds: float = 0.0


@cache
def rollout() -> Definition:
    """Return the rollout's definition."""
    return read("rollout")


@cache
def delivery() -> Definition:
    """Return the delivery's definition."""
    return read("delivery")


def read(name: str) -> Definition:
    """Return the definition that is in the repository, with the planted fault that it has, if there is one."""
    return _definition(json.loads(text_of(name)))


def text_of(name: str) -> str:
    """Return the text of that definition; its other placeholders are the names of functions and machines."""
    text = planted_text(f"statemachines/{name}.asl.json", (FOLDER / f"{name}.asl.json").read_text())
    for placeholder, value in _SETTINGS.items():
        text = text.replace(placeholder, value)
    return text


def _definition(found: Mapping[str, Any]) -> Definition:
    states = {n: _state(n, s) for n, s in found["States"].items()}
    return Definition(found["StartAt"], states, found.get("TimeoutSeconds", 0.0))


def _state(name: str, raw: Mapping[str, Any]) -> State:
    kind, arguments = raw["Type"], raw.get("Arguments", {})
    if kind not in ("Task", "Choice", "Pass", "Fail", "Map", "Wait"):
        raise ValueError(f"expected a state that tests/simulation/machine.py knows, found {kind} in {name}")
    return State(
        name=name,
        kind=kind,
        resource=raw.get("Resource", "").rpartition(":::")[2],
        function=arguments.get("FunctionName", "")[2:-1],
        payload=compiled(arguments["Payload"]) if "Payload" in arguments else None,
        arguments={n: compiled(v) for n, v in arguments.items()},
        seconds=raw.get("TimeoutSeconds", 0.0),
        wait_seconds=compiled(raw["Seconds"]) if "Seconds" in raw else None,
        retry=tuple(raw.get("Retry", ())),
        catch=tuple(
            Catch(
                frozenset(c["ErrorEquals"]),
                compiled(c["Output"]) if "Output" in c else None,
                compiled(c["Assign"]) if "Assign" in c else None,
                c["Next"],
            )
            for c in raw.get("Catch", ())
        ),
        assign=compiled(raw["Assign"]) if "Assign" in raw else None,
        output=compiled(raw["Output"]) if "Output" in raw else None,
        choices=_choices(raw),
        words=tuple(word for each in raw.get("Choices", ()) for word in _WORD.findall(each["Condition"])),
        items=compiled(raw["Items"]) if "Items" in raw else None,
        inner=_definition(raw["ItemProcessor"]) if "ItemProcessor" in raw else None,
        next="" if raw.get("End") else raw.get("Next", ""),
        error=compiled(raw["Error"]) if "Error" in raw else None,
        cause=compiled(raw["Cause"]) if "Cause" in raw else None,
    )


def _choices(raw: Mapping[str, Any]) -> tuple[tuple[Expression, str], ...]:
    found = [(compiled(choice["Condition"]), choice["Next"]) for choice in raw.get("Choices", ())]
    return (*found, (lambda _: True, raw["Default"])) if "Default" in raw else tuple(found)


def matches(errors: frozenset[str] | list[str], error: str) -> bool:
    return error in errors or ("States.ALL" in errors and error not in _TERMINAL)
