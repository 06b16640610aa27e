"""The status of a host that no deployment is changing."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lifecycle.application.queries.host_status import host_status
from lifecycle.application.queries.hosts import HostView
from lifecycle.application.queries.state_words import HOSTS, TARGETS, HostStatus
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import TargetState

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REPORT = HostReport("host-1", "127.0.10.1", 8080, "a", NOW, NOW, installed="1.0.0", running=True)
SERVES = HostView(
    report=REPORT,
    state=TargetState.HEALTHY,
    drift="",
    unreachable_since=None,
    quarantined="",
    skipped=False,
    role=None,
    attempt=None,
    may_be_updated=False,
)
DRIFTS = replace(SERVES, drift="has 0.9.0 installed")
UNHEALTHY = replace(DRIFTS, state=TargetState.UNHEALTHY)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (SERVES, HostStatus.SERVING),
        (replace(SERVES, state=None), HostStatus.RUNNING),
        (replace(SERVES, skipped=True), HostStatus.SERVING),
        (replace(SERVES, may_be_updated=True), HostStatus.SERVING),
        (DRIFTS, HostStatus.DRIFTED),
        (replace(DRIFTS, state=None), HostStatus.DRIFTED),
        (replace(DRIFTS, may_be_updated=True), HostStatus.SERVING_OLD),
        (replace(DRIFTS, state=None, may_be_updated=True), HostStatus.WAITING),
        (replace(DRIFTS, skipped=True), HostStatus.LEFT_OUT),
        (replace(DRIFTS, skipped=True, may_be_updated=True), HostStatus.LEFT_OUT),
        (replace(UNHEALTHY, skipped=True), HostStatus.LEFT_OUT),
        (replace(DRIFTS, report=replace(REPORT, running=False)), HostStatus.STOPPED),
        (replace(DRIFTS, report=replace(REPORT, running=False), skipped=True), HostStatus.STOPPED),
        (replace(DRIFTS, report=replace(REPORT, running=False, installed="")), HostStatus.EMPTY),
    ],
)
def test_status_of_a_resting_host(host: HostView, expected: HostStatus) -> None:
    assert host_status(host) == HOSTS[expected]


@pytest.mark.parametrize("state", [each for each in TargetState if each is not TargetState.HEALTHY])
def test_resting_host_that_is_not_healthy_shows_its_state_in_the_load_balancer(state: TargetState) -> None:
    assert host_status(replace(UNHEALTHY, state=state)) == TARGETS[state]
