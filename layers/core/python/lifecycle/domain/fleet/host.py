"""Hosts and the reports that their agents write."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from lifecycle.domain.errors import InvalidName
from lifecycle.domain.fleet.epoch import STEP, Epoch
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.service.version import is_older

# A report from further in the future says nothing of when it was written: not even that its host is alive.
CLOCK_AHEAD = timedelta(minutes=15)
# A host's clock that differs by more is named to people.
NAMED_SKEW = timedelta(seconds=5)

NOT_KNOWN = "it is not known whether the release command ran"
"""The words for a release command that may have run, in part or as a whole."""

_HOST = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]{0,62}")


def host_name(text: str) -> str:
    """Check a host's name; raises InvalidName."""
    if not _HOST.fullmatch(text):
        raise InvalidName("host", text, "at most 63 letters, digits, dots and hyphens")
    return text


class AgentStage(StrEnum):
    """The progress of a host within its turn."""

    IDLE = "IDLE"
    FETCHING = "FETCHING"
    READY = "READY"  # prefetched: the version is on the disk, checked and unpacked
    RELEASING = "RELEASING"  # the release command runs; without its end, it is not known whether it ran
    RELEASED = "RELEASED"  # the release command ended with exit code 0
    INSTALLING = "INSTALLING"
    STARTING = "STARTING"
    SELF_TESTING = "SELF_TESTING"
    DONE = "DONE"
    FAILED = "FAILED"


