"""The view of one deployment: whether it has the lease, and whether a button may undo it."""

from dataclasses import replace

import pytest

from lifecycle.application.queries.deployment import DeploymentView, view_deployments
from lifecycle.application.queries.scope import Scope
from lifecycle.console.deployment import draw_deployment
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.service.commits import ChangeNote
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import Desk


def viewed(desk: Desk, name: str) -> DeploymentView:
    found = view_deployments(desk.query, Scope(), name).shown
    assert found is not None
    return found


def test_last_deployment_that_is_done_may_be_undone(desk: Desk) -> None:
    older = desk.machine.deploy("1.0.1")
    newest = desk.machine.deploy("1.0.2")
    assert viewed(desk, newest).may_roll_back.allowed
    assert "no longer runs it, but 1.0.2 of" in viewed(desk, older).may_roll_back.why
    assert not viewed(desk, newest).has_lease


def test_aborted_deployment_may_be_undone_once_its_lease_is_free(desk: Desk) -> None:
    halted = desk.halted()
    assert viewed(desk, halted).has_lease
    assert viewed(desk, halted).may_roll_back.allowed
    desk.machine.decide(halted, Choice.ABORT, "host-2")
    assert not viewed(desk, halted).has_lease
    assert viewed(desk, halted).may_roll_back.allowed


def test_request_that_was_refused_in_a_new_cluster_is_shown(desk: Desk) -> None:
    fresh = Desk.of()
    request = fresh.machine.request("1.0.1")
    refused = Deployment.not_begun(request, Target("1.0.1", ""), Policy(), fresh.machine.now, "frozen")
    fresh.machine.memory.deployments.put(refused)
    fresh.machine.memory.registry.set_desired(CLUSTER, Desired("1.0.0", "d" * 64, 1, "d-1"))
    found = viewed(fresh, request.deployment)
    assert (found.deployment.state, found.may_roll_back.allowed) == (DeploymentState.QUEUED, False)


def test_trail_has_the_entries_of_this_deployment_alone(desk: Desk) -> None:
    older = desk.machine.deploy("1.0.1")
    desk.machine.deploy("1.0.2")
    entries = viewed(desk, older).audit_entries
    assert entries
    assert {each.deployment for each in entries} == {older}


@pytest.mark.parametrize(
    ("link", "shown"), [("https://github.com/o/r/compare/a...b", True), ("javascript:alert(1)", False)]
)
def test_widget_has_the_commits_and_a_link_to_a_web_page_only(desk: Desk, link: str, *, shown: bool) -> None:
    name = desk.machine.deploy("1.0.1")
    changes = ChangeNote("2 commits since 1.0.0", ("Raise <prices>", "Try it"), link)
    desk.machine.memory.deployments.put(replace(desk.machine.record(name), changes=changes))
    page = str(draw_deployment(view_deployments(desk.query, Scope(), name), desk.context()))
    assert "2 commits since 1.0.0" in page
    assert "Raise &lt;prices&gt;" in page
    assert (link in page) is shown
