"""The agent's loop: read the turn, decide, act, report.

Started by __main__.py. Only `_install` stops or starts the service, and only when decide.py chooses Install.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import assert_never

from apps.agent import service_account
from apps.agent.configuration import Configuration, NoConfigurations
from apps.agent.decide import (
    INSTALL_ORDERS,
    Abandon,
    AbandonRelease,
    Decision,
    Fetch,
    Idle,
    Ignore,
    Install,
    Prefetched,
    RunRelease,
    decide,
    why_release_ends,
)
from apps.agent.errors import LeftBehind, PortTaken, ServiceFailed, StoreUnreachable, in_words
from apps.agent.installer import Installer
from apps.agent.journal import Journal
from apps.agent.ledger_clock import utc_now
from apps.agent.place import place_of
from apps.agent.polling import PollPace, Stopping, wait_and_watch
from apps.agent.ports import Configurations, Releases, Reports, ScheduledRuns, Turns
from apps.agent.release_store import ReleaseStore
from apps.agent.reporter import Reporter
from apps.agent.schedules import Schedules
from apps.agent.service import Service, StartRecord
from apps.agent.settings import Settings
from apps.agent.signatures import Signatures
from apps.agent.supervision import Supervision
from apps.agent.surviving import Survival
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.host import NOT_KNOWN, AgentStage, Feature, HostReport, ServiceEnd
from lifecycle.domain.fleet.host_command import Turn

logger = logging.getLogger(__name__)

# A laptop's minute is a second, in which no repair can begin.
SHORTEST_REMINDER_SECONDS = 5.0
FIRST_RETRY_SECONDS = 0.2
MAXIMUM_RETRY_SECONDS = 5.0
# A release command begins after the ledger has the report that it does: a host that lost its disk must know.
REPORT_SECONDS = 30.0


class Agent:
    """One host's agent. `step` polls the ledger once; `run` repeats it until `stopping` is set.

    `clock` tells AWS's time, and `skew` how many seconds the host's own clock is ahead of that.
    `measured` is set while this host may be in a test bed, or be the control of one, as the last poll showed.
    """

    _schedules: Schedules | None = None
    _leftover = ""  # the version that left a process which failed the last turn

    def __init__(
        self,
        settings: Settings,
        turns: Turns,
        reports: Reports,
        releases: Releases,
        clock: Callable[[], datetime] = utc_now,
        skew: Callable[[], float] = lambda: 0.0,
        configurations: Configurations | None = None,
        runs: ScheduledRuns | None = None,
    ) -> None:
        self._settings = settings
        self._turns, self._clock, self._skew = turns, clock, skew
        account = service_account.find(settings.service_user)
        self._signatures = Signatures(settings.home, settings.trusted_keys)
        self._release_store = ReleaseStore(
            *(settings.home, settings.cluster.service, releases, self._rollback_versions, account, self._signatures)
        )
        self._service = Service(settings.home, account)
        if account:
            account.protect(settings.home)
        configuration = Configuration(configurations or NoConfigurations())
        self._installer = Installer(settings, self._release_store, self._service, self._announce, configuration)
        if runs:
            self._schedules = Schedules(
                *(settings.home, self._service, runs, turns, clock, self._release_store.manifest),
                *(self._installer.runnable, self._installer.answers, self._installer.masked_part_of),
            )
        minute = timedelta(seconds=max(settings.metrics_seconds, SHORTEST_REMINDER_SECONDS))
        self._supervision = Supervision(self._service, self._installer.log_tail, clock, minute)
        self._reporter = Reporter(reports, settings.heartbeat_seconds, clock)
        self._journal = Journal(settings.home / "state.json", reports, self._release_store.versions)
        self._started_at: datetime | None = None
        self._stage = AgentStage.IDLE
        self._last_logged = ""
        self._pace = PollPace(settings.busy_seconds, settings.idle_seconds)
        self._pause = 0.0
        self._noted: Turn | None = None
        self._stopping = threading.Event()
        self._survival = Survival(lambda why: self._fail(self._installer.masked(why)))
        self.measured = threading.Event()

    def mask(self, text: str, *, part: bool = False) -> str:
        """Return a line of the service without its configuration's values; called by another thread.

        A `part` of a line may have been cut in the middle of a value.
        """
        return self._installer.mask(text, part=part)

    def run(self, stopping: Stopping) -> None:
        """Poll and act until `stopping` is set; leave the service as it is."""
        self._stopping = stopping
        self._reporter.start()
        try:
            while not stopping.is_set():
                self._wait(stopping, self.step())
        finally:
            self._reporter.close()

    def step(self) -> float:
        """Poll the ledger once and act; return the seconds until the next poll. No error ends the agent."""
        wait = 0.0
        with self._survival.surviving():
            wait = self._poll()
        with self._survival.surviving():
            self._service.trim_log()
            self._publish()
        return wait or self._longer_pause()

    def _poll(self) -> float:
        try:
            state = self._journal.state()
            self._journal.save_again()
            turn = self._turns.current()
            self._started_at = self._started_at or self._clock()  # not before AWS has corrected the clock
            decision = decide(turn, state, self._settings.host, self._clock())
            self._log_once(f"{type(decision).__name__}: {decision.reason}")
            before = self._release_store.current()
            try:
                self._act(decision)
            except StoreUnreachable:
                raise  # the turn stays unfinished: the next poll repeats it, until it expires
            except (LifecycleError, OSError) as error:
                self._fail(in_words(error))
            finally:
                # Also where the store of the artifacts cannot be reached: what is installed goes on.
                if self._schedules and self._journal.loaded:
                    self._schedules.tick(turn, self._report())
            self._note(turn, before)
            wait = self._pace.after(decision, turn, self._clock())
        except (LifecycleError, OSError) as error:
            if not self._pause:
                logger.warning("%s", error)
            return self._longer_pause()
        self._pause = 0.0
        return wait

    def _longer_pause(self) -> float:
        self._pause = min(max(self._pause * 2, FIRST_RETRY_SECONDS), MAXIMUM_RETRY_SECONDS)
        return self._pause

    def _fail(self, why: str) -> None:
        """End the turn that this process works on, if any, as a failed one."""
        if not (self._journal.loaded and self._journal.in_progress and self._journal.state().acted.unfinished):
            return
        if self._journal.state().acted.stage is AgentStage.RELEASING:
            self._abandon_release(why)
            return
        if self._schedules:
            self._schedules.go_on()
        self._end(AgentStage.FAILED, self._stage, why)

    def _note(self, turn: Turn | None, before: str) -> None:
        """Set `measured` after an update to a version with a test bed, or a restart of the version from before.

        A control is restarted on its version. It may not know yet which version it is compared with.
        """
        if turn == self._noted:
            return
        self._noted = turn
        if turn and turn.order in INSTALL_ORDERS and (turn.version == before or turn.bakes):
            self.measured.set()
        else:
            self.measured.clear()

    def _log_once(self, message: str) -> None:
        """Log a decision when it changes, not at every poll."""
        if message != self._last_logged:
            logger.info("%s", message)
            self._last_logged = message

    def _act(self, decision: Decision) -> None:
        match decision:
            case Idle() | Ignore() | Prefetched():
                pass
            case Fetch(turn):
                self._fetch(turn)
            case RunRelease(turn):
                self._release(turn)
            case AbandonRelease(reason):
                self._abandon_release(reason)
            case Install(turn):
                self._install(turn)
            case Abandon(reason):
                self._end(AgentStage.FAILED, self._journal.state().acted.stage, reason)
            case _:
                assert_never(decision)

    def _fetch(self, turn: Turn) -> None:
        self._begin(turn, AgentStage.FETCHING)
        self._installer.fetch(turn)
        self._prune(turn)
        self._end(AgentStage.READY)

    def _release(self, turn: Turn) -> None:
        self._begin(turn, AgentStage.FETCHING)
        prepared, values = self._installer.prepare_release(turn)
        self._prune(turn)
        self._journal.advance(AgentStage.RELEASING)
        self._announce(AgentStage.RELEASING)
        if problem := self._reason_not_to_begin(turn):
            self._end_release(turn, f"the release command failed: it did not begin: {problem}")
            return
        try:
            end = self._installer.release(turn, prepared, values, lambda: self._reason_to_end(turn))
        except (LifecycleError, OSError) as error:
            self._end_release(turn, f"{NOT_KNOWN}: {in_words(error)}", known=False)
            return
        known = not (end.interrupted and self._stopping.is_set())
        what = "the release command failed" if known else NOT_KNOWN
        self._end_release(turn, f"{what}: {end.problem}" if end.problem else "", end.left, known=known)

    def _end_release(self, turn: Turn, detail: str, left: str = "", *, known: bool = True) -> None:
        tail = self._installer.release_output(turn.config)
        if left:
            detail = f"{detail or 'the release command failed: it left a process'}; {left}"
        if detail:
            self._end(AgentStage.FAILED, AgentStage.RELEASING, detail, tail, release_ended=known)
        else:
            passed = "the release command ended with exit code 0"
            self._end(AgentStage.RELEASED, None, passed, tail, release_ended=True)

    def _abandon_release(self, reason: str) -> None:
        acted = self._journal.state().acted
        left, tail = self._installer.end_release(acted.config), self._installer.release_output(acted.config)
        if not acted.version:  # a record that comes from a report does not say which configuration they may have
            left, tail = "a process of it could not be ended" if left else "", ""
        detail = f"{NOT_KNOWN} to its end: {reason}; look at its output and its effects"
        self._end(AgentStage.FAILED, AgentStage.RELEASING, f"{detail}; {left}" if left else detail, tail)

    def _reason_not_to_begin(self, turn: Turn) -> str:
        if not self._reporter.flush(REPORT_SECONDS):
            return f"the ledger did not take this host's report within {REPORT_SECONDS:g} s; retry when it does"
        return self._reason_to_end(turn)

    def _reason_to_end(self, turn: Turn) -> str:
        """Return why a release command must end, or nothing; report meanwhile what else changed."""
        if self._stopping.is_set():
            return "the agent was stopped"
        self._publish()
        if self._schedules:
            self._schedules.watch()
        try:
            now = self._turns.current()
        except LifecycleError:
            now = turn  # without the ledger it goes on, until its turn expires
        return why_release_ends(now, turn, self._settings.host, self._clock())

    def _install(self, turn: Turn) -> None:
        self._begin(turn, AgentStage.INSTALLING)
        if self._schedules:
            self._schedules.interrupt(f"ended by deployment {turn.deployment}")
        try:
            result = self._installer.install(turn)
        except (LifecycleError, OSError) as error:
            if self._schedules:
                self._schedules.go_on()
            self._leftover = (error.version or "unknown") if isinstance(error, LeftBehind) else ""
            # Only a service's own words and commands may have values of its configuration.
            spoken = isinstance(error, ServiceFailed | PortTaken)
            detail = self._installer.masked(str(error)) if spoken else in_words(error)
            self._end(AgentStage.FAILED, self._stage, detail)
            return
        self._journal.record_self_test(turn.version, result)
        if result.passed:
            self._end(AgentStage.DONE, None, result.detail)
            self._prune(turn)
        else:
            self._end(AgentStage.FAILED, AgentStage.SELF_TESTING, result.detail)

    def _begin(self, turn: Turn, stage: AgentStage) -> None:
        self._leftover, self._stage = "", stage
        self._journal.begin(turn, stage)
        self._publish()

    def _end(
        self,
        stage: AgentStage,
        failed: AgentStage | None = None,
        detail: str = "",
        log: str = "",
        *,
        release_ended: bool = False,
    ) -> None:
        service_ran = failed in (AgentStage.STARTING, AgentStage.SELF_TESTING) and self._journal.in_progress
        try:
            tail = self._installer.log_tail() if service_ran else log
            acted = self._journal.end(stage, failed, detail, tail, release_ended=release_ended)
            logger.info("%s %s: %s %s", acted.order.in_words, acted.version, stage, acted.detail)
        finally:
            self._publish()

    def _prune(self, turn: Turn) -> None:
        state = self._journal.state()
        self._release_store.prune((turn.version, state.verified, state.previous))

    def _rollback_versions(self) -> tuple[str, ...]:
        """Return the versions that stay on the disk, whatever room another one needs."""
        state = self._journal.state()
        return state.verified, state.previous

    def _announce(self, stage: AgentStage) -> None:
        self._stage = stage
        self._publish()

    def _publish(self) -> None:
        """Give the reporter the host's current state."""
        if not self._journal.loaded:
            return  # the report in the ledger must be read before it is overwritten
        self._reporter.publish(self._report())

    def _report(self) -> HostReport:
        """Return the host's current state."""
        state, settings = self._journal.state(), self._settings
        acted = state.acted
        running = self._service.running()
        place = place_of(settings, self._service.started, runs=running is not None)
        installed = self._release_store.current()
        return HostReport(
            host=settings.host,
            address=place.address,
            port=place.port,
            moves_to=place.moves_to,
            zone=settings.zone,
            seen_at=self._clock(),
            agent_started_at=self._started_at or self._clock(),
            epoch=acted.epoch,
            attempt=acted.attempt,
            order=acted.order,
            deployment=acted.deployment,
            stage=self._stage if self._journal.in_progress else acted.stage,
            failed_stage=acted.failed_stage,
            detail=acted.detail,
            log_tail=acted.log_tail,
            installed=installed,
            config=self._service.started.config if self._service.started else 0,
            digest=running.digest if running else self._release_store.digest(installed),
            boot=running.boot if running else "",
            running=running is not None,
            self_test=state.self_test,
            releases=self._release_store.versions(),
            ended=None if running else self._supervision.end(state.self_test),
            leftover=self._leftover,
            skew=self._skew(),
            features=tuple(each for each in Feature if each is not Feature.SIGNATURES or self._signatures.checks),
            manifest=self._release_store.manifest_digest(installed),
            newest=self._signatures.newest(),
            release_ended=acted.release_ended,
            commands=self._installer.runtimes.found(),
        )

    def _wait(self, stopping: Stopping, seconds: float) -> None:
        """Wait for the next poll; report a service that dies during a long wait."""
        until = time.monotonic() + seconds
        with self._survival.surviving():
            wait_and_watch(stopping, seconds, self._service.pids(), self._service_now, self._publish)
        stopping.wait(max(until - time.monotonic(), 0.0))

    def _service_now(self) -> StartRecord | ServiceEnd | None:
        """Trim the log; return the start that runs, or how it ended."""
        self._service.trim_log()
        if running := self._service.running():
            return running
        return self._supervision.end(self._journal.state().self_test) if self._journal.loaded else None
