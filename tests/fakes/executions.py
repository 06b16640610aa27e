"""State machines in memory: they run nothing, and record the executions that were started."""

from collections.abc import Mapping, Sequence
from typing import Any

from lifecycle.domain.delivery.earlier_run import EarlierRun
from lifecycle.domain.rollout.execution import ExecutionEnd, ExecutionState, execution_input, execution_name


class MemoryExecutions:
    """Inputs of `rollouts` and `deliveries` by name, names by state, the `ends` of rollouts, and `waiting` tokens.

    The `causes` of stopped deliveries and the `builds` of all are by their names. A delivery runs until a test adds
    it to `failed` or `delivered`, or adds its output to `outputs`.
    """

    def __init__(self) -> None:
        self.rollouts: dict[str, dict[str, Any]] = {}
        self.deliveries: dict[str, dict[str, Any]] = {}
        self.running: set[str] = set()
        self.stopped: set[str] = set()
        self.waiting: set[str] = set()
        self.failed: set[str] = set()
        self.outputs: dict[str, dict[str, Any]] = {}
        self.described = 0
        self.ends: dict[str, ExecutionEnd] = {}
        self.causes: dict[str, str] = {}
        self.delivered: set[str] = set()
        self.builds: dict[str, str] = {}

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        execution_input(payload)
        new = execution_name(name) not in self.rollouts
        self.rollouts.setdefault(name, dict(payload))
        if new:
            self.running.add(name)
        return new

    def start_delivery(self, name: str, payload: Mapping[str, Any]) -> bool:
        execution_input(payload)
        new = execution_name(name) not in self.deliveries
        self.deliveries.setdefault(name, dict(payload))
        return new

    def earlier_run(self, name: str) -> EarlierRun | None:
        self.described += 1
        if (found := self.deliveries.get(name)) is None:
            return None
        stopped = name in self.causes
        failed = stopped or name in self.failed
        return EarlierRun(
            repository=str(found.get("repository", "")),
            delivery=str(found.get("delivery", "")),
            failed=failed,
            running=not failed and name not in self.outputs,
            output=self.outputs.get(name, {}),
            folder=str(found.get("folder", "")),
            commit=str(found.get("commit", "")),
            stopped=stopped,
        )

    def delivery_state(self, name: str) -> ExecutionState:
        if name not in self.deliveries:
            return ExecutionState.UNKNOWN
        if name in self.causes:
            return ExecutionState.STOPPED
        ended = {*self.delivered, *self.failed, *self.outputs}
        return ExecutionState.ENDED if name in ended else ExecutionState.RUNNING

    def running_deliveries(self) -> Sequence[str]:
        return [name for name in self.deliveries if self.delivery_state(name) is ExecutionState.RUNNING]

    def running_rollouts(self) -> Sequence[str]:
        return sorted(self.running)

    def stop_delivery(self, name: str, cause: str) -> None:
        if self.delivery_state(name) is ExecutionState.RUNNING:
            self.causes[name] = cause

    def build_of(self, name: str) -> str:
        return self.builds.get(name, "")

    def rollout_state(self, name: str) -> ExecutionState:
        if name in self.stopped:
            return ExecutionState.STOPPED
        if name in self.running:
            return ExecutionState.RUNNING
        return ExecutionState.ENDED if name in self.rollouts else ExecutionState.UNKNOWN

    def rollout_end(self, name: str) -> ExecutionEnd | None:
        return self.ends.get(name)

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        del output
        found = token in self.waiting
        self.waiting.discard(token)
        return found
