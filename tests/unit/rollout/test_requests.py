"""The request of a rollback, and the persons who may approve a deployment."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.domain.errors import InvalidName
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment, Kind, Request, check_deployment_id
from lifecycle.domain.rollout.gates import approval_refusal
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from tests.support.rollout import CLUSTER, Machine

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
REQUEST = Request("hello-production-20261123120000-ab12", "hello", "production", "1.4.1", "ada")


def deployment(policy: Policy) -> Deployment:
    return Deployment.not_begun(REQUEST, Target("1.4.1", "d" * 64), policy, AT)


@pytest.mark.parametrize(
    ("by_another", "by", "refused"),
    [(True, "ada", True), (True, "grace", False), (False, "ada", False), (False, "grace", False)],
)
def test_requester_may_not_approve_where_the_policy_requires_another_person(
    by: str, *, by_another: bool, refused: bool
) -> None:
    why = approval_refusal(deployment(Policy(approval_by_another=by_another)), by)
    assert (why is not None) == refused
    if why:
        assert "ada requested hello-production-20261123120000-ab12" in why
        assert "production/hello requires approval by another person" in why


def test_request_of_a_rollback_is_named_after_its_deployment_and_the_time() -> None:
    at = AT + timedelta(minutes=5)
    request = deployment(Policy()).rollback_request(Target("1.4.0", "e" * 64), "grace", "too slow", at)
    assert request == Request(
        deployment="hello-production-20261123120500-ab12r",
        service="hello",
        environment="production",
        version="1.4.0",
        requested_by="grace",
        reason="too slow",
        kind=Kind.ROLLBACK,
        rollback_of=REQUEST.deployment,
        config=0,
    )


@pytest.mark.parametrize("minutes", [16, 24 * 60, 10**8])
def test_deployment_named_after_a_future_time_is_refused(machine: Machine, minutes: int) -> None:
    """It would be the newest deployment until then, so its version would be the rollback target."""
    machine.deploy("1.0.0")
    later = f"{machine.now + timedelta(minutes=minutes):%Y%m%d%H%M%S}"
    planned = machine.begin(machine.request("1.0.1", deployment=f"hello-production-{later}-ab12"))
    assert (planned.kind, later in planned.reason) == ("REFUSED", True)
    assert [each.target.version for each in machine.memory.deployments.recent(CLUSTER, 9)] == ["1.0.0"]


def test_requester_clock_may_be_a_little_ahead(machine: Machine) -> None:
    soon = f"{machine.now + timedelta(minutes=14):%Y%m%d%H%M%S}"
    assert machine.begin(machine.request("1.0.1", deployment=f"hello-production-{soon}-ab12")).kind == "PLANNED"


@pytest.mark.parametrize("time", ["99999999999999", "00000000000000", "20261323120000", "20261123126000"])
def test_deployment_named_after_no_time_is_refused(time: str) -> None:
    with pytest.raises(InvalidName, match="is not a deployment name of this cluster"):
        check_deployment_id(f"hello-production-{time}-ab12", Cluster("production", "hello"))
