"""Executions of the two state machines."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lifecycle.domain.delivery.earlier_run import EarlierRun
from lifecycle.domain.foreign_json import object_or_empty
from lifecycle.domain.rollout.execution import (
    ExecutionEnd,
    ExecutionState,
    execution_input,
    execution_name,
    is_execution_name,
)
from lifecycle.gateways.aws.errors import code_of, translated
from lifecycle.names import execution_arn

_STATES = {"RUNNING": ExecutionState.RUNNING, "ABORTED": ExecutionState.STOPPED}
_FAILURES = ("FAILED", "TIMED_OUT", "ABORTED")
_LONGEST_TOKEN = 2048
_CANCELLED = "Cancelled"
_LONGEST_CAUSE = 32_768
_EVENTS = 1_000  # in one answer of Step Functions, which keeps 25,000 of an execution
_MOST_PAGES = 25


@translated
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
        text = execution_input(payload)
        try:
            self._states.start_execution(stateMachineArn=machine, name=execution_name(name), input=text)
        except Exception as error:
            if code_of(error) != "ExecutionAlreadyExists":
                raise
            return self._is_own(error, machine, name, text)
        return True

    def _is_own(self, error: Exception, machine: str, name: str, text: str) -> bool:
        """Return whether botocore repeated a start whose answer was lost, so that it met its own execution."""
        answer: dict[str, Any] = getattr(error, "response", {})
        if not answer.get("ResponseMetadata", {}).get("RetryAttempts"):
            return False
        return bool(self._described(machine, name).get("input") == text)

    def delivery_state(self, name: str) -> ExecutionState:
        return self._state(self._delivery, name)

    def running_deliveries(self) -> Sequence[str]:
        pages = self._states.get_paginator("list_executions")
        found = pages.paginate(stateMachineArn=self._delivery, statusFilter="RUNNING")
        return [each["name"] for page in found for each in page["executions"]]

    def running_rollouts(self) -> Sequence[str]:
        found = self._states.list_executions(stateMachineArn=self._rollout, statusFilter="RUNNING", maxResults=100)
        return [each["name"] for each in found["executions"]]

    def stop_delivery(self, name: str, cause: str) -> None:
        if not is_execution_name(name):
            return
        arn = execution_arn(self._delivery, name)
        try:
            self._states.stop_execution(executionArn=arn, error=_CANCELLED, cause=cause[:_LONGEST_CAUSE])
        except Exception as error:
            if code_of(error) != "ExecutionDoesNotExist":
                raise

    def build_of(self, name: str) -> str:
        if not is_execution_name(name):
            return ""
        try:
            return newest_build(self._states, execution_arn(self._delivery, name))
        except Exception as error:
            if code_of(error) != "ExecutionDoesNotExist":
                raise
            return ""

    def rollout_state(self, name: str) -> ExecutionState:
        return self._state(self._rollout, name)

    def _state(self, machine: str, name: str) -> ExecutionState:
        status = self._described(machine, name).get("status")
        return _STATES.get(status, ExecutionState.ENDED) if status else ExecutionState.UNKNOWN

    def earlier_run(self, name: str) -> EarlierRun | None:
        if not (found := self._described(self._delivery, name)):
            return None
        # A person may start an execution with any input.
        given, status = object_or_empty(found.get("input", "")), found.get("status")
        return EarlierRun(
            repository=str(given.get("repository", "")),
            delivery=str(given.get("delivery", "")),
            failed=status in _FAILURES,
            running=status == "RUNNING",
            output=object_or_empty(found.get("output") or ""),
            folder=str(given.get("folder", "")),
            commit=str(given.get("commit", "")),
            stopped=status == "ABORTED",
        )

    def rollout_end(self, name: str) -> ExecutionEnd | None:
        found = self._described(self._rollout, name)
        if found.get("status") not in _FAILURES:
            return None
        state = _STATES.get(found["status"], ExecutionState.ENDED)
        cause = ": ".join(filter(None, (found.get("error"), found.get("cause"))))
        return ExecutionEnd(state, found.get("stopDate"), cause)

    def _described(self, machine: str, name: str) -> Mapping[str, Any]:
        """Return an execution as Step Functions describes it; empty if there is none of that name."""
        if not is_execution_name(name):
            return {}
        try:
            found: Mapping[str, Any] = self._states.describe_execution(executionArn=execution_arn(machine, name))
        except Exception as error:
            if code_of(error) != "ExecutionDoesNotExist":
                raise
            return {}
        return found

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        if not 0 < len(token) <= _LONGEST_TOKEN:
            return False  # the task has not noted its token yet, or no task can have this one
        try:
            self._states.send_task_success(taskToken=token, output=json.dumps(dict(output)))
        except Exception as error:
            if code_of(error) not in ("TaskDoesNotExist", "TaskTimedOut", "InvalidToken"):
                raise
            return False
        return True


def newest_build(states: Any, arn: str) -> str:
    """Return the build that a delivery started last, or nothing.

    It is read from the end: StartBuild is repeated while the queue is full, and where an earlier snapshot is gone.
    """
    more: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        found = states.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=_EVENTS, **more)
        for event in found["events"]:
            exited = event.get("stateExitedEventDetails", {})
            if exited.get("name") == "StartBuild" and (build := _build_in(exited)):
                return build
        if not found.get("nextToken"):
            break
        more = {"nextToken": found["nextToken"]}
    return ""


def _build_in(exited: Mapping[str, Any]) -> str:
    return str(object_or_empty(exited.get("output") or "").get("build") or "")
