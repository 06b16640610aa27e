"""The port to the executions of the state machines."""

from collections.abc import Mapping
from typing import Any, Protocol

from lifecycle.domain.rollout.execution import ExecutionState


class Executions(Protocol):
    """The executions of the state machines of rollouts and deliveries."""

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        """Start an execution; returns False if one of that name was started before."""

    def start_delivery(self, name: str, payload: Mapping[str, Any]) -> bool: ...
    def delivery_failed(self, name: str) -> bool: ...
    def rollout_state(self, name: str) -> ExecutionState: ...

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        """Resume a waiting task; returns False if no task waits for that token any more."""
