"""The end of a rollout's execution, as views read it from Step Functions."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifecycle.domain.delivery.earlier_run import EarlierRun
from lifecycle.domain.errors import CallFailed
from lifecycle.domain.rollout.execution import ExecutionEnd, ExecutionState
from lifecycle.gateways.aws.executions import StepFunctionsExecutions

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
MACHINE = "arn:aws:states:eu-central-1:000000000000:stateMachine:lifecycle-rollout"


class States:
    """A client of Step Functions with one answer, which is raised if it is an error."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer

    def describe_execution(self, **asked: str) -> dict[str, Any]:
        assert asked == {"executionArn": f"{MACHINE.replace(':stateMachine:', ':execution:')}:d"}
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def end(answer: dict[str, Any] | Exception) -> ExecutionEnd | None:
    return StepFunctionsExecutions(States(answer), MACHINE, "").rollout_end("d")


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeExecution")


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "PENDING_REDRIVE"])
def test_execution_that_did_not_fail_has_no_end(status: str) -> None:
    assert end({"status": status}) is None


def test_stopped_execution_says_when_and_why() -> None:
    found = end({"status": "ABORTED", "stopDate": AT, "cause": "wrong version"})
    assert found == ExecutionEnd(ExecutionState.STOPPED, AT, "wrong version")
    assert found.by_hand


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
def test_failed_execution_says_when_and_why(status: str) -> None:
    found = end({"status": status, "stopDate": AT, "error": "States.Timeout", "cause": "too long"})
    assert found == ExecutionEnd(ExecutionState.ENDED, AT, "States.Timeout: too long")


def test_missing_execution_has_no_end_and_any_other_error_is_raised() -> None:
    assert end(error("ExecutionDoesNotExist")) is None
    with pytest.raises(CallFailed):
        end(error("AccessDeniedException"))


def earlier(answer: dict[str, Any] | Exception) -> EarlierRun | None:
    return StepFunctionsExecutions(States(answer), "", MACHINE).earlier_run("d")


@pytest.mark.parametrize(
    ("status", "failed"),
    [("RUNNING", False), ("SUCCEEDED", False), ("FAILED", True), ("TIMED_OUT", True), ("ABORTED", True)],
)
def test_earlier_run_has_the_repository_and_the_delivery_of_its_input(status: str, *, failed: bool) -> None:
    text = '{"repository": "https://example.test/acme/shop.git", "delivery": "7", "commit": "aa"}'
    found = earlier({"status": status, "input": text})
    of = EarlierRun("https://example.test/acme/shop.git", "7", failed, running=status == "RUNNING", commit="aa")
    assert found == replace(of, stopped=status == "ABORTED")


def test_earlier_run_that_succeeded_has_its_snapshot() -> None:
    found = earlier({"status": "SUCCEEDED", "output": '{"service": "shop", "version": "1.0.0", "folder": ""}'})
    assert found is not None
    assert found.snapshot == {"service": "shop", "version": "1.0.0"}
    of_several = earlier({"status": "SUCCEEDED", "output": '{"service": "api", "version": "1.0.0", "folder": "api"}'})
    assert of_several is not None
    assert of_several.snapshot == {}


@pytest.mark.parametrize("text", ["", "[]", "7", "null", "{", "{}"])
def test_run_that_a_person_started_with_another_input_is_of_no_repository(text: str) -> None:
    assert earlier({"status": "FAILED", "input": text}) == EarlierRun("", "", failed=True)


def test_run_that_does_not_exist_is_none() -> None:
    assert earlier(error("ExecutionDoesNotExist")) is None
