"""The end of an execution calls converge by EventBridge, with an event that it can read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from apps.local.paths import ACCOUNT, EMULATED, REGION
from infra.constructs.triggers import ENDED
from lifecycle import names
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.entrypoints.events import Converge
from tests.integration.statemachines.conftest import Stage
from tests.integration.statemachines.test_rollout import PLANNED, request, step

pytestmark = pytest.mark.emulator

ROLLOUT = names.machine_arn(names.ROLLOUT, EMULATED)


@pytest.fixture
def rule(stage: Stage) -> Iterator[None]:
    """The rule of infra/constructs/triggers.py, with converge as its target."""
    events = stage.aws.client("events")
    detail = {"status": ENDED["status"], "stateMachineArn": [ROLLOUT]}
    pattern = {"source": ENDED["source"], "detail-type": ENDED["detail-type"], "detail": detail}
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lifecycle-converge"
    events.put_rule(Name=names.EXECUTION_RULE, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=names.EXECUTION_RULE, Targets=[{"Id": "converge", "Arn": arn}])
    yield
    events.remove_targets(Rule=names.EXECUTION_RULE, Ids=["converge"])
    events.delete_rule(Name=names.EXECUTION_RULE)


def read(event: dict[str, Any]) -> tuple[str, Cluster | None]:
    asked = Converge.model_validate(event)
    ended = asked.ended()
    assert ended is not None
    assert ended.lasted.total_seconds() >= 0
    return ended.name, asked.only()


@pytest.mark.usefixtures("rule")
def test_stopped_execution_calls_converge_for_its_cluster(stage: Stage) -> None:
    stage.play(plan=[PLANNED], next_step=[step("AWAIT_HUMAN", question="approval")])
    execution = stage.start("rollout", "stopped-by-hand", request("hello-production-20261123120000-ab12"))
    stage.until_called("await_human")
    stage.aws.client("stepfunctions").stop_execution(executionArn=execution, cause="wrong version")
    assert read(stage.until_called("converge")) == ("stopped-by-hand", Cluster("production", "hello"))


@pytest.mark.usefixtures("rule")
def test_failed_execution_calls_converge_and_a_successful_one_does_not(stage: Stage) -> None:
    stage.play(
        plan=[
            {"kind": "NOTHING_TO_DO", "epoch": 0, "reason": "served"},
            {"kind": "REFUSED", "reason": "no", "epoch": 0},
        ]
    )
    assert (
        stage.run("rollout", "nothing-to-do", request("hello-production-20261123120000-ab12")).status == "SUCCEEDED"
    )
    assert stage.run("rollout", "refused-plan", request("hello-production-20261123120001-ab12")).status == "FAILED"
    assert read(stage.until_called("converge"))[0] == "refused-plan"
    assert len(stage.calls("converge")) == 1
