"""The request of a rollback, and the persons who may approve a deployment."""

from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.domain.rollout.deployment import Deployment, Kind, Request
from lifecycle.domain.rollout.gates import approval_refusal
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target

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
    )
