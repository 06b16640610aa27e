"""Requests for deployments, as the input of an execution of statemachines/rollout.asl.json.

Used by everything that starts a rollout: the command line, delivery, convergence, alarms, rollbacks and the
queue.
"""

from dataclasses import asdict
from typing import TypeAlias

from lifecycle.domain.rollout.deployment import Request

Payload: TypeAlias = dict[str, str | list[str] | None]


def payload(request: Request) -> Payload:
    """Return the input of an execution that carries out `request`."""
    return {name: _plain(value) for name, value in asdict(request).items()}


def _plain(value: str | tuple[str, ...] | None) -> str | list[str] | None:
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return None if value is None else str(value)
