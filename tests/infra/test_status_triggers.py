"""The triggers of the phase that sends statuses to a forge, and who may read its token."""

import json
from typing import Any

from infra.constructs.status_triggers import OF_DEPLOYMENTS
from lifecycle.domain.monitoring.notifications import NotificationKind
from lifecycle.entrypoints.status_events import ReportStatus
from tests.infra.granted import PHASES
from tests.infra.reading import listed, resources, role_of, statements, text


def rule(template: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in resources(template, "Events::Rule").values() if each["Name"] == name)
    return found


def test_every_change_of_a_run_on_github_starts_it(control_plane: dict[str, Any]) -> None:
    pattern = rule(control_plane, "lifecycle-run-status")["EventPattern"]
    assert pattern["source"] == ["aws.states"]
    assert pattern["detail-type"] == ["Step Functions Execution Status Change"]
    assert [text(each) for each in pattern["detail"]["stateMachineArn"]] == ["states:stateMachine:lifecycle-delivery"]
    assert pattern["detail"]["input"] == [{"wildcard": "*https://github.com/*"}]
    assert "status" not in pattern["detail"]


def test_every_change_of_a_deployment_starts_it(control_plane: dict[str, Any]) -> None:
    pattern = rule(control_plane, "lifecycle-deployment-status")["EventPattern"]
    assert pattern == {
        "source": ["lifecycle"],
        "detail-type": ["Deployment changed", "Rollback began", "Deployment finished", "Deployment refused"],
    }
    assert not any(kind.for_people for kind in NotificationKind if kind is NotificationKind.CHANGED)
    assert len(OF_DEPLOYMENTS) == 4


def test_event_is_given_up_when_the_schedule_has_looked(control_plane: dict[str, Any]) -> None:
    for name in ("lifecycle-run-status", "lifecycle-deployment-status"):
        (target,) = rule(control_plane, name)["Targets"]
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 900, "MaximumRetryAttempts": 2}
        assert "Input" not in target
        assert "InputPath" not in target
    (schedule,) = (
        each
        for each in resources(control_plane, "Scheduler::Schedule").values()
        if each["Name"] == "lifecycle-report-status"
    )
    assert schedule["ScheduleExpression"] == "rate(15 minutes)"
    event = ReportStatus.model_validate(json.loads(schedule["Target"]["Input"]))
    assert (event.run, event.deployment) == ("", "")


def test_only_this_phase_reads_the_token_and_no_state_machine_calls_it(
    control_plane: dict[str, Any], emulated: dict[str, Any]
) -> None:
    for template in (control_plane, emulated):
        for phase in PHASES:
            readable = {
                text(resource)
                for each in statements(role_of(template, phase))
                if "secretsmanager:GetSecretValue" in listed(each["Action"])
                for resource in listed(each["Resource"])
            }
            token = any("forge-token" in each or each == "*" for each in readable)
            assert token == (phase == "report_status"), phase
        machines = json.dumps(resources(template, "StepFunctions::StateMachine"))
        assert "report-status" not in machines
