"""The port to the executions of the state machines."""

from collections.abc import Mapping
from typing import Any, Protocol

from lifecycle.domain.rollout.execution import ExecutionState


class Executions(Protocol):
    """State machines."""

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        """Start an execution; False when one of that name was started before."""
        ...

    def start_delivery(self, name: str, payload: Mapping[str, Any]) -> bool: ...
    def delivery_failed(self, name: str) -> bool: ...
    def rollout_state(self, name: str) -> ExecutionState: ...

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        """Wake a waiting task; False when nothing waits for that token any more."""
        ...
