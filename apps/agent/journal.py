"""The agent's record of its turns, which fences old turns and lets the agent resume after a crash.

Written by agent.py before and after each turn, to `<home>/state.json`. When that file is lost, or restored from an
older image of the disk, the last report in the ledger takes its place. A report is never newer than the file
otherwise, because the file is written first.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from apps.agent.atomic_file import read_or_none, write_despite_full_disk
from apps.agent.decide import State, TurnRecord, key, progress, state_after, state_from_report
from apps.agent.ports import Reports
from lifecycle.domain.errors import StoreRefused, UnreadableRecord
from lifecycle.domain.fleet.host import AgentStage, SelfTest
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.gateways.serialization import Source, from_json, to_json

logger = logging.getLogger(__name__)


class Journal:
    """The agent's State with the file that stores it; `on_disk` returns the versions that this host stores."""

    _compared = False  # True once the file was compared with the last report, after each start of the agent
    _unsaved = False  # True while the file lacks what this process knows
    _said = False  # True once it was logged that the file cannot be written

    def __init__(self, file: Path, reports: Reports, on_disk: Callable[[], Collection[str]]) -> None:
        self._file = file
        self._reports = reports
        self._on_disk = on_disk
        self._state = _stored_state(file)
        self._begun: TurnRecord | None = None

    @property
    def loaded(self) -> bool:
        """True when the state is known, and is not older than the last report."""
        return self._state is not None and self._compared

    @property
    def in_progress(self) -> bool:
        """True while this process works on a turn, or could not save its success; a failure is reported at once."""
        acted = self.state().acted
        return self._begun is not None and (acted.unfinished or (self._unsaved and not acted.failed_stage))

    def save_again(self) -> None:
        """Save the state unless the file has it. Where that fails, as on a full disk, memory and report have it."""
        if self._state is None or not self._unsaved:
            return
        try:
            self._write(self._state)
        except OSError as error:
            if not self._said:
                logger.warning("%s cannot be written: %s", self._file, error)
            self._said = True
        else:
            self._unsaved = self._said = False

    def state(self) -> State:
        """Return the state; raise StoreUnreachable when the ledger has not answered since the agent started."""
        if self._state is None or not self._compared:
            state = self._newer_of(self._state)
            self._unsaved = state != self._state
            self._state, self._compared = state, True
            self.save_again()
        return self._state

    def _newer_of(self, stored: State | None) -> State:
        """Return the stored state, or the one of the last report if that is about a later turn."""
        try:
            report = self._reports.latest()
        except StoreRefused:
            if stored is None:
                raise
            return stored  # the report is damaged, and the next one replaces it
        if stored is None:
            return state_from_report(report)
        acted = stored.acted
        if report is None or (key(report), progress(report.stage)) <= (key(acted), progress(acted.stage)):
            return stored
        return state_after(report, stored, self._on_disk())

    def begin(self, turn: Turn, stage: AgentStage) -> None:
        """Record a turn before it has any effect, so that an agent that crashed knows it began the turn.

        Raises OSError where it cannot be recorded: the turn must not have an effect then, and ends as a failed one.
        """
        state = self.state()
        resumed = state.acted.is_for(turn)
        if resumed and self._begun is not None and key(self._begun) == key(turn):
            return
        acted = TurnRecord(
            epoch=turn.epoch,
            attempt=turn.attempt,
            order=turn.order,
            deployment=turn.deployment,
            version=turn.version,
            digest=turn.digest,
            config=turn.config,
            manifest=turn.manifest,
            tries=state.acted.tries + 1 if resumed else 1,
            stage=stage,
        )
        self_test = None if stage is AgentStage.INSTALLING else state.self_test
        self._state, self._begun = replace(state, acted=acted, self_test=self_test), acted
        self._write(self._state)

    def advance(self, stage: AgentStage) -> None:
        """Record a stage of the turn that a crash must not repeat, before it has any effect."""
        state = self.state()
        state = replace(state, acted=replace(state.acted, stage=stage))
        self._write(state)
        self._state = state

    def record_self_test(self, version: str, result: SelfTest) -> None:
        """Record a self-test; a version that passed becomes a version to roll back to."""
        state = replace(self.state(), self_test=result)
        if result.passed and version != state.verified:
            state = replace(state, verified=version, previous=state.verified)
        self._state = state

    def end(
        self, stage: AgentStage, failed: AgentStage | None, detail: str, log_tail: str, *, release_ended: bool = False
    ) -> TurnRecord:
        """Record the turn's result. This process does not repeat the turn, even when the disk is full."""
        state = self.state()
        acted = replace(state.acted, stage=stage, failed_stage=failed, detail=detail[:1000], log_tail=log_tail)
        acted = replace(acted, release_ended=release_ended)
        self._state, self._unsaved = replace(state, acted=acted), True
        self.save_again()
        return acted

    def _write(self, state: State) -> None:
        write_despite_full_disk(self._file, to_json(state))


def _stored_state(file: Path) -> State | None:
    """Return the stored state. A file that cannot be read counts as lost, and is renamed for the operator."""
    text = read_or_none(file)
    if text is None:
        return None
    beside = file.with_name(f"{file.name}.unreadable")
    try:
        return from_json(State, text, Source(str(file), f"The agent takes its last report instead; see {beside}."))
    except UnreadableRecord as error:
        logger.warning("%s", error)
        file.replace(beside)
        return None
