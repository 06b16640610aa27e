"""Executions of the two state machines."""

import json
from collections.abc import Mapping
from typing import Any

from lifecycle.domain.rollout.execution import ExecutionState
from lifecycle.names import execution_arn

_STATES = {"RUNNING": ExecutionState.RUNNING, "ABORTED": ExecutionState.STOPPED}


class StepFunctionsExecutions:
    """Starts the two state machines and completes waiting tasks."""

    def __init__(self, states: Any, rollout: str, delivery: str) -> None:
        self._states = states
        self._rollout = rollout
        self._delivery = delivery

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        return self._start(self._rollout, name, payload)

    def start_delivery(self, name: str, payload: Mapping[str, Any]) -> bool:
        return self._start(self._delivery, name, payload)

    def _start(self, machine: str, name: str, payload: Mapping[str, Any]) -> bool:
        try:
            self._states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(dict(payload)))
        except self._states.exceptions.ExecutionAlreadyExists:
            return False
        return True

    def rollout_state(self, name: str) -> ExecutionState:
        if not name:
            return ExecutionState.UNKNOWN
        status = self._status(self._rollout, name)
        return _STATES.get(status, ExecutionState.ENDED) if status else ExecutionState.UNKNOWN

    def delivery_failed(self, name: str) -> bool:
        return self._status(self._delivery, name) in ("FAILED", "TIMED_OUT", "ABORTED")

    def _status(self, machine: str, name: str) -> str:
        """Return the status of an execution; empty if there is none of that name."""
        arn = execution_arn(machine, name)
        try:
            found: dict[str, str] = self._states.describe_execution(executionArn=arn)
        except self._states.exceptions.ExecutionDoesNotExist:
            return ""
        return found["status"]

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        errors = self._states.exceptions
        try:
            self._states.send_task_success(taskToken=token, output=json.dumps(dict(output)))
        except (errors.TaskDoesNotExist, errors.TaskTimedOut, errors.InvalidToken):
            return False
        return True
