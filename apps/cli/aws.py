"""Executions and functions over boto3, for the commands; made by connection.py."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apps.cli.errors import FunctionRefused
from apps.cli.ports import Run
from lifecycle.domain.foreign_json import object_or_empty, parse_json
from lifecycle.gateways.aws.callers import signed_payload
from lifecycle.gateways.aws.executions import newest_build
from lifecycle.names import execution_arn, function, function_log


class StepRuns:
    """Executions of the rollout and the delivery state machine."""

    def __init__(self, states: Any, rollout: str, delivery: str) -> None:
        self._states = states
        self._rollout = rollout
        self._delivery = delivery

    def rollout(self, name: str) -> Run | None:
        return self._describe(self._rollout, name)

    def delivery(self, name: str) -> Run | None:
        return self._describe(self._delivery, name)

    def deliveries(self, *, running: bool) -> Sequence[Run]:
        only = {"statusFilter": "RUNNING"} if running else {}
        found = self._states.list_executions(stateMachineArn=self._delivery, maxResults=50, **only)
        return [
            Run(each["name"], each["status"], each["startDate"], each.get("stopDate")) for each in found["executions"]
        ]

    def current_step(self, name: str) -> str:
        """Return the current state; during the build also the build's phase, as CheckBuild last read it."""
        found = self._states.get_execution_history(
            executionArn=execution_arn(self._delivery, name), reverseOrder=True, maxResults=20
        )
        return current_step(found["events"])

    def build(self, name: str) -> str:
        return newest_build(self._states, execution_arn(self._delivery, name))

    def _describe(self, machine: str, name: str) -> Run | None:
        try:
            found = self._states.describe_execution(executionArn=execution_arn(machine, name))
        except (self._states.exceptions.ExecutionDoesNotExist, self._states.exceptions.InvalidArn):
            return None
        return Run(
            name=found["name"],
            status=found["status"],
            started_at=found["startDate"],
            stopped_at=found.get("stopDate"),
            input=_document(found.get("input")),
            output=_document(found.get("output")),
            error=found.get("error") or "",
            cause=found.get("cause") or "",
        )


def _document(text: str | None) -> dict[str, Any]:
    """Parse an execution's input or output; anything but an object counts as empty."""
    return object_or_empty(text or "")


_STEPS = {
    "RecordSnapshot": "recording the snapshot",
    "StartStaging": "starting staging",
    "WaitForTurn": "waiting for its turn: the queue of CodeBuild is full",
}


def current_step(newest_first: Sequence[Mapping[str, Any]]) -> str:
    """Describe in a few words what a delivery does now, from its newest events."""
    building = ("StartBuild", "Started", "WaitForBuild", "CheckBuild", "Built")
    for event in newest_first:
        if "stateEnteredEventDetails" not in event:
            continue
        name = str(event["stateEnteredEventDetails"]["name"])
        if name not in building:
            return _STEPS.get(name, name)
        return f"building: {phase}" if (phase := _build_phase(newest_first)) else "building"
    return "starting"


def _build_phase(newest_first: Sequence[Mapping[str, Any]]) -> str:
    for event in newest_first:
        exited = event.get("stateExitedEventDetails", {})
        if exited.get("name") == "CheckBuild":
            return str(_document(exited.get("output")).get("reason", "")).lower()
    return ""


class LambdaFunctions:
    """The phases that a person may call, as Lambdas named `lifecycle-<phase>` (names.py).

    `sign` returns the proof of who gives the command with this digest (gateways/aws/callers.py).
    """

    def __init__(self, functions: Any, sign: Callable[[str], Mapping[str, str]]) -> None:
        self._functions = functions
        self._sign = sign

    def signed(self, phase: str, payload: Mapping[str, Any]) -> bytes:
        """Return what a phase is called with: the command, and the proof of who gives it."""
        return signed_payload(self._sign, function(phase), payload)

    def call(self, phase: str, payload: Mapping[str, Any]) -> Any:
        name = function(phase)
        found = self._functions.invoke(FunctionName=name, Payload=self.signed(phase, payload))
        answer = parse_json(found["Payload"].read() or b"null")
        if found.get("FunctionError"):
            cause = answer.get("errorMessage", answer) if isinstance(answer, dict) else answer
            raise FunctionRefused(f"the function {name} failed: {cause}; see its log group {function_log(phase)}")
        if isinstance(answer, dict) and set(answer) == {"error"}:
            raise FunctionRefused(str(answer["error"]))
        return answer