class Feature(StrEnum):
    """Parts of lifecycle.toml that an older agent ignores, and signatures; a newer one may report others."""

    PROCESSES = "processes"
    SCHEDULES = "schedules"
    RELEASE = "release"
    NEEDS = "needs"  # it reports its runtimes, and refuses a version that needs a command which the host lacks
    SIGNATURES = "signatures"  # it checks them, because it was given keys


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The result of one self-test: for which bytes, on which start of the service."""

    passed: bool
    digest: str
    boot: str
    detail: str


@dataclass(frozen=True, slots=True)
class ServiceEnd:
    """The end of a service that had passed its self-test, and that no turn has stopped.

    `at` is when the agent noticed it, in UTC. `how` is for example "exit code 3" or "SIGKILL", and empty where it is
    not known. `booted`: the service ended because its host booted. `boot` is the start that ended. `announced` counts
    the times that the agent has asked for a repair since; each of them starts convergence. `process` is the one
    that ended; empty for the main one.
    """

    at: datetime
    how: str
    boot: str
    booted: bool = False
    log_tail: str = ""
    announced: int = 1
    process: str = ""

    @property
    def in_words(self) -> str:
        """The words that follow the name of a host."""
        if self.booted:
            return "its host booted, and its service was not started since"
        what = f"its process {self.process}" if self.process else "its service"
        return f"{what} ended with {self.how}" if self.how else f"{what} ended"


@dataclass(frozen=True, slots=True)
class HostReport:
    """The state of a host as its agent reports it. The agent is the only writer, and writes the whole report.

    `epoch`, `attempt` and `order` name the last turn that the agent acted on, `stage` the progress.
    `failed_stage` and `detail` say why it stopped. `boot` is a new random name at each start of the service;
    empty when it does not run. `releases` are the checked versions on the disk. `seen_at` is renewed every
    few seconds. `ended` says how the service ended, until a turn starts it again. `leftover` is the version whose
    start left a process that could not be ended, which failed the turn ("unknown" if that process does not say).
    `skew` is how many seconds the host's clock is ahead of AWS's; the agent corrects its times by it. It is None from
    an older agent, which does neither. `release_ended` says that it knows how the release command of its last turn
    ended, or that it never began. `address` and `port` are where the service was started. `moves_to` is where the
    next start binds, such as `10.0.1.7:9090`, if the agent's settings changed since. `features` are the parts of
    lifecycle.toml that it knows. `manifest` is the sha256 of the installed version's manifest, and `newest` has the
    newest release and the newest snapshot that the host ran. `commands` are the runtimes of the host, such as
    python3.13 (domain/service/needs.py).
    """

    host: str
    address: str
    port: int
    zone: str
    seen_at: datetime
    agent_started_at: datetime
    epoch: Epoch = 0
    attempt: int = 0
    order: Order = Order.IDLE
    deployment: str = ""
    stage: AgentStage = AgentStage.IDLE
    failed_stage: AgentStage | None = None
    detail: str = ""
    log_tail: str = ""
    installed: str = ""
    digest: str = ""
    boot: str = ""
    running: bool = False
    self_test: SelfTest | None = None
    releases: tuple[str, ...] = ()
    ended: ServiceEnd | None = None
    leftover: str = ""
    skew: float | None = None
    config: int = 0
    release_ended: bool = False
    moves_to: str = ""
    features: tuple[str, ...] = ()
    manifest: str = ""
    newest: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def verifies(self) -> bool:
        """Return whether its agent checks signatures."""
        return Feature.SIGNATURES in self.features

    def knows_newer(self, version: str) -> bool:
        """Return whether the host says that it ran a newer version of this kind. What is no version says nothing."""
        with suppress(InvalidName):
            return any(is_older(version, each) for each in self.newest)
        return False

    @property
    def place(self) -> str:
        """The address at which the load balancer knows the host; empty where nobody knows it."""
        return self.address

    @property
    def not_running(self) -> str:
        """The words for a service that does not run."""
        return self.ended.in_words if self.ended else "its service does not run"

    @property
    def runs_releases(self) -> bool:
        """Return whether the agent knows release commands."""
        return Feature.RELEASE in self.features

    @property
    def release_not_known(self) -> bool:
        """Return whether the release command may have run, in part or as a whole, and nobody knows."""
        failed = (self.stage, self.failed_stage) == (AgentStage.FAILED, AgentStage.RELEASING)
        return failed and not self.release_ended

    @property
    def lost_address(self) -> bool:
        """True where the service was started at an address that its machine no longer has, as its agent knows."""
        return bool(self.moves_to) and self.moves_to.rpartition(":")[0] != self.address

    def has_passed(self, digest: str) -> bool:
        """Return whether the service runs these bytes, and they passed the self-test on this start of it."""
        test = self.self_test
        return (
            test is not None
            and test.passed
            and self.running
            and test.boot == self.boot
            and test.digest == self.digest == digest
        )

    def unreachable_since(self, now: datetime, heartbeat_timeout: timedelta) -> datetime | None:
        """Return the time of the last report, if that is longer ago than `heartbeat_timeout`; else None.

        Of a report from the future nobody knows the time: its host counts as unreachable since its agent started.
        """
        if self.seen_at > now + CLOCK_AHEAD:
            return min(self.agent_started_at, now - heartbeat_timeout)
        return self.seen_at if now - self.seen_at > heartbeat_timeout else None

    def clock_problem(self, now: datetime) -> str:
        """Return what is wrong with the host's clock; empty if nothing is known to be wrong.

        An older agent does not correct its times: one that is ahead shows by a report from the future.
        """
        seconds = self.skew or max(0.0, (self.seen_at - now).total_seconds())
        if abs(seconds) <= NAMED_SKEW.total_seconds():
            return ""
        return f"its clock is {abs(seconds):.0f} s {'ahead' if seconds > 0 else 'behind'}"

    def is_ready(self, epoch: int, attempt: int) -> bool:
        """Return whether the host has fetched and checked the version for this attempt."""
        return (self.epoch, self.attempt, self.stage) == (epoch, attempt, AgentStage.READY)

    def fences(self, turn: Turn) -> str | None:
        """Return why this host will not act on the turn, having acted on a later one; None if it will."""
        if self.epoch > turn.epoch:
            found = f"{self.host} has acted under epoch {self.epoch} ({self.deployment})"
            why = f"this deployment has epoch {turn.epoch}"
            if self.epoch > turn.epoch + STEP:  # no later deployment takes its word either
                return f"{found}, which no deployment had: stop its agent, delete its state.json and its report"
            return f"{found}, {why}: abort it and deploy again, which takes a higher epoch"
        acted = (self.epoch, self.attempt, self.order.progress_rank)
        if acted <= (turn.epoch, turn.attempt, turn.order.progress_rank):
            return None
        done = f"{self.host} has acted on attempt {self.attempt} to {self.order.in_words}"
        return f"{done}, this is attempt {turn.attempt} to {turn.order.in_words}: decide RETRY"

    def answers(self, turn: Turn) -> bool:
        """Return whether this report is about that turn."""
        return (self.epoch, self.attempt) == (turn.epoch, turn.attempt)


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class UnreadableReport(HostReport):
    """The report of a host that cannot be read; `why` says where it is.

    Nothing is known of the host: it counts as unreachable, runs nothing, and serves nothing. It is never stored.
    `contested` is the address that it reports beside another host (places.py). `bound` is its own, if that is known
    without its report (bound_hosts.py).
    """

    why: str = ""
    contested: str = ""
    bound: str = ""

    @property
    def place(self) -> str:
        return self.bound

    @classmethod
    def of(cls, host: str, why: str, contested: str = "", bound: str = "") -> "UnreadableReport":
        """Return the report that stands in for a host's own."""
        return cls(host, "", 0, "", _NEVER, _NEVER, why=why, contested=contested, bound=bound)


def unreachable_among(
    reports: Mapping[str, HostReport], now: datetime, heartbeat_timeout: timedelta
) -> dict[str, datetime]:
    """Return the hosts that reported longer ago than `heartbeat_timeout`, each with the time of its last report."""
    found = {host: report.unreachable_since(now, heartbeat_timeout) for host, report in sorted(reports.items())}
    return {host: since for host, since in found.items() if since}


def readable(report: HostReport | None) -> HostReport | None:
    """Return the report unless it cannot be read."""
    return None if isinstance(report, UnreadableReport) else report
