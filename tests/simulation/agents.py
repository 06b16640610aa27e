"""The real agent of apps/agent on a simulated host: its loop, decision, journal and order of work.

Replaced are the parts that touch a machine: the disk, the service's processes, the reporting thread, and the
parts of apps/agent/installer.py that simulated_installer.py replaces.
"""

import contextlib
import threading
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from apps.agent.agent import Agent
from apps.agent.configuration import Configuration
from apps.agent.decide import State
from apps.agent.errors import StoreUnreachable
from apps.agent.journal import Journal
from apps.agent.ledger_clock import LedgerClock
from apps.agent.polling import PollPace
from apps.agent.settings import Settings
from apps.agent.supervision import Supervision
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Turn
from tests.simulation import false_reports, host_faults, simulated_installer
from tests.simulation.hosts import Host
from tests.simulation.quick_records import http_date, report_seen_at
from tests.simulation.services import Configurations, HostSignatures, ReleaseStore, Service

HOME = Path("/home")

# Every field of a report except the time at which it was made.
_content = attrgetter(*(name for name in HostReport.__slots__ if name != "seen_at"))


class SimulatedJournal(Journal):
    """The agent's journal; its file is the host's attribute `journal`."""

    def __init__(self, host: Host, reports: "AgentLedger") -> None:
        self._host = host
        self._file = HOME / "state.json"
        self._reports = reports
        self._on_disk = lambda: host.disk
        self._state = host.journal
        self._begun = None

    def _write(self, state: State) -> None:
        host = self._host
        host.sim.work(host, "write the journal", 0.02, disk=True)
        host_faults.require_space(host)
        before, host.journal = host.journal, state
        host.journal_before = before
        host.sim.oracle.journal_written(host, before, state)


class AgentLedger:
    """The agent's ports Turns and Reports; `last` is the turn that it read last."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.last: Turn | None = None

    def current(self) -> Turn | None:
        self._reach()
        sim = self._host.sim
        self.last = sim.fleet.turn(sim.cluster, self._host.name)
        return self.last

    def latest(self) -> HostReport | None:
        self._reach()
        return self._host.sim.fleet.written(self._host.name)

    def write(self, report: HostReport) -> None:
        self._host.sim.fleet.write_report(self._host.sim.cluster, report)

    def _reach(self) -> None:
        host = self._host
        clock = host.clock
        if clock:
            clock.sent()
        host.sim.work(host, "poll the ledger", 0.05)
        if host.sim.now < host.cut_off_until:
            raise StoreUnreachable("the ledger", "the network is down")
        if clock:
            clock.answered(http_date(host.sim.time()))


class Reporter:
    """The reporter: it sends the newest report a moment later, or when the ledger is reachable again."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._wanted: HostReport | None = None
        self._sent: HostReport | None = None
        self._due = False
        self._agent: Any = None

    @property
    def has_sent(self) -> bool:
        """Return whether this start of the agent has sent a report; a heartbeat renews no other."""
        return self._sent is not None

    def publish(self, report: HostReport) -> None:
        wanted = self._wanted
        if wanted is None or _content(report) != _content(wanted):
            self._wanted = report
            self._send_soon(0.0)

    def resend_report(self) -> None:
        """Send the newest report again, even if it was sent before."""
        if self._wanted is not None:
            self._send_soon(0.0)

    def flush(self, seconds: float) -> bool:
        """Send the newest report now; return False after `seconds` without the ledger."""
        host = self._host
        host.sim.work(host, "report", 0.1)
        if host.sim.now < host.cut_off_until:
            host.sim.work(host, "wait for the ledger", seconds)
            return False
        self._send()
        return True

    def check_service(self) -> None:
        """Check the service between two polls of the ledger; report it if it has died."""
        if self._agent is not None:
            self._agent._publish()

    def _send_soon(self, wait: float) -> None:
        if not self._due:
            self._due = True
            self._host.sim.after(wait, wait + 0.6 * min(self._host.slowness, 3.0), self._send)

    def _send(self) -> None:
        host, sim = self._host, self._host.sim
        self._due = False
        if host.agent is None or host.agent.gone or self is not sim.reporters[host.name]:
            return
        if self._wanted is None:
            return
        if sim.now < host.cut_off_until:
            self._send_soon(host.cut_off_until - sim.now)
            return
        report = report_seen_at(self._wanted, host.clock.now() if host.clock else sim.time())
        if host.cover_up:
            report = host.cover_up(report)
        if host.reports_falsely:
            host.false_report_at = sim.now
            report = false_reports.falsified(sim, report, sim.fleet.written(host.name))
        report = replace(report, address=host.claims or report.address)
        if self._sent is None:
            self._sent, host.last_unreachable_at = report, sim.now
        host.last_report_at = sim.now
        if host.reported_port != host.port:
            host.reported_port, host.port_reported_at = host.port, sim.now
        if sim.fleet.is_new(host.name):
            host.joined_at = sim.now
        sim.fleet.write_report(sim.cluster, report)
        if sim.tracing:
            sim.say(host.name, f"reports {report.epoch}.{report.attempt} {report.stage}", report.detail)


