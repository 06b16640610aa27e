"""The world of step_functions.py with its executions on moto's interpreter."""

import importlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, cast
from unittest.mock import patch

import boto3
from botocore.exceptions import ClientError
from greenlet import getcurrent  # type: ignore[import-untyped]
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.parser.utils import TMP_THREADS

from lifecycle.domain.rollout.execution import ExecutionState
from tests.simulation.definition import Definition, delivery, rollout, text_of
from tests.simulation.failures import Failing
from tests.simulation.second_interpreter import jsonata
from tests.simulation.second_interpreter.clients import Clients
from tests.simulation.second_interpreter.virtual_time import VirtualTime, stand_ins
from tests.simulation.step_functions import FailingExecution, Human, PortOfExecutions, StepFunctions
from tests.support.rollout import Machine

REGION = "eu-west-1"
_PARSER = "moto.stepfunctions.parser."
_STATE = _PARSER + "asl.component.state."
# The modules whose threads and pauses pass in virtual time, each with the names that it uses.
_TIMED = {
    _PARSER + "backend.execution_worker": ("Thread",),
    _PARSER + "models": ("datetime",),
    _PARSER + "asl.component.program.program": ("threading",),
    _PARSER + "asl.component.common.retry.retrier_decl": ("time",),
    _PARSER + "asl.eval.environment": ("threading",),
    _PARSER + "asl.eval.callback.callback": ("Event",),
    _STATE + "wait.wait_function.wait_function": ("time",),
    _STATE + "exec.execute_state": ("threading", "Thread"),
    _STATE + "exec.state_map.iteration.inline_iteration_component": ("threading",),
    _STATE + "exec.state_map.iteration.job": ("threading",),
}
_CALLS = (
    _STATE + "exec.state_task.lambda_eval_utils",
    _STATE + "exec.state_task.service.state_task_service_sfn",
)


class MotoExecution:
    """One execution on moto's interpreter, seen as the executions of machine.py are."""

    def __init__(self, name: str, given: Any, definition: Definition, of: Any, began_at: float) -> None:
        self.name, self.given, self.definition, self.began_at = name, given, definition, began_at
        self.ended_at = -1e9
        self._of = of

    @property
    def running(self) -> bool:
        return bool(self._of.status == "RUNNING")

    @property
    def state(self) -> ExecutionState:
        return ExecutionState.RUNNING if self.running else ExecutionState.ENDED

    @property
    def error(self) -> str:
        return "States.Timeout" if self._of.status == "TIMED_OUT" else str(self._of.error or "")

    @property
    def cause(self) -> str:
        return (
            f"not ended in {self.definition.seconds} s"
            if self._of.status == "TIMED_OUT"
            else str(self._of.cause or "")
        )

    @property
    def output(self) -> Any:
        return self._of.output

    @property
    def history(self) -> list[Any]:
        return list(self._of.to_history_output()["events"])

    @property
    def events(self) -> int:
        env = self._of.exec_worker.env
        return len(env.event_manager._history_event_list) if env else 0

    @property
    def at(self) -> str:
        entered = (
            each["stateEnteredEventDetails"]["name"]
            for each in reversed(self.history)
            if "stateEnteredEventDetails" in each
        )
        return str(next(entered, ""))


class _Executions(PortOfExecutions):
    def __init__(self, of: "MotoStepFunctions") -> None:
        super().__init__(of)
        self._moto = of

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        try:
            self._moto.states.send_task_success(taskToken=token, output=json.dumps(dict(output)))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("InvalidToken", "TaskDoesNotExist", "TaskTimedOut"):
                return False
            raise
        return True


