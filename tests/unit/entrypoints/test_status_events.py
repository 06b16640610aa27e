"""Events of report_status: those of EventBridge and of the schedule are read, and others are refused."""

from typing import Any

import pytest

from lifecycle.domain.errors import InvalidEvent
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.entrypoints.handler import parse
from lifecycle.entrypoints.status_events import ReportStatus

DEPLOYMENT = "hello-staging-20261123120000-ab12"


def test_event_of_step_functions_names_the_run() -> None:
    detail = {"name": "shop-1", "status": "RUNNING", "input": "{}", "stateMachineArn": "x"}
    event = parse(ReportStatus, {"source": "aws.states", "detail-type": "x", "detail": detail})
    assert (event.run, event.deployment) == ("shop-1", "")


def test_notification_names_the_deployment_and_its_cluster() -> None:
    event = parse(ReportStatus, {"source": "lifecycle", "detail": {"deployment": DEPLOYMENT, "service": "hello"}})
    assert (event.run, event.deployment, event.cluster()) == ("", DEPLOYMENT, Cluster("staging", "hello"))


def test_schedule_names_neither() -> None:
    event = parse(ReportStatus, {"requested_by": "schedule"})
    assert (event.run, event.deployment) == ("", "")


@pytest.mark.parametrize(
    "event",
    [
        {"source": "aws.states", "detail": None},
        {"source": "aws.states", "detail": {}},
        {"source": "aws.states", "detail": {"name": ["a"]}},
        {"source": "lifecycle", "detail": {"deployment": ""}},
        {"source": "lifecycle", "detail": {"deployment": "no cluster"}},
        {"source": None, "detail": {"name": "x" * 81}},
        {"deployment": "no cluster"},
        {"token": "x"},
    ],
)
def test_other_event_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        parse(ReportStatus, event)
