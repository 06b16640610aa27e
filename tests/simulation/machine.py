"""Step Functions: a walker over the real statemachines/rollout.asl.json.

It knows Task (a Lambda, a task token, startExecution), Choice, Pass, Fail and the inline Map, with their Retry, Catch,
Assign, Output and TimeoutSeconds. A state's work is done by `Simulation.invoke`; the walker itself never waits.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lifecycle.domain.deployment import ExecutionState
from tests.simulation.jsonata import Expression, compiled

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

FILE = Path(__file__).resolve().parents[2] / "statemachines" / "rollout.asl.json"
ALREADY_EXISTS = "StepFunctions.ExecutionAlreadyExistsException"
TIMEOUT = "States.Timeout"

Done: TypeAlias = Callable[[Any, str], None]
"""Called with a result, or with the name of an error."""


@dataclass(frozen=True, slots=True)
class Catch:
    """Where an error leads."""

    errors: frozenset[str]
    output: Expression | None
    assign: Expression | None
    next: str


@dataclass(frozen=True, slots=True)
class State:
    """One state, its expressions compiled."""

    name: str
    kind: str
    resource: str = ""
    function: str = ""
    payload: Expression | None = None
    arguments: Mapping[str, Expression] = field(default_factory=dict)
    seconds: float = 0.0
    retry: tuple[dict[str, Any], ...] = ()
    catch: tuple[Catch, ...] = ()
    assign: Expression | None = None
    output: Expression | None = None
    choices: tuple[tuple[Expression, str], ...] = ()
    items: Expression | None = None
    inner: "Definition | None" = None
    next: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """The states of a machine, or of a Map's item."""

    start: str
    states: Mapping[str, State]


@cache
def rollout() -> Definition:
    """The definition as it stands in the repository."""
    return _definition(json.loads(FILE.read_text()))


def _definition(found: Mapping[str, Any]) -> Definition:
    return Definition(found["StartAt"], {n: _state(n, s) for n, s in found["States"].items()})


def _state(name: str, told: Mapping[str, Any]) -> State:
    kind, arguments = told["Type"], told.get("Arguments", {})
    if kind not in ("Task", "Choice", "Pass", "Fail", "Map"):
        raise ValueError(f"expected a state that tests/simulation/machine.py knows, found {kind} in {name}")
    return State(
        name=name,
        kind=kind,
        resource=told.get("Resource", "").rpartition(":::")[2],
        function=arguments.get("FunctionName", "")[2:-1],
        payload=compiled(arguments["Payload"]) if "Payload" in arguments else None,
        arguments={n: compiled(v) for n, v in arguments.items()},
        seconds=told.get("TimeoutSeconds", 0.0),
        retry=tuple(told.get("Retry", ())),
        catch=tuple(
            Catch(
                frozenset(c["ErrorEquals"]),
                compiled(c["Output"]) if "Output" in c else None,
                compiled(c["Assign"]) if "Assign" in c else None,
                c["Next"],
            )
            for c in told.get("Catch", ())
        ),
        assign=compiled(told["Assign"]) if "Assign" in told else None,
        output=compiled(told["Output"]) if "Output" in told else None,
        choices=_choices(told),
        items=compiled(told["Items"]) if "Items" in told else None,
        inner=_definition(told["ItemProcessor"]) if "ItemProcessor" in told else None,
        next="" if told.get("End") else told.get("Next", ""),
    )


def _choices(told: Mapping[str, Any]) -> tuple[tuple[Expression, str], ...]:
    found = [(compiled(choice["Condition"]), choice["Next"]) for choice in told.get("Choices", ())]
    return (*found, (lambda _: True, told["Default"])) if "Default" in told else tuple(found)


def matches(errors: frozenset[str] | list[str], error: str) -> bool:
    return "States.ALL" in errors or error in errors


