"""Step Functions: one execution of a definition. A state's function is called by `Simulation.invoke`.

No state blocks: each passes a callback for the end of its work. An execution that was stopped enters no
further state.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from lifecycle.domain.rollout.execution import ExecutionState
from tests.simulation.definition import Definition, State, matches, rollout
from tests.simulation.jsonata import QueryFailed

# History events as AWS writes them. A task has three for each try, and two around all of them.
EVENTS = {"Choice": 2, "Pass": 2, "Wait": 2, "Task": 2, "Map": 4, "Fail": 1}
TOKEN = 1  # of a token task whose function has ended well
_TRY, _ITERATION = 3, 2
QUERY_FAILED = "States.QueryEvaluationError"
ALREADY_EXISTS = "StepFunctions.ExecutionAlreadyExistsException"
TIMEOUT = "States.Timeout"

CommandResult: TypeAlias = Callable[[Any, str], None]
"""Called with a result, or with the name of an error."""


class _Starter(Protocol):
    def start_execution(self, name: str, given: Mapping[str, Any], by: str) -> bool: ...


class World(Protocol):
    """The surroundings of executions: a clock, the functions, and the other executions."""

    @property
    def tracing(self) -> bool: ...
    @property
    def now(self) -> float: ...
    @property
    def executions(self) -> _Starter: ...
    def time(self) -> datetime: ...
    def after(self, low: float, high: float, act: Callable[[], None], /) -> None: ...
    def say(self, who: str, what: str, /, *more: object) -> None: ...
    def invoke(self, function: str, given: Mapping[str, Any], done: CommandResult, /) -> None: ...
    def start_execution_error(self) -> str: ...
    def execution_failed(self, execution: "Execution", /) -> None: ...


class Execution:
    """One execution. `tokens` are its waiting task tokens with their callbacks, `at` is its newest state.

    `events` counts the events of its history, as AWS writes it. `error` and `cause` are those of a failure.
    CloudTrail has `started_by`.
    """

    def __init__(self, sim: World, name: str, given: Any, of: Definition | None = None) -> None:
        self.definition = of or rollout()
        self.events = 2  # started, and ended
        self.cause = ""
        self.output: Any = None
        self.sim = sim
        self.name = name
        self.started_by = ""
        self.given = given
        self.variables: dict[str, Any] = {}
        self.state = ExecutionState.RUNNING
        self.error = ""
        self.began_at = sim.now
        self.ended_at = -1e9
        self.tokens: dict[str, Callable[[], None]] = {}
        self.at = ""
        self._numbered = 0

    @property
    def running(self) -> bool:
        return self.state is ExecutionState.RUNNING

    def start(self) -> None:
        given = dict(self.given) if isinstance(self.given, Mapping) else self.given
        self._started_at = self.sim.time().isoformat()
        if limit := self.definition.seconds:
            self.sim.after(limit, limit, lambda: self.end(ExecutionState.ENDED, TIMEOUT, f"not ended in {limit} s"))
        self._enter(self.definition, self.definition.start, given, self._succeed)

    def _succeed(self, output: Any) -> None:
        self.output = output
        self.end(ExecutionState.ENDED)

    def end(self, state: ExecutionState, error: str = "", cause: str = "") -> None:
        """End the execution; functions that it called may still run, but their results are ignored."""
        if self.running:
            self.state, self.error, self.cause, self.ended_at = state, error, cause, self.sim.now
            self.tokens.clear()
            if self.sim.tracing:
                self.sim.say(self.name, f"execution {state}", error)
            if error:
                self.sim.execution_failed(self)

    def _scope(self, given: Any, result: Any = None, token: str = "", error: str = "") -> dict[str, Any]:
        context = {"Execution": {"Name": self.name, "StartTime": self._started_at}, "Task": {"Token": token}}
        states = {"input": given, "result": result, "context": context, "errorOutput": {"Error": error}}
        return {**self.variables, "states": states}

    def _enter(self, within: Definition, name: str, given: Any, finish: Callable[[Any], None]) -> None:
        """Enter a state a moment later, unless the execution has ended by then."""
        self.sim.after(0.01, 0.2, lambda: self._walk(within, within.states[name], given, finish))

    def _walk(self, within: Definition, state: State, given: Any, finish: Callable[[Any], None]) -> None:
        if not self.running:
            return
        self.at = state.name
        self.events += EVENTS[state.kind]
        try:
            self._carry_out(within, state, given, finish)
        except QueryFailed as error:
            self.end(ExecutionState.ENDED, QUERY_FAILED, f"{state.name}: {error}")

    def _carry_out(self, within: Definition, state: State, given: Any, finish: Callable[[Any], None]) -> None:
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
            case "Wait":
                scope = self._scope(given)
                seconds, output = (
                    float(state.wait_seconds(scope)) if state.wait_seconds else 0.0,
                    state.output,
                )
                after = output(scope) if output else given
                self.sim.after(seconds, seconds, lambda: leave(after, state.next) if self.running else None)
            case "Fail":
                scope = self._scope(given)
                error, cause = (str(each(scope)) if each else "" for each in (state.error, state.cause))
                self.end(ExecutionState.ENDED, error, cause)
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
            self.events += _ITERATION
            self._enter(inner, inner.start, item, finish)

    def _task(self, state: State, given: Any, leave: Callable[[Any, str], None]) -> None:
        tried = [0] * len(state.retry)

        def ended(result: Any, error: str) -> None:
            if not self.running:
                return
            if not error:
                scope = self._scope(given, result)
                try:
                    assigned = state.assign(scope) if state.assign else {}
                    output = state.output(scope) if state.output else result
                except QueryFailed:
                    ended(None, QUERY_FAILED)
                    return
                self.variables |= assigned
                leave(output, state.next)
                return
            for number, retry in enumerate(state.retry):
                if matches(retry["ErrorEquals"], error):
                    if tried[number] < retry["MaxAttempts"]:
                        self.events += _TRY
                        pause = retry.get("IntervalSeconds", 1) * retry.get("BackoffRate", 2) ** tried[number]
                        pause = min(pause, retry.get("MaxDelaySeconds", pause))
                        tried[number] += 1
                        self.sim.after(pause, pause, lambda: self._attempt(state, given, ended))
                        return
                    break
            self._caught(state, given, error, leave)

        self.events += _TRY
        self._attempt(state, given, ended)

    def _caught(self, state: State, given: Any, error: str, leave: Callable[[Any, str], None]) -> None:
        for catch in state.catch:
            if matches(catch.errors, error):
                scope = self._scope(given, error=error)
                if catch.assign:
                    self.variables |= catch.assign(scope)
                leave(catch.output(scope) if catch.output else {"Error": error}, catch.next)
                return
        self.events -= 1  # a task that fails its execution is never exited
        self.end(ExecutionState.ENDED, error, f"{state.name}: {error}")

    def _attempt(self, state: State, given: Any, ended: CommandResult) -> None:
        """Try a task once; the first of its end and its time-out counts."""
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
        try:
            self._call(state, given, once)
        except QueryFailed:
            once(None, QUERY_FAILED)

    def _call(self, state: State, given: Any, once: CommandResult) -> None:
        if state.resource == "states:startExecution":
            self._start_another(state, given, once)
        elif state.waits_for_token:
            self._wait_for_token(state, given, once)
        else:
            payload = state.payload(self._scope(given)) if state.payload else {}
            self.sim.invoke(state.function, payload, lambda r, e: once({"Payload": r}, e))

    def _wait_for_token(self, state: State, given: Any, once: CommandResult) -> None:
        self._numbered += 1
        token = f"{self.name}#{self._numbered}"
        payload = state.payload(self._scope(given, token=token)) if state.payload else {}
        self.tokens[token] = lambda: once({}, "")
        self.sim.invoke(state.function, payload, lambda _, e: once(None, e) if e else self._submitted())

    def _submitted(self) -> None:
        """Count the event of a function that has taken a token.

        The end of the function does not end the wait, but its failure does.
        """
        self.events += TOKEN

    def _start_another(self, state: State, given: Any, once: CommandResult) -> None:
        scope = self._scope(given)
        name, wanted = state.arguments["Name"](scope), state.arguments["Input"](scope)
        error = self.sim.start_execution_error()
        if error:
            once(None, error)
        elif self.sim.executions.start_execution(name, wanted, by=self.name):
            once({}, "")
        else:
            once(None, ALREADY_EXISTS)
