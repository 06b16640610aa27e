"""The states of the rollout that every host and every deployment pass, read from its definition."""

import json
import re
from dataclasses import dataclass
from typing import Any

from apps.local.paths import REPOSITORY

_FILE = REPOSITORY / "statemachines" / "rollout.asl.json"
_CALLED = re.compile(r"\$\{(\w+)\}")
# The states of a deployment without a host: its plan, the step that finds nothing left to do, and its end.
ONCE = ("Plan", "Planned", "NextStep", "Step", "Finish", "Finished", "Done")


@dataclass(frozen=True, slots=True)
class Rollout:
    """The phase of each state that calls one, and the states that one more host adds."""

    phases: dict[str, str]
    host: tuple[str, ...]
    stages: tuple[str, ...]

    @property
    def host_phases(self) -> tuple[str, ...]:
        """The phases called for one more host, in their order."""
        return tuple(self.phases[state] for state in self.host if state in self.phases)

    @property
    def once_phases(self) -> tuple[str, ...]:
        """The phases called once for a deployment."""
        return tuple(self.phases[state] for state in ONCE if state in self.phases)


def rollout() -> Rollout:
    """Read the definition of the checkout."""
    return read(json.loads(_FILE.read_text()))


def read(definition: dict[str, Any]) -> Rollout:
    """Find the phases and the path of a host: NextStep, its Choice, the Map, and each stage in the Map."""
    states, processor = definition["States"], definition["States"]["UpdateHosts"]["ItemProcessor"]
    stages = [processor["StartAt"]]
    while following := processor["States"][stages[-1]].get("Next"):
        stages.append(following)
    found = {**states, **processor["States"]}
    phases = {name: called[1] for name, state in found.items() if (called := _CALLED.fullmatch(_function(state)))}
    return Rollout(phases, ("NextStep", "Step", "UpdateHosts", *stages), tuple(stages))


def _function(state: dict[str, Any]) -> str:
    arguments = state.get("Arguments")
    return str(arguments.get("FunctionName", "")) if isinstance(arguments, dict) else ""
