"""Convergence of the scripted cluster of rollout.py, as the schedule or somebody asks for it."""

from lifecycle.application.convergence.converge import converge_all
from tests.support.rollout import Machine


def converge(machine: Machine, by: str = "schedule") -> tuple[str, str]:
    """Converge a second later; return the kind of the result and its reason."""
    machine.memory.clock.sleep(1)
    found = converge_all(machine.context, f"{machine.now:%H%M%S}", by)[0]
    return found.kind, found.reason
