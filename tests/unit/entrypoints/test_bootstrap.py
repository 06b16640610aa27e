"""The clients of the functions: how long one call may take; and the page of the console that statuses link to."""

from datetime import timedelta

import pytest

from lifecycle.domain.rollout.lease import LONGEST_CALL
from lifecycle.entrypoints.bootstrap import client, dashboard_page
from lifecycle.names import Variable

# The longest pause before a retry in botocore's mode "standard".
LONGEST_PAUSE = 20.0


def test_call_to_the_load_balancer_ends_before_a_lease_that_it_began_under(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    config = client.__wrapped__("elbv2").meta.config
    attempts = config.retries["total_max_attempts"]
    seconds = attempts * (config.connect_timeout + config.read_timeout) + (attempts - 1) * LONGEST_PAUSE
    assert timedelta(seconds=seconds) < LONGEST_CALL


DASHBOARD = "dashboards/dashboard/lifecycle"


@pytest.mark.parametrize(
    ("machine", "page"),
    [
        (
            "arn:aws:states:eu-north-1:123456789012:stateMachine:lifecycle-delivery",
            f"https://eu-north-1.console.aws.amazon.com/cloudwatch/home?region=eu-north-1#{DASHBOARD}-eu-north-1",
        ),
        ("arn:aws:states:us-east-1:000000000000:stateMachine:lifecycle-delivery", ""),
        ("", ""),
    ],
)
def test_page_of_the_dashboard_has_no_account_number(
    monkeypatch: pytest.MonkeyPatch, machine: str, page: str
) -> None:
    monkeypatch.setenv(Variable.DELIVERY_MACHINE, machine)
    assert dashboard_page() == page
