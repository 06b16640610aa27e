"""The definitions with their placeholders filled in, and the numbers of their history events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.local.paths import ACCOUNT, REGION

FOLDER = Path(__file__).resolve().parents[3] / "statemachines"
# History events of a task: entered, scheduled, started, succeeded, exited. A token adds "submitted".
EVENTS = {"Task": 5, "Token": 6, "Wait": 2, "Choice": 2, "Pass": 2, "Map": 4, "Iteration": 2, "Fail": 1}


@dataclass(frozen=True)
class Placeholders:
    """The phases that a machine calls, and its other values, as in infra/stacks/control_plane.py."""

    calls: tuple[str, ...]
    values: dict[str, str]


MACHINES = {
    "rollout": Placeholders(
        (
            *("plan", "next_step", "drain", "install", "self_test", "register", "await_alive"),
            *("release_command", "diagnose", "analyse", "end_bake", "await_human", "roll_back", "finish"),
        ),
        {},
    ),
    "delivery": Placeholders(
        ("start_build", "check_build", "start_services", "record_snapshot"), {"build_poll_seconds": "1"}
    ),
}


def resolved(name: str) -> dict[str, Any]:
    """Return the definition with its placeholders filled in by text, as CloudFormation does it."""
    text = (FOLDER / f"{name}.asl.json").read_text()
    machine = MACHINES[name]
    values = {
        **machine.values,
        "rollout": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:lifecycle-rollout",
        **{
            phase: f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lifecycle-{phase.replace('_', '-')}"
            for phase in machine.calls
        },
    }
    for placeholder, value in values.items():
        text = text.replace(f"${{{placeholder}}}", value)
    found: dict[str, Any] = json.loads(text)
    return found


def states(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every state by name, those inside a Map too."""
    for name, state in definition["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def events(state: dict[str, Any]) -> int:
    """Return the number of history events of one visit of a state that is not a Map."""
    token = state.get("Resource", "").endswith(".waitForTaskToken")
    return EVENTS["Token" if token else state["Type"]]


def chain(definition: dict[str, Any], start: str) -> list[dict[str, Any]]:
    """Return the states from `start` along Next, to an End or to a Choice."""
    found = [definition["States"][start]]
    while following := found[-1].get("Next"):
        found.append(definition["States"][following])
    return found


def per_host(definition: dict[str, Any]) -> tuple[int, int]:
    """Return the events and transitions of one more host: NextStep, its Choice, the Map, and its chain."""
    around = [definition["States"][name] for name in ("NextStep", "Step")]
    processor = definition["States"]["UpdateHosts"]["ItemProcessor"]
    stages = chain(processor, processor["StartAt"])
    total = sum(map(events, around + stages)) + EVENTS["Map"] + EVENTS["Iteration"]
    return total, len(around) + 1 + len(stages)


def per_analysis(definition: dict[str, Any]) -> int:
    """Return the number of events that an interim analysis of a test bed adds."""
    return sum(map(events, [definition["States"][name] for name in ("Bake", "Analyse", "NextStep", "Step")]))


def per_failure(definition: dict[str, Any]) -> int:
    """Return the number of events of a failed host: its diagnosis, its decision, and the steps there."""
    steps = [definition["States"][name] for name in ("NextStep", "Step")]
    return sum(map(events, [*steps, definition["States"]["Diagnose"], *steps, definition["States"]["AwaitHuman"]]))
