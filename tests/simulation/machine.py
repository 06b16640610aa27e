"""Step Functions: one execution of the definition. A state's function is called by `Simulation.invoke`.

No state blocks: each passes a callback for the end of its work. An execution that was stopped enters no
further state.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from lifecycle.domain.rollout.execution import ExecutionState
from tests.simulation.definition import Definition, State, matches, rollout

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

ALREADY_EXISTS = "StepFunctions.ExecutionAlreadyExistsException"
TIMEOUT = "States.Timeout"

CommandResult: TypeAlias = Callable[[Any, str], None]
"""Called with a result, or with the name of an error."""


class Execution:
    """One execution. `tokens` are its waiting task tokens with their callbacks, `at` is its newest state."""

    def __init__(self, sim: "Simulation", name: str, given: Mapping[str, Any]) -> None:
        self.sim = sim
        self.name = name
        self.given = given
        self.variables: dict[str, Any] = {}
        self.state = ExecutionState.RUNNING
        self.error = ""
        self.ended_at = -1e9
        self.tokens: dict[str, Callable[[], None]] = {}
        self.at = ""
        self._numbered = 0

    @property
    def running(self) -> bool:
        return self.state is ExecutionState.RUNNING

    def start(self) -> None:
        self._enter(rollout(), rollout().start, dict(self.given), lambda _: self.end(ExecutionState.ENDED))

    def end(self, state: ExecutionState, error: str = "") -> None:
        """End the execution; functions that it called may still run, but their results are ignored."""
        if self.running:
            self.state, self.error, self.ended_at = state, error, self.sim.now
            self.tokens.clear()
            if self.sim.tracing:
                self.sim.say(self.name, f"execution {state}", error)

    def _scope(self, given: Any, result: Any = None, token: str = "") -> dict[str, Any]:
        context = {"Execution": {"Name": self.name}, "Task": {"Token": token}}
        return {**self.variables, "states": {"input": given, "result": result, "context": context}}

    def _enter(self, within: Definition, name: str, given: Any, finish: Callable[[Any], None]) -> None:
        """Enter a state a moment later, unless the execution has ended by then."""
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
            case "Wait":
                scope = self._scope(given)
                seconds, output = (
                    float(state.wait_seconds(scope)) if state.wait_seconds else 0.0,
                    state.output,
                )
                after = output(scope) if output else given
                self.sim.after(seconds, seconds, lambda: leave(after, state.next) if self.running else None)
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
        if state.resource == "states:startExecution":
            self._start_another(state, given, once)
        elif state.resource == "lambda:invoke.waitForTaskToken":
            self._wait_for_token(state, given, once)
        else:
            payload = state.payload(self._scope(given)) if state.payload else {}
            self.sim.invoke(state.function, payload, lambda r, e: once({"Payload": r}, e))

    def _wait_for_token(self, state: State, given: Any, once: CommandResult) -> None:
        self._numbered += 1
        token = f"{self.name}#{self._numbered}"
        payload = state.payload(self._scope(given, token=token)) if state.payload else {}
        self.tokens[token] = lambda: once({}, "")
        # The end of the function does not end the wait, but its failure does.
        self.sim.invoke(state.function, payload, lambda _, e: once(None, e) if e else None)

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
