"""A request for a deployment, as the input of an execution of statemachines/rollout.asl.json."""

from dataclasses import asdict
from typing import TypeAlias

from lifecycle.domain.rollout.deployment import Request

Payload: TypeAlias = dict[str, str | list[str] | None]


def payload(request: Request) -> Payload:
    """A request as the input of an execution."""
    return {name: _plain(value) for name, value in asdict(request).items()}


def _plain(value: str | tuple[str, ...] | None) -> str | list[str] | None:
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return None if value is None else str(value)
