"""The calls that moto's interpreter makes for a task, answered by the world of a test or failing as it says.

moto names the errors of these answers itself, as Step Functions names those of Lambda and of StartExecution.
"""

import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError
from greenlet import getcurrent  # type: ignore[import-untyped]

from tests.simulation.failures import NEVER, Failing, Failure
from tests.simulation.machine import CommandResult
from tests.simulation.second_interpreter.virtual_time import VirtualTime

LAMBDA, START = "Lambda.", "StepFunctions."


class World(Protocol):
    """The functions and the executions behind the calls."""

    failing: Failing
    called: dict[str, int]

    def invoke(self, function: str, given: Mapping[str, Any], done: CommandResult, /) -> None: ...


class Clients:
    """The clients of Lambda and Step Functions that the tasks of a state machine use."""

    def __init__(
        self, world: World, time: VirtualTime, start: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> None:
        self._world, self._time, self._start = world, time, start

    def client_for(self, service: str, **_: Any) -> "Clients":
        assert service in ("lambda", "stepfunctions"), service
        return self

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 (botocore's names)
        """Call a function of the world, and wait until it has ended."""
        failure, given = self._failure(), json.loads(Payload)
        function = FunctionName.rpartition(":lifecycle-")[2].replace("-", "_")
        if failure is None:
            return self._answered(*self._run(function, given))
        if failure.after_effect:
            self._world.invoke(function, given, lambda _result, _error: None)
        if failure.instead is NEVER:
            self._time.event().wait()
        self._time.sleep(0.1)
        return self._answered(failure.instead, failure.error)

    def start_execution(self, **arguments: Any) -> Mapping[str, Any]:
        failure = self._failure()
        if failure is None:
            return self._start(arguments)
        if failure.after_effect:
            with suppress(ClientError):  # its answer is lost, whatever it is
                self._start(arguments)
        if failure.instead is NEVER:
            self._time.event().wait()
        if failure.error:
            raise _client_error("StartExecution", failure.error.removeprefix(START).removesuffix("Exception"))
        answer: Mapping[str, Any] = failure.instead
        return answer

    def _failure(self) -> Failure | None:
        state = str(getcurrent().state)
        self._world.called[state] = self._world.called.get(state, 0) + 1
        return self._world.failing.now(state)

    def _run(self, function: str, given: Mapping[str, Any]) -> tuple[Any, str]:
        ended, answers = self._time.event(), []

        def done(result: Any, error: str) -> None:
            answers.append((result, error))
            ended.set()

        self._world.invoke(function, given, done)
        ended.wait()
        return answers[0]

    @staticmethod
    def _answered(result: Any, error: str) -> dict[str, Any]:
        if error.startswith(LAMBDA) and error != "Lambda.Unknown":  # it is the service that refuses the call
            raise _client_error("Invoke", error.removeprefix(LAMBDA))
        if error:
            raised = {"errorType": error, "errorMessage": "as the test says"}
            return {
                "StatusCode": 200,
                "FunctionError": "Unhandled",
                "Payload": io.BytesIO(json.dumps(raised).encode()),
            }
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(result, default=_fields).encode())}


def _client_error(operation: str, code: str) -> ClientError:
    metadata: Any = {"HTTPStatusCode": 400, "RequestId": "1"}
    return ClientError(
        {"Error": {"Code": code, "Message": "as the test says"}, "ResponseMetadata": metadata}, operation
    )


def _fields(value: Any) -> Any:
    """Return a dataclass as the handlers of functions/ dump it."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
