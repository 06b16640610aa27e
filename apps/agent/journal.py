"""What the agent did, on the disk before and after each turn: the fence, and where to go on after a crash.

Kept for agent.py in `<home>/state.json`; where that is lost, the last report in the ledger stands in.
"""

from dataclasses import replace
from pathlib import Path

from apps.agent.atomic_file import read_or_none, write_atomically
from apps.agent.decide import State, TurnRecord, key, state_from_report
from apps.agent.ports import Reports
from lifecycle.domain.fleet.host import SelfTest, Stage
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.gateways.serialization import from_json, to_json


class Journal:
    """The agent's State, and its file."""

    def __init__(self, file: Path, reports: Reports) -> None:
        self._file = file
        self._reports = reports
        text = read_or_none(file)
        self._state = from_json(State, text) if text else None
        self._begun: TurnRecord | None = None
        self._unsaved = False

    @property
    def loaded(self) -> bool:
        """Whether the state is known without the ledger."""
        return self._state is not None

    @property
    def in_progress(self) -> bool:
        """Whether this very process is in the middle of a turn, or could not save its end yet."""
        return self._begun is not None and (self.state().acted.unfinished or self._unsaved)

    def retry_save(self) -> None:
        """Save what could not be saved before, because the disk was full: only then the turn is over."""
        if self._unsaved and self._state is not None:
            self._write(self._state)
            self._unsaved = False

    def state(self) -> State:
        """What was done before; raises StoreUnreachable when only the ledger could tell."""
        if self._state is None:
            state = state_from_report(self._reports.latest())
            self._write(state)
            self._state = state
        return self._state

    def begin(self, turn: Turn, stage: Stage) -> None:
        """Note a turn before any effect of it, so that a crash is known for what it was."""
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
            tries=state.acted.tries + 1 if resumed else 1,
            stage=stage,
        )
        kept = None if stage is Stage.INSTALLING else state.self_test
        state = replace(state, acted=acted, self_test=kept)
        self._write(state)
        self._state, self._begun = state, acted

    def record_self_test(self, version: str, result: SelfTest) -> None:
        """Note a self-test; a version that passed is one to roll back to later."""
        state = replace(self.state(), self_test=result)
        if result.passed and version != state.verified:
            state = replace(state, verified=version, previous=state.verified)
        self._state = state

    def end(self, stage: Stage, failed: Stage | None, detail: str, log_tail: str) -> TurnRecord:
        """Note how the turn ended. Even where the disk is full, this process does not do it again."""
        state = self.state()
        acted = replace(
            state.acted, stage=stage, failed_stage=failed, detail=detail[:1000], log_tail=log_tail
        )
        self._state, self._unsaved = replace(state, acted=acted), True
        self.retry_save()
        return acted

    def _write(self, state: State) -> None:
        write_atomically(self._file, to_json(state))