class MotoStepFunctions(StepFunctions):
    """Executions on moto's interpreter, over the functions of the world that it extends."""

    def __init__(self, machine: Machine, failing: Failing, human: Human = lambda _: None) -> None:
        super().__init__(machine, failing, human)
        self._bridges = ExitStack()
        self._time = VirtualTime(self, self._somebody_ended)
        self._ends_seen: set[str] = set()
        self._bridges.enter_context(_bridged(self._time, Clients(self, self._time, self._start_from_task)))
        self.states = boto3.client("stepfunctions", region_name=REGION)
        self._machines = {
            name: self._deploy(name, of) for name, of in (("rollout", rollout()), ("delivery", delivery()))
        }

    def _port(self) -> PortOfExecutions:
        return _Executions(self)

    def _deploy(self, name: str, definition: Definition) -> str:
        del definition
        text = re.sub(r"\$\{(\w+)\}", _address, text_of(name))
        text = re.sub(r', "JitterStrategy": "FULL"', "", text)  # each interpreter would draw other pauses
        role = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/lifecycle"
        made = self.states.create_state_machine(name=f"lifecycle-{name}", definition=text, roleArn=role)
        return str(made["stateMachineArn"])

    def start(self, name: str, given: Any, definition: Definition) -> bool:
        machine = self._machines["rollout" if definition is rollout() else "delivery"]
        try:
            self._start(machine, name, json.dumps(given), definition)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
                return False
            raise
        return True

    def _start(self, machine: str, name: str, given: str, definition: Definition) -> Mapping[str, Any]:
        answer: dict[str, Any] = self.states.start_execution(stateMachineArn=machine, name=name, input=given)
        if name not in self.by_name:
            backend = stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID][REGION]
            found = backend.describe_execution(answer["executionArn"])
            made = MotoExecution(name, json.loads(given), definition, found, self.now)
            self.by_name[name] = cast("FailingExecution", made)
        return answer

    def _start_from_task(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Start what a task asks for; moto leaves the names of its arguments as Step Functions has them."""
        return self._start(arguments["StateMachineArn"], arguments["Name"], arguments["Input"], rollout())

    def _somebody_ended(self) -> None:
        for name, execution in list(self.by_name.items()):
            if not execution.running and name not in self._ends_seen:
                self._ends_seen.add(name)
                execution.ended_at = self.now
                if execution.error:
                    self.execution_failed(execution)

    def run(self, hours: float) -> None:
        """Let so many hours pass; nothing runs afterwards."""
        try:
            super().run(hours)
        finally:
            self._time.close()
            self._bridges.close()


def _address(placeholder: re.Match[str]) -> str:
    name = placeholder[1]
    if name == "rollout":
        return f"arn:aws:states:{REGION}:{DEFAULT_ACCOUNT_ID}:stateMachine:lifecycle-rollout"
    return f"arn:aws:lambda:{REGION}:{DEFAULT_ACCOUNT_ID}:function:lifecycle-{name.replace('_', '-')}"


@contextmanager
def _bridged(time: VirtualTime, clients: Clients) -> Iterator[None]:
    """Put the bridges into moto, and take them out again."""
    with ExitStack() as stack:
        stack.enter_context(mock_aws(config={"stepfunctions": {"execute_state_machine": True}}))
        virtual = stand_ins(time, threading)
        for module, names in _TIMED.items():
            for name in names:
                stack.enter_context(patch.object(importlib.import_module(module), name, virtual[name]))
        for module in _CALLS:
            stack.enter_context(patch.object(importlib.import_module(module), "boto_client_for", clients.client_for))
        evaluation = importlib.import_module(_PARSER + "asl.jsonata.jsonata")
        stack.enter_context(patch.object(evaluation, "_eval_jsonata", jsonata.evaluate))
        stack.enter_context(
            patch.object(StateTaskService, "_eval_execution", _noted(StateTaskService._eval_execution))
        )
        stack.callback(TMP_THREADS.clear)
        yield


def _noted(of: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Return a task's work that notes the name of its state in its thread, for `Clients`."""

    def noted(task: Any, env: Any) -> None:
        getcurrent().state = env.states.context_object.context_object_data["State"]["Name"]
        of(task, env)

    return noted
