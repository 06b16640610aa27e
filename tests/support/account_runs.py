"""Executions of the account that account.py fills, for its command line and its views."""

from dataclasses import dataclass
from typing import Any

from apps.cli.ports import Run
from tests.fakes.clock import ManualClock


@dataclass
class FakeRuns:
    """No delivery, and a rollout whose execution runs if its record is open."""

    clock: ManualClock

    def rollout(self, name: str) -> Run | None:
        return Run(name, "FAILED", self.clock.now(), error="Halted", cause="a test")

    def delivery(self, name: str) -> Run | None:
        del name
        return None

    def deliveries(self, *, running: bool) -> list[Run]:
        del running
        return []

    def current_step(self, name: str) -> str:
        return name

    def build(self, name: str) -> str:
        del name
        return ""


@dataclass
class DeliveryList:
    """A Step Functions client that lists no execution."""

    def list_executions(self, **_: Any) -> dict[str, Any]:
        return {"executions": []}
