"""Everything that a rollout's phases use, in one record; made by wiring.py, or by a test from twins."""

from dataclasses import dataclass
from datetime import timedelta

from lifecycle.application.ports import (
    Artifacts,
    Clock,
    Deployments,
    Dispatcher,
    Executions,
    Fleet,
    Leases,
    Registry,
    Standings,
    Trail,
)


@dataclass(frozen=True, slots=True)
class World:
    """The rollout's ports. `poll_seconds` is how often a stage looks, `patience` how long an agent may be silent."""

    clock: Clock
    leases: Leases
    deployments: Deployments
    standings: Standings
    trail: Trail
    fleet: Fleet
    registry: Registry
    dispatcher: Dispatcher
    artifacts: Artifacts
    executions: Executions
    poll_seconds: float = 2.0
    patience: timedelta = timedelta(seconds=30)
