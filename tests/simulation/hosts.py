"""The true state of hosts: disks, running services, and flaws of versions. The oracle judges by this."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from apps.agent.decide import State
from apps.agent.ledger_clock import LedgerClock
from apps.agent.ports import PublishedManifest
from apps.agent.processes import kernel_boot
from lifecycle.domain.fleet.host import HostReport

if TYPE_CHECKING:
    from tests.simulation.scheduler import Actor
    from tests.simulation.simulation import Simulation


class Flaw(Enum):
    """A fault of a version, named by where it shows."""

    NONE = auto()
    BYTES = auto()  # the store has other bytes than were published
    RELEASE = auto()  # its release command fails
    START = auto()  # it does not start
    SELF_TEST = auto()  # it starts, and fails its self-test
    ALIVE = auto()  # it passes its self-test, and answers no health check
    DIES = auto()  # it passes everything, and ends by itself later, until the run is calm


PORT = 8080
"""The port of every host until somebody sets another one."""


@dataclass(slots=True)
class Boot:
    """One start of the service. `tested` is the true result of its self-test, not the reported one.

    It serves at `address` and `port`.
    """

    boot: str
    version: str
    digest: str
    deployment: str
    at: float
    tested: bool = False
    alive: bool = True
    unhealthy: bool = False
    config: int = 0
    address: str = ""
    port: int = PORT
    kernel: str = field(default_factory=kernel_boot)


@dataclass(slots=True)
class Host:
    """One machine. `journal` and `disk` survive the agent; `boot` is the running service.

    `started` is the last start that no turn has stopped, also after its end.
    `journal_before` is the agent's state before its last one, as an older image of the disk has it.
    The times (`…_at`, `…_until`) are simulated seconds, -1e9 for never.
    `left`: its machine is gone for good; `ending`: Auto Scaling ends it soon.
    `newest` is the agent's file with the newest version that ran here.
    `cover_up` changes every report of a failed self-test. `slowness` multiplies the time of each step.
    `passed_before` is the version and configuration whose self-test has passed before its start, without HTTP.
    `left_behind` is a start that left a process which does not end before `left_behind_until`.
    `release_runs` are the release commands that began here: deployment, attempt, version, and whether exit code 0.
    `clock_ahead` is the error of the host's own clock, and `clock_set_at` when that last changed. `port` is where the
    next start binds, and `next_port` the one of the next agent. `reported_port` is what the agent has reported, since
    `port_reported_at`. `claims` is the address that its reports name in place of its own,
    before `lies_until`.
    """

    sim: "Simulation"
    name: str
    address: str
    zone: str
    up: bool = True
    left: bool = False
    ending: bool = False
    agent: "Actor | None" = None
    journal: State | None = None
    journal_before: State | None = None
    disk: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, PublishedManifest] = field(default_factory=dict)
    envelopes: dict[str, str] = field(default_factory=dict)
    newest: str | None = None
    current: str = ""
    boot: Boot | None = None
    started: Boot | None = None
    boot_changed_at: float = -1e9
    boots: int = 0
    cut_off_until: float = 0.0
    last_report_at: float = 0.0
    last_unreachable_at: float = -1e9
    joined_at: float = -1e9
    disk_lost_at: float = -1e9
    healthy_at: float = -1e9
    false_report_at: float = -1e9
    slowness: float = 1.0
    reports_falsely: bool = False
    cover_up: Callable[[HostReport], HostReport] | None = None
    acted_epoch: int = 0
    disk_full_until: float = -1e9
    passed_before: tuple[str, int] | None = None
    left_behind: Boot | None = None
    left_behind_until: float = -1e9
    clock: LedgerClock | None = None
    clock_ahead: float = 0.0
    clock_set_at: float = -1e9
    release_runs: list[tuple[str, int, str, bool]] = field(default_factory=list)
    port: int = PORT
    reported_port: int = PORT
    port_reported_at: float = -1e9
    next_port: int = PORT
    claims: str = ""
    lies_until: float = -1e9

    def answers_checks(self, port: int | None = None) -> bool:
        """Return whether a health check passes now, at this port or where the service serves.

        Without HTTP, a tested start of it runs.
        """
        boot = self.boot
        if not self.sim.http:
            return self.up and boot is not None and boot.tested
        answers = boot is not None and boot.alive and port in (None, boot.port)
        return self.up and answers and self.sim.now >= self.sim.outage_until

    def reachable(self) -> bool:
        """Return True while its agent runs and reaches the ledger."""
        agent = self.agent
        return agent is not None and not agent.gone and self.sim.now >= self.cut_off_until

    def set_boot(self, boot: Boot | None) -> None:
        """Set the running service, or None; the next health check notices."""
        self.boot = boot
        self.boot_changed_at = self.sim.now
        self.sim.balancer.check_soon(self.address)
