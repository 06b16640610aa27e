"""What the commands need beyond the rollout's own ports: executions to look at, and functions to call.

Implemented by aws.py, and by twins in the tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from lifecycle.application.context import Context
from lifecycle.application.ports.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a state machine; `status` is RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""

    name: str
    status: str
    started_at: datetime
    stopped_at: datetime | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    cause: str = ""

    @property
    def running(self) -> bool:
        return self.status == "RUNNING"


class Runs(Protocol):
    """Executions of the two state machines."""

    def rollout(self, name: str) -> Run | None: ...

    def delivery(self, name: str) -> Run | None: ...

    def deliveries(self, *, running: bool) -> Sequence[Run]:
        """The newest first, without input and output; all of the last ones, or only those that run."""
        ...

    def doing(self, name: str) -> str:
        """What a delivery does now, in a few words."""
        ...


class Functions(Protocol):
    """The phases that a person may call."""

    def call(self, phase: str, payload: Mapping[str, Any]) -> Any:
        """The phase's answer; raises FunctionRefused with the phase's own words."""
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """A target, and everything that a command may read or start there.

    `target` is told on the first line of every output, `by` is who asks, `flags` what a suggested command needs
    to reach the same target, `poll_seconds` how often `watch` looks.
    """

    target: str
    by: str
    context: Context
    catalogue: Catalogue
    runs: Runs
    functions: Functions
    poll_seconds: float
    flags: str = ""

    def command(self, text: str) -> str:
        """A command that can be typed next, such as `lifecycle status hello`."""
        return f"lifecycle {text}{self.flags}"
