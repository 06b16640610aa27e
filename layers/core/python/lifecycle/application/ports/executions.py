"""The port to the executions of the state machines."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lifecycle.domain.delivery.earlier_run import EarlierRun
from lifecycle.domain.rollout.execution import ExecutionEnd, ExecutionState


class Executions(Protocol):
    """The executions of the state machines of rollouts and deliveries."""

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        """Start an execution; returns False if one of that name was started before.

        Step Functions also returns True for one that runs with the same input. Raises InvalidValue for a name or
        an input that no execution can have.
        """

    def start_delivery(self, name: str, payload: Mapping[str, Any]) -> bool:
        """Start a delivery, under the same rules as `start_rollout`."""

    def earlier_run(self, name: str) -> EarlierRun | None:
        """Return a delivery that was started before; None if there is none of that name."""

    def delivery_state(self, name: str) -> ExecutionState: ...

    def running_deliveries(self) -> Sequence[str]:
        """Return the names of the deliveries that run now."""

    def running_rollouts(self) -> Sequence[str]:
        """Return the names of up to a hundred rollouts that run now; some of them wait for a person."""

    def stop_delivery(self, name: str, cause: str) -> None:
        """End a delivery; one that has ended stays as it is, and so does one that does not exist."""

    def build_of(self, name: str) -> str:
        """Return the id of the build that a delivery has started; empty if it has started none."""

    def rollout_state(self, name: str) -> ExecutionState: ...

    def rollout_end(self, name: str) -> ExecutionEnd | None:
        """Return how a rollout's execution failed or was stopped; None for any other.

        Only views call it: DescribeExecution refills at 15 calls per second and account.
        """

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        """Resume a waiting task; returns False if no task waits for that token, which may be empty."""
