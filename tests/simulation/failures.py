"""The failures of a task: what AWS, the emulator or a broken function can answer, for ever or a few times.

Used by step_functions.py and test_every_task_fails.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.definition import Definition, State

NEVER = object()
"""The answer of a call that does not return."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure: an `error`, an answer in place of the function's (`instead`), or none at all (NEVER).

    `after_effect`: the function works first, and only its answer is lost.
    """

    name: str
    error: str = ""
    instead: Any = None
    after_effect: bool = False


@dataclass(slots=True)
class Failing:
    """The tasks that fail, by the names of their states. `times` is how often each still does; None is for ever."""

    states: Mapping[str, Failure]
    times: int | None = None
    failed: dict[str, int] = field(default_factory=dict)

    def now(self, state: str) -> Failure | None:
        """Return the failure of this call, if it is one that fails."""
        found = self.states.get(state)
        if found is None or (self.times is not None and self.failed.get(state, 0) >= self.times):
            return None
        self.failed[state] = self.failed.get(state, 0) + 1
        return found


# AWS names the class of a Lambda's exception; the emulator says Runtime.HandlerError for each.
RAISES = Failure("raises", "AccessDeniedException")
ERRORS = (
    RAISES,
    Failure("raises, on the emulator", "Runtime.HandlerError"),
    Failure("cannot be imported", "Runtime.ImportModuleError"),
    Failure("is killed", "Lambda.Unknown"),
    Failure("outlasts the function's limit", "Sandbox.Timedout"),
    Failure("never answers", instead=NEVER),
    Failure("works and never answers", instead=NEVER, after_effect=True),
    Failure("works and loses its answer", "Lambda.Unknown", after_effect=True),
    Failure("is throttled", "Lambda.TooManyRequestsException"),
    Failure("meets an error of Lambda", "Lambda.ServiceException"),
)
START_ERRORS = (
    Failure("is not allowed", "StepFunctions.AccessDeniedException"),
    Failure("is throttled", "StepFunctions.ThrottlingException"),
    Failure("meets an error of Step Functions", "StepFunctions.SfnException"),
    Failure("never answers", instead=NEVER),
    Failure("works and loses its answer", "StepFunctions.SdkClientException", after_effect=True),
    Failure("starts nothing", instead={}),
)
ANSWERS: tuple[Any, ...] = (None, {}, [], "text", "", 7, True, [None], ["text"], [{"kind": "DONE"}], {"kind": None})


def failures_of(state: State, within: Definition) -> tuple[Failure, ...]:
    """Return every failure of a task; `within` is its definition, whose kinds are answers that it understands."""
    if state.resource == "states:startExecution":
        return START_ERRORS
    kinds = sorted(kinds_in(within))
    answers = [*ANSWERS, *({"kind": kind} for kind in ("NONSENSE", *kinds))]
    answers += [{"kind": kind, "hosts": [], "seconds": 0} for kind in kinds]
    answers += [{"outcome": "PASSED"}, {"kind": "UPDATE_HOSTS", "hosts": [{}], "round": 1}]
    return (*ERRORS, *(Failure(f"answers {answer!r}", instead=answer) for answer in answers))


def kinds_in(definition: Definition) -> frozenset[str]:
    """Return the kinds and outcomes that the Choice states compare."""
    return frozenset(word for state in states_in(definition) for word in state.words)


def tasks_in(definition: Definition) -> Iterator[State]:
    """Yield every task, those inside a Map too."""
    return (state for state in states_in(definition) if state.kind == "Task")


def states_in(definition: Definition) -> Iterator[State]:
    for state in definition.states.values():
        yield state
        if state.inner:
            yield from states_in(state.inner)
