"""Random walks of several agents with one schedule: what the ledger and the clocks do to them, nothing is run twice.

The real apps/agent/schedules.py acts on records in memory. Agents crash between any two calls and restart. Calls are
refused, or lose their answers. Clocks differ, hosts leave service, and commands take longer than a minute. The
oracle knows what really runs.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.agent import schedules
from apps.agent.command_runner import TimedCommand
from apps.agent.errors import StoreUnreachable
from apps.agent.named_processes import NamedProcess
from apps.agent.run_to_end import EXIT
from apps.agent.schedules import Runnable, Schedules
from lifecycle.domain.fleet.host import HostReport, SelfTest
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.fleet.scheduled_run import ScheduledRun
from lifecycle.domain.service.manifest import Manifest, Schedule
from tests.fakes.agent import MemoryScheduledRuns
from tests.support.rollout import manifest

BEGAN = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
SKEW_SECONDS = 5.0
TIMEOUT_SECONDS = 130.0
VERSION = manifest("1.0.0", schedules={"report": Schedule("./report", "* * * * *", TIMEOUT_SECONDS)})
DIGEST = VERSION.digest


class Crash(BaseException):
    """The end of an agent's process, in the middle of its work. Not an Exception, which an agent survives."""


class RunWronglyError(BaseException):
    """A command that must not have begun, as an agent must not survive it either."""


@dataclass
class Command:
    """A command that really runs on a host until `until`, and then writes its exit code."""

    minute: datetime
    until: datetime
    exit_file: Path
    code: int = 0


@dataclass
class World:
    """The true state: the time, what runs where, and which minutes were run."""

    home: Path
    chance: random.Random
    now: datetime = BEGAN
    records: dict[str, ScheduledRun] = field(default_factory=dict)
    ran: list[datetime] = field(default_factory=list)
    hosts: list["SimulatedHost"] = field(default_factory=list)
    nested: bool = False

    def going_on(self) -> list[Command]:
        return [command for host in self.hosts for command in host.commands.values()]

    def interleave(self, between: "SimulatedHost") -> None:
        """Let another agent poll while this one acts on what it has read."""
        if not self.nested and self.chance.random() < 0.2:
            self.nested = True
            self.chance.choice([host for host in self.hosts if host is not between]).poll()
            self.nested = False

    def begins(self, host: "SimulatedHost", minute: datetime) -> None:
        """Judge the beginning of a command."""
        going_on, late = self.going_on(), timedelta(seconds=60 + 2 * SKEW_SECONDS)
        wrong = {
            f"{minute} is run twice": minute in self.ran,
            f"{minute} is run while {going_on[0].minute if going_on else ''} goes on": bool(going_on),
            f"{host.name} is out of service and runs {minute}": not host.in_service(),
            f"{minute} is made up at {self.now}": abs(self.now - minute) >= late,
        }
        for why, holds in wrong.items():
            if holds:
                raise RunWronglyError(why)
        self.ran.append(minute)


class Runs(MemoryScheduledRuns):
    """The records as one agent reaches them: a call may be refused, lose its answer, or be the agent's last."""

    def __init__(self, world: World, host: "SimulatedHost") -> None:
        super().__init__(records=world.records)
        self._world, self._host = world, host

    def last(self, schedule: str) -> ScheduledRun | None:
        self._before()
        found = super().last(schedule)
        self._world.interleave(self._host)
        return found

    def replace(self, last: ScheduledRun | None, new: ScheduledRun) -> bool:
        self._before()
        done = super().replace(last, new)
        self._after()
        return done

    def is_quarantined(self) -> bool:
        self._before()
        return self._host.quarantined

    def _before(self) -> None:
        if self._world.chance.random() < 0.05:
            raise StoreUnreachable("the ledger", "refused")
        self._crash()

    def _after(self) -> None:
        if self._world.chance.random() < 0.1:
            raise StoreUnreachable("the ledger", "the answer is lost")
        self._crash()

    def _crash(self) -> None:
        if self._world.chance.random() < 0.03:
            raise Crash