class Execution:
    """One execution; `tokens` are the task tokens that wait in it."""

    def __init__(self, sim: "Simulation", name: str, given: Mapping[str, Any]) -> None:
        self.sim = sim
        self.name = name
        self.given = given
        self.variables: dict[str, Any] = {}
        self.state = ExecutionState.RUNNING
        self.error = ""
        self.tokens: dict[str, Callable[[], None]] = {}
        self.at = ""
        self._numbered = 0

    @property
    def running(self) -> bool:
        return self.state is ExecutionState.RUNNING

    def start(self) -> None:
        self._enter(rollout(), rollout().start, dict(self.given), lambda _: self.end(ExecutionState.ENDED))

    def end(self, state: ExecutionState, error: str = "") -> None:
        """It ends by itself or is stopped; what it called may still run, but nobody listens."""
        if self.running:
            self.state, self.error = state, error
            self.tokens.clear()
            if self.sim.tracing:
                self.sim.say(self.name, f"execution {state}", error)

    def _scope(self, given: Any, result: Any = None, token: str = "") -> dict[str, Any]:
        context = {"Execution": {"Name": self.name}, "Task": {"Token": token}}
        return {**self.variables, "states": {"input": given, "result": result, "context": context}}

    def _enter(self, within: Definition, name: str, given: Any, finish: Callable[[Any], None]) -> None:
        """Enter a state a moment later; an ended execution goes nowhere."""
        self.sim.after(0.01, 0.2, lambda: self._walk(within, within.states[name], given, finish))

    def _walk(self, within: Definition, state: State, given: Any, finish: Callable[[Any], None]) -> None:
        if not self.running:
            return
        self.at = state.name

        def leave(output: Any, to: str) -> None:
            if to:
                self._enter(within, to, output, finish)
            else:
                finish(output)

        match state.kind:
            case "Task":
                self._task(state, given, leave)
            case "Map":
                self._map(state, given, leave)
            case "Choice":
                scope = self._scope(given)
                leave(given, next(to for holds, to in state.choices if holds(scope)))
            case "Fail":
                self.end(ExecutionState.ENDED, state.name)
            case _:
                leave(state.output(self._scope(given)) if state.output else given, state.next)

    def _map(self, state: State, given: Any, leave: Callable[[Any, str], None]) -> None:
        inner = state.inner
        items = state.items(self._scope(given)) if state.items else ()
        left = len(items)
        if inner is None or not items:
            leave({}, state.next)
            return

        def finish(_: Any) -> None:
            nonlocal left
            left -= 1
            if left == 0 and self.running:
                leave(state.output(self._scope(given)) if state.output else {}, state.next)

        for item in items:
            self._enter(inner, inner.start, item, finish)

    def _task(self, state: State, given: Any, leave: Callable[[Any, str], None]) -> None:
        tried = [0] * len(state.retry)

        def ended(result: Any, error: str) -> None:
            if not self.running:
                return
            if not error:
                scope = self._scope(given, result)
                if state.assign:
                    self.variables |= state.assign(scope)
                leave(state.output(scope) if state.output else result, state.next)
                return
            for number, retry in enumerate(state.retry):
                if matches(retry["ErrorEquals"], error):
                    if tried[number] < retry["MaxAttempts"]:
                        pause = retry["IntervalSeconds"] * retry["BackoffRate"] ** tried[number]
                        tried[number] += 1
                        self.sim.after(pause, pause, lambda: self._attempt(state, given, ended))
                        return
                    break
            self._caught(state, given, error, leave)

        self._attempt(state, given, ended)

    def _caught(self, state: State, given: Any, error: str, leave: Callable[[Any, str], None]) -> None:
        for catch in state.catch:
            if matches(catch.errors, error):
                scope = self._scope(given)
                if catch.assign:
                    self.variables |= catch.assign(scope)
                leave(catch.output(scope) if catch.output else {"Error": error}, catch.next)
                return
        self.end(ExecutionState.ENDED, f"{state.name}: {error}")

    def _attempt(self, state: State, given: Any, ended: Done) -> None:
        """One try of a task: whoever comes first, its end or its time-out, is listened to."""
        if not self.running:
            return
        over = False

        def once(result: Any, error: str) -> None:
            nonlocal over
            if not over:
                over = True
                ended(result, error)

        if state.seconds:
            self.sim.after(state.seconds, state.seconds, lambda: once(None, TIMEOUT))
        if state.resource == "states:startExecution":
            self._start_another(state, given, once)
        elif state.resource == "lambda:invoke.waitForTaskToken":
            self._wait_for_token(state, given, once)
        else:
            payload = state.payload(self._scope(given)) if state.payload else {}
            self.sim.invoke(state.function, payload, lambda r, e: once({"Payload": r}, e))

    def _wait_for_token(self, state: State, given: Any, once: Done) -> None:
        self._numbered += 1
        token = f"{self.name}#{self._numbered}"
        payload = state.payload(self._scope(given, token=token)) if state.payload else {}
        self.tokens[token] = lambda: once({}, "")
        # A function that ends well says nothing here; one that fails ends the wait.
        self.sim.invoke(state.function, payload, lambda _, e: once(None, e) if e else None)

    def _start_another(self, state: State, given: Any, once: Done) -> None:
        scope = self._scope(given)
        name, wanted = state.arguments["Name"](scope), state.arguments["Input"](scope)
        error = self.sim.start_execution_error()
        if error:
            once(None, error)
        elif self.sim.executions.start_execution(name, wanted, by=self.name):
            once({}, "")
        else:
            once(None, ALREADY_EXISTS)
