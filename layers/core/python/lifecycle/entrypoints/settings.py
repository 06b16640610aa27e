"""Settings of a function, read from its environment when it first needs them."""

import os
from dataclasses import dataclass
from datetime import timedelta

from lifecycle.domain.errors import LifecycleError
from lifecycle.names import Variable


class MissingSetting(LifecycleError):
    """A setting is not there, or is not what it should be."""

    def __init__(self, name: str, found: str | None) -> None:
        super().__init__(f"expected the environment variable {name} to be set, found {found!r}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the functions need to know; ARNs and names as infra/ gives them, times in seconds."""

    values: "dict[str, str] | os._Environ[str]"

    def text(self, name: str) -> str:
        if not (found := self.values.get(name)):
            raise MissingSetting(name, found)
        return found

    @property
    def poll_seconds(self) -> float:
        """How often a stage looks at what it waits for."""
        return float(self.values.get(Variable.POLL_SECONDS, "2"))

    @property
    def heartbeat_timeout(self) -> timedelta:
        """How long an agent may be silent."""
        return timedelta(seconds=float(self.values.get(Variable.AGENT_HEARTBEAT_TIMEOUT_SECONDS, "30")))

    @property
    def minute(self) -> timedelta:
        """How long a minute of a test bed or of a watch lasts: a demonstration is over while somebody looks."""
        return timedelta(seconds=float(self.values.get(Variable.MINUTE_SECONDS, "60")))


def from_environment() -> Settings:
    """The settings of this process."""
    return Settings(os.environ)
