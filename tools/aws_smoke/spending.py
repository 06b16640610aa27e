"""The cost of a run by list prices and the clock. It is no bill: AWS knows a bill's figures hours later."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.aws_smoke.cloud import SmokeFailed

HOSTS = 2
_ADDRESSES = HOSTS + 2  # of the hosts, and of the load balancer in two zones
_BUILD_MINUTES = 10.0  # of the two builds together
_MONTH_HOURS = 730.0
_KEYS = 4  # of configurations, releases and snapshots, and one more while a key is changed
CLEAN_UP_HOURS = 0.5
USUAL_HOURS = 1.0


class TooExpensive(SmokeFailed):
    """The run would cost more than its cap."""


def hourly(prices: Mapping[str, Any]) -> float:
    """Return the USD of an hour while everything is up; keys and secrets are billed by the hour."""
    monthly = _KEYS * prices["kms"]["key_month"] + prices["secrets_manager"]["secret_month"]
    monthly += prices["cloudwatch"]["dashboard_month"] + 6 * prices["cloudwatch"]["alarm_metric_month"]
    return float(
        prices["load_balancer"]["hour"]
        + HOSTS * prices["ec2"]["t3_small_hour"]
        + _ADDRESSES * prices["vpc"]["public_address_hour"]
        + monthly / _MONTH_HOURS
    )


def once(prices: Mapping[str, Any]) -> float:
    """Return the USD of the builds."""
    return float(_BUILD_MINUTES * prices["codebuild"]["small_minute"])


def estimate(prices: Mapping[str, Any]) -> float:
    """Return the USD of a run that takes its usual time."""
    return once(prices) + (USUAL_HOURS + CLEAN_UP_HOURS) * hourly(prices)


@dataclass
class Budget:
    """The cap of a run in USD; `elapsed` is the seconds since it began."""

    cap: float
    prices: Mapping[str, Any]
    elapsed: Callable[[], float]

    def check(self, step: str) -> None:
        """Raise TooExpensive if the time until now, and the clean-up, cost more than the cap."""
        spent = self.spent()
        reserve = CLEAN_UP_HOURS * hourly(self.prices)
        if spent + reserve > self.cap:
            raise TooExpensive(
                f"before '{step}' {spent:.2f} USD are spent by list prices, and {reserve:.2f} are kept to clean up: "
                f"more than the cap of {self.cap:.2f} USD"
            )

    def spent(self) -> float:
        """Return the USD until now."""
        return once(self.prices) + self.elapsed() / 3600 * hourly(self.prices)