class _NoSurvival:
    """Hands on each error that the agent does not know: here it is a bug."""

    surviving = contextlib.nullcontext


def new_agent(host: Host) -> tuple[Agent, SimulatedJournal, AgentLedger]:
    """Return an agent as it starts, with the journal and ledger that `run_agent` watches."""
    sim = host.sim
    simulated_installer.add_host(host)
    host.port = host.next_port
    settings = Settings(host.name, sim.cluster, host.address, host.port, HOME, host.zone)
    signatures = HostSignatures(host)
    ledger, service, releases = AgentLedger(host), Service(host), ReleaseStore(host, signatures)
    agent: Any = Agent.__new__(Agent)
    journal, reporter = SimulatedJournal(host, ledger), Reporter(host)
    agent._settings = settings
    agent._turns = ledger
    host.clock = LedgerClock(lambda: sim.time(host.clock_ahead), lambda: sim.now)
    agent._clock, agent._skew = host.clock.now, host.clock.seconds_ahead
    agent._signatures = signatures
    agent._release_store = releases
    agent._service = service
    configuration = Configuration(Configurations(host))
    agent._installer = simulated_installer.installer_class()(
        settings,
        releases,  # type: ignore[arg-type]
        service,  # type: ignore[arg-type]
        agent._announce,
        configuration,
    )
    agent._reporter = reporter
    agent._journal = journal
    agent._supervision = Supervision(service, lambda: "the end of the log", agent._clock)  # type: ignore[arg-type]
    agent._started_at = sim.time()
    agent._stage = AgentStage.IDLE
    agent._last_logged = ""
    agent._pace = PollPace(settings.busy_seconds, settings.idle_seconds)
    agent._pause = 0.0
    agent._noted = None
    agent._stopping = threading.Event()
    agent._survival = _NoSurvival()
    agent.measured = threading.Event()
    reporter._agent = agent
    sim.reporters[host.name] = reporter
    return agent, journal, ledger


def run_agent(host: Host) -> None:
    """Run the agent's loop for ever; park instead of polling while there is nothing new."""
    agent, journal, ledger = new_agent(host)
    sim = host.sim
    while True:
        before = journal._state
        agent.step()
        actor = host.agent
        if actor is None:
            return
        if host.cut_off_until > sim.now + agent._pause > sim.now:
            sim.park(actor)  # it goes on at the end of the cut-off, or of all faults
        elif agent._pause:
            sim.sleep(actor, agent._pause + sim.random())
        elif (
            journal._state is before
            and not journal._unsaved
            and ledger.last is sim.fleet.turn(sim.cluster, host.name)
        ):
            sim.park(actor)
        else:
            sim.sleep(actor, 0.05)
