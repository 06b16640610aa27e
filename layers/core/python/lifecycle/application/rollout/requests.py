"""Requests for deployments, as the input of an execution of statemachines/rollout.asl.json.

Used by everything that starts a rollout: the command line, delivery, convergence, alarms, rollbacks and the
queue.
"""

from dataclasses import asdict
from typing import TypeAlias

from lifecycle.domain.rollout.deployment import Request

Payload: TypeAlias = dict[str, str | int | list[str] | None]


def payload(request: Request) -> Payload:
    """Return the input of an execution that carries out `request`."""
    plain: Payload = {name: _plain(value) for name, value in asdict(request).items() if name != "config"}
    # A control plane of before knows no configuration.
    return plain if request.config is None else {**plain, "config": request.config}


def _plain(value: str | tuple[str, ...] | None) -> str | list[str] | None:
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return None if value is None else str(value)