class SimulatedHost:
    """One host: its agent, the service that it stands in for, and the commands that really run there."""

    log = Path("service.log")
    mark = "mark"

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.skew = timedelta(seconds=world.chance.uniform(-SKEW_SECONDS, SKEW_SECONDS))
        self.order, self.leaving, self.quarantined, self.alive, self.running = Order.IDLE, False, False, True, True
        self.commands: dict[int, Command] = {}
        self.started: Any = self
        self.restored, self.config = False, 0
        self.pids = 100
        self.home = world.home / name
        self.home.mkdir()
        self.agent = self._agent()

    def in_service(self) -> bool:
        waits = self.order is Order.IDLE or (self.order is Order.PREFETCH and not self.leaving)
        return waits and self.running and self.alive and not self.quarantined and not self.restored

    def current(self) -> Turn:
        """Return the host's turn, as the ledger has it."""
        now = self.world.now
        return Turn(self.name, self.order, "d", 1, 1, "1.0.0", DIGEST, now, now, leaving=self.leaving)

    def report(self) -> HostReport:
        passed = SelfTest(True, DIGEST, "b", "")
        made = HostReport(self.name, "127.0.0.1", 80, "a", BEGAN, BEGAN, installed="1.0.0", digest=DIGEST)
        return replace(made, boot="b" if self.running else "", running=self.running, self_test=passed)

    def start_beside(
        self,
        name: str,
        command: TimedCommand,
        end_file: Path,
        record: Callable[[NamedProcess], None],
    ) -> None:
        """Stand in for service.py: the command begins once it is recorded."""
        self.pids += 1
        self.maybe_crash()
        record(NamedProcess(name, self.pids, 1, 0.0))
        minute = datetime.fromisoformat(command.environment[schedules.DUE])
        self.world.begins(self, minute)
        lasts = timedelta(seconds=self.world.chance.choice((5, 40, 90, TIMEOUT_SECONDS)))
        code = self.world.chance.choice((0, 3))
        self.commands[self.pids] = Command(minute, self.world.now + lasts, end_file, code)
        self.maybe_crash()

    def maybe_crash(self) -> None:
        if self.world.chance.random() < 0.03:
            raise Crash

    def pass_time(self) -> None:
        """End the commands whose time is over."""
        for pid, command in list(self.commands.items()):
            if self.world.now >= command.until:
                command.exit_file.write_text(f"{EXIT}{command.code}\n")
                del self.commands[pid]

    def install(self) -> None:
        """Begin a turn: what runs is ended, as service.stop does."""
        self.order = Order.INSTALL
        self.agent.interrupt("ended by deployment d")
        self.commands.clear()

    def poll(self) -> None:
        stale = self.current()  # an agent reads its turn at the beginning of a poll
        if self.world.chance.random() < 0.5 and stale.order is Order.PREFETCH:
            self.leaving = True
        try:
            self.agent.tick(stale, self.report())
        except Crash:
            self.agent = self._agent()

    def change(self) -> None:
        """Let something happen to this host."""
        self.leaving = False
        match self.world.chance.randrange(8):
            case 0:
                self.install()
            case 1:
                self.order, self.running, self.alive = Order.PREFETCH, True, True
                self.leaving = self.world.chance.random() < 0.5
            case 2:
                self.quarantined = not self.quarantined
            case 3:
                self.alive = not self.alive
            case 4:
                self.running = not self.running
            case 5:
                self.restored = not self.restored
            case _:
                self.order, self.running, self.alive, self.quarantined = Order.IDLE, True, True, False
                self.restored = False

    def _agent(self) -> Schedules:
        """Start an agent: it knows what is on the disk, and nothing else."""
        return Schedules(
            self.home,
            self,  # type: ignore[arg-type]
            Runs(self.world, self),
            self,
            lambda: self.world.now + self.skew,
            lambda _: VERSION,
            self._runnable,
            lambda _: self.alive,
        )

    def _runnable(self, found: Manifest) -> Runnable:
        return Runnable(found, self.home, {})


@pytest.fixture
def _simulated_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the processes of this machine alone, and its disk quick."""
    monkeypatch.setattr(Schedules, "_end_members", lambda *_: None)
    monkeypatch.setattr(schedules, "write_despite_full_disk", lambda file, text: file.write_text(text))


def walk(home: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> World:
    """Let three hosts live for an hour; return the world after it."""
    world = World(home, random.Random(seed))  # noqa: S311 - a repeatable walk
    world.hosts = [SimulatedHost(world, f"web-{n}") for n in range(3)]

    def lives(process: NamedProcess) -> bool:
        return any(process.pid in host.commands for host in world.hosts)

    monkeypatch.setattr(NamedProcess, "lives", lives)
    for host in world.hosts:
        host.pids = 1000 * (1 + world.hosts.index(host))
    while world.now < BEGAN + timedelta(hours=1):
        world.now += timedelta(seconds=world.chance.uniform(1, 20))
        for host in world.chance.sample(world.hosts, 3):
            host.pass_time()
            if world.chance.random() < 0.03:
                host.change()
            host.poll()
    return world


@pytest.mark.usefixtures("_simulated_machine")
def test_no_minute_is_run_twice_and_none_by_a_host_out_of_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = 0
    for seed in range(120):
        home = tmp_path / str(seed)
        home.mkdir()
        world = walk(home, seed, monkeypatch)
        ran += len(world.ran)
    assert ran > 300
