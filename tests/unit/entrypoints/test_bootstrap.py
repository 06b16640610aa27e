"""The clients of the functions: how long one call may take."""

from datetime import timedelta

import pytest

from lifecycle.domain.rollout.lease import LONGEST_CALL
from lifecycle.entrypoints.bootstrap import client

# The longest pause before a retry in botocore's mode "standard".
LONGEST_PAUSE = 20.0


def test_call_to_the_load_balancer_ends_before_a_lease_that_it_began_under(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    config = client.__wrapped__("elbv2").meta.config
    attempts = config.retries["total_max_attempts"]
    seconds = attempts * (config.connect_timeout + config.read_timeout) + (attempts - 1) * LONGEST_PAUSE
    assert timedelta(seconds=seconds) < LONGEST_CALL
