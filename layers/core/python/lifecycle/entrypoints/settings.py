"""Settings of a function, read from its environment when it first needs them."""

import os
from dataclasses import dataclass
from datetime import timedelta

from lifecycle.domain.errors import LifecycleError
from lifecycle.names import Variable


class MissingSetting(LifecycleError):
    """A required environment variable is missing or empty."""

    def __init__(self, name: str, found: str | None) -> None:
        super().__init__(
            f"the environment variable {name} is missing or empty (found {found!r}): deploy the control plane again"
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings by the name of their environment variable (lifecycle/names.py); times are in seconds."""

    values: "dict[str, str] | os._Environ[str]"

    def text(self, name: str) -> str:
        if not (found := self.values.get(name)):
            raise MissingSetting(name, found)
        return found

    @property
    def poll_seconds(self) -> float:
        """Return the time between two polls of a waiting stage."""
        return float(self.values.get(Variable.POLL_SECONDS, "2"))

    @property
    def build_look(self) -> timedelta:
        """Return how long one call looks whether a build has ended."""
        return timedelta(seconds=float(self.values.get(Variable.BUILD_LOOK_SECONDS, "0")))

    @property
    def heartbeat_timeout(self) -> timedelta:
        """Return the time without a report after which a host is unreachable."""
        return timedelta(seconds=float(self.values.get(Variable.AGENT_HEARTBEAT_TIMEOUT_SECONDS, "30")))

    @property
    def minute(self) -> timedelta:
        """Return the length of a minute of a bake or a watch; it is shorter on a laptop, for quick demos."""
        return timedelta(seconds=float(self.values.get(Variable.MINUTE_SECONDS, "60")))

    @property
    def settles(self) -> bool:
        """Return whether the load balancer may send requests for a while after a deregistration, as an ALB does."""
        return self.values.get(Variable.SETTLES, "true") != "false"


def from_environment() -> Settings:
    """Return the settings of this process."""
    return Settings(os.environ)
