"""Step Functions: all executions by name, and their task tokens."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lifecycle.domain.rollout.execution import ExecutionState
from tests.simulation.machine import Execution

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


class Executions:
    """The executions of a run, started, stopped and resumed by name or task token."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        self.by_name: dict[str, Execution] = {}

    def start_execution(self, name: str, given: Mapping[str, Any], by: str) -> bool:
        """Start an execution; return False when its name is taken.

        As on AWS, the same input under the same name is the same execution while that runs.
        """
        sim = self._sim
        existing = self.by_name.get(name)
        if existing is not None:
            return existing.running and existing.given == dict(given)
        if sim.tracing:
            sim.say("Step Functions", f"start {name}", f"for {by}")
        sim.oracle.execution_started(name, given, by)
        self.by_name[name] = execution = Execution(sim, name, dict(given))
        execution.started_by = by
        sim.after(0.0, 0.3, execution.start)
        return True

    def running(self) -> list[Execution]:
        return [each for each in self.by_name.values() if each.running]

    def answer_token(self, token: str) -> bool:
        """Resume the task that waits with this token; return False for an unknown or used token."""
        found = self.by_name.get(token.partition("#")[0])
        if found is None or not found.running or token not in found.tokens:
            return False
        resume = found.tokens.pop(token)
        self._sim.after(0.0, 0.2, resume)
        return True

    def stop(self, execution: Execution, state: ExecutionState) -> None:
        """End an execution: STOPPED by an operator, or ENDED because the service lost it."""
        execution.end(state, "stopped by hand" if state is ExecutionState.STOPPED else "lost")
