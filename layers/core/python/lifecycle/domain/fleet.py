"""The fleet: clusters, hosts, the turns that hosts are given and the reports that they make."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lifecycle.domain.errors import InvalidName

ENVIRONMENTS = ("staging", "production")
_SERVICE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_HOST = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]{0,62}")


def service_name(text: str) -> str:
    """Check a service's name; raises InvalidName."""
    if not _SERVICE.fullmatch(text) or len(text) > 24:
        raise InvalidName("service", text, "at most 24 lower-case letters, digits and single hyphens")
    return text


def host_name(text: str) -> str:
    """Check a host's name; raises InvalidName."""
    if not _HOST.fullmatch(text):
        raise InvalidName("host", text, "at most 63 letters, digits, dots and hyphens")
    return text


@dataclass(frozen=True, slots=True, order=True)
class Cluster:
    """A service's hosts in one environment, written `production/hello`."""

    environment: str
    service: str

    def __post_init__(self) -> None:
        if self.environment not in ENVIRONMENTS:
            raise InvalidName("environment", self.environment, " or ".join(ENVIRONMENTS))
        service_name(self.service)

    @classmethod
    def parse(cls, text: str) -> "Cluster":
        environment, _, service = text.partition("/")
        return cls(environment, service)

    def __str__(self) -> str:
        return f"{self.environment}/{self.service}"


class Order(StrEnum):
    """What a turn lets its host do."""

    IDLE = "IDLE"  # nothing; poll slowly
    STAND_BY = "STAND_BY"  # fetch and check the version; touch nothing that runs
    INSTALL = "INSTALL"  # stop the service, switch to the version, start it, self-test it
    RESTORE = "RESTORE"  # the same with the previous version, to tell a bad host from a bad version

    @property
    def place(self) -> int:
        """The order of orders within one attempt: a later one is never replaced by an earlier one."""
        return _PLACES[self]


_PLACES = {order: place for place, order in enumerate(Order)}


@dataclass(frozen=True, slots=True)
class Turn:
    """Permission for one host to act, under one epoch; written by the control plane, read by the agent.

    A turn is told from another by (epoch, attempt). After `expires_at` the agent does not begin it. Every host of
    a plan stands by under attempt 0; attempt 1 or later means that its turn is near, and it polls quickly.
    """

    host: str
    order: Order
    deployment: str
    epoch: int
    attempt: int
    version: str
    digest: str
    issued_at: datetime
    expires_at: datetime


class Stage(StrEnum):
    """Where a host is within its turn."""

    IDLE = "IDLE"
    FETCHING = "FETCHING"
    READY = "READY"  # standing by: the version is on the disk, checked and unpacked
    INSTALLING = "INSTALLING"
    STARTING = "STARTING"
    SELF_TESTING = "SELF_TESTING"
    DONE = "DONE"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The result of one self-test: of which bytes, on which start of the service."""

    passed: bool
    digest: str
    boot: str
    detail: str


@dataclass(frozen=True, slots=True)
class HostReport:
    """What a host says of itself; its agent is the only writer, and writes the whole of it.

    `epoch`, `attempt` and `order` name the last turn acted on, `stage` how far it got, `failed_stage` and `detail`
    why it stopped. `boot` is a new random name at each start of the service; empty when it does not run. `releases`
    are the versions on the disk, checked. `seen_at` is renewed every few seconds.
    """

    host: str
    address: str
    port: int
    zone: str
    seen_at: datetime
    agent_started_at: datetime
    epoch: int = 0
    attempt: int = 0
    order: Order = Order.IDLE
    deployment: str = ""
    stage: Stage = Stage.IDLE
    failed_stage: Stage | None = None
    detail: str = ""
    log_tail: str = ""
    installed: str = ""
    digest: str = ""
    boot: str = ""
    running: bool = False
    self_test: SelfTest | None = None
    releases: tuple[str, ...] = ()

    def has_passed(self, digest: str) -> bool:
        """Whether what runs now are these bytes, and passed their self-test on this start of the service."""
        test = self.self_test
        return (
            test is not None
            and test.passed
            and self.running
            and test.boot == self.boot
            and test.digest == self.digest == digest
        )

    def silent_since(self, now: datetime, patience: timedelta) -> datetime | None:
        """When the agent was last heard, if that is longer ago than `patience`."""
        return self.seen_at if now - self.seen_at > patience else None

    def answers(self, turn: Turn) -> bool:
        """Whether this report is about that turn."""
        return (self.epoch, self.attempt) == (turn.epoch, turn.attempt)
