"""Changes that a person makes beside Lifecycle, with the account's own rights: they are seen within seconds."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from lifecycle import names
from tests.conftest import Laptop
from tests.end_to_end.conftest import Hello
from tests.end_to_end.service import Service
from tests.support.polling import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.emulator

# Without the rule, nothing would close a deployment before the schedule does.
SCHEDULE_SECONDS = 900


@pytest.fixture
def first(hello: Service, releases: Hello) -> str:
    """Production of hello, with the first release on every host."""
    hello.ensure_version(releases.first)
    return releases.first


def begun(service: Service, version: str) -> str:
    """Start a deployment, and wait until it has begun with a host; return its name."""
    deployment = str(service.deploy(version, "--no-watch").facts["deployment"])
    wait_for("the first host to be begun", lambda: service.steps(deployment))
    return deployment


def execution(laptop: Laptop, name: str) -> str:
    return names.execution_arn(laptop.facts["state_machines"]["rollout"], name)


def test_execution_stopped_by_hand_is_closed_within_seconds(
    laptop: Laptop, hello: Service, releases: Hello, first: str
) -> None:
    deployment = begun(hello, releases.second)
    states = laptop.aws.client("stepfunctions")
    arn = execution(laptop, deployment)
    states.stop_execution(executionArn=arn, cause="wrong version")
    stopped_at = states.describe_execution(executionArn=arn)["stopDate"]

    def closed() -> dict[str, Any] | None:
        now = hello.status()
        running = now["deployment"] and now["deployment"]["state"] == "RUNNING"
        assert not running or "stopped by hand" in (now["interrupted"] or ""), now
        return now["last"] if now["lease"] is None else None

    assert PATIENCE_SECONDS < SCHEDULE_SECONDS
    last = wait_for("convergence to close the deployment", closed)
    assert (last["deployment"], last["state"]) == (deployment, "ABORTED")
    assert "stopped by hand" in last["why"]
    took = datetime.fromisoformat(last["finished_at"]) - stopped_at
    assert took < timedelta(seconds=PATIENCE_SECONDS), took
    print(f"closed {took.total_seconds():.1f} s after the stop")
    by = [(entry["what"], entry["who"]) for entry in hello.trail(deployment)]
    assert ("aborted", "lifecycle") in by
    hello.ensure_version(first)


def test_second_execution_of_a_deployment_ends_in_words(
    laptop: Laptop, hello: Service, releases: Hello, first: str
) -> None:
    deployment = begun(hello, releases.second)
    states = laptop.aws.client("stepfunctions")
    arn = execution(laptop, deployment)
    given = states.describe_execution(executionArn=arn)["input"]
    second = states.start_execution(
        stateMachineArn=laptop.facts["state_machines"]["rollout"], name="by-hand", input=given
    )["executionArn"]

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = states.describe_execution(executionArn=second)
        return found if found["status"] != "RUNNING" else None

    found = wait_for("the second execution to end", ended)
    assert (found["status"], found["error"]) == ("FAILED", "Refused")
    assert f"the execution by-hand is not one of {deployment}" in found["cause"]
    assert hello.operator("watch", deployment).events[-1]["state"] == "DONE"
    hello.ensure_version(first)


def test_desired_version_edited_by_hand_is_held_until_somebody_deploys(
    laptop: Laptop, hello: Service, releases: Hello, first: str
) -> None:
    ssm, parameter = laptop.aws.client("ssm"), names.parameter("production", "hello", names.DESIRED)
    desired = json.loads(ssm.get_parameter(Name=parameter)["Parameter"]["Value"])
    edited = json.dumps({**desired, "version": releases.second})
    ssm.put_parameter(Name=parameter, Value=edited, Type="String", Overwrite=True)
    assert "desired is nobody's" in hello.status()["desired_problem"]
    results = hello.operator("converge", "hello").facts["results"]
    held = next(each for each in results if each["cluster"] == "production/hello")
    assert (held["kind"], f"lifecycle deploy hello {first}" in held["reason"]) == ("HOLD", True), held
    assert set(hello.installed().values()) == {first}
    assert hello.deploy(first).end["state"] == "DONE"
    assert hello.status()["desired_problem"] is None
