"""Follow one run of the delivery state machine to its end.

Used by the demo, the bench and the fault-injection suite.
"""

import json
import time
from dataclasses import dataclass

from apps.local.aws.clients import Aws
from apps.local.errors import LaptopError
from lifecycle.names import execution_arn

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Delivered:
    """The end of a run; when it failed, `reason` says why and has the end of the build log."""

    run: str
    succeeded: bool
    service: str
    version: str
    reason: str


def follow(aws: Aws, machine: str, run: str, timeout_seconds: float = 1800.0) -> Delivered:
    """Wait for the run named `run` to end; raise LaptopError when it never began or takes too long."""
    runs = aws.client("stepfunctions")
    arn = execution_arn(machine, run)
    deadline = time.monotonic() + timeout_seconds
    try:
        while (found := runs.describe_execution(executionArn=arn))["status"] == "RUNNING":
            if time.monotonic() > deadline:
                raise LaptopError(
                    f"the run {run} did not end within {timeout_seconds:.0f} s; see `lifecycle watch {run}`"
                )
            time.sleep(_POLL_SECONDS)
    except runs.exceptions.ExecutionDoesNotExist as error:
        raise LaptopError(f"the push did not start the run {run}; see what the Git hook printed above") from error
    if found["status"] != "SUCCEEDED":
        reason = f"{found.get('error', found['status'])}: {found.get('cause', '')}"
        return Delivered(run, succeeded=False, service="", version="", reason=reason)
    output = json.loads(found["output"])
    return Delivered(run, succeeded=True, service=output["service"], version=output["version"], reason="")
