"""Sentences about what a person did beside Lifecycle; the console and the command line show the same."""

from collections.abc import Sequence

from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.execution import ExecutionEnd
from lifecycle.domain.time_format import moment


def interruption_words(running: Deployment, end: ExecutionEnd) -> str:
    """Describe the end of a running deployment's execution, and what convergence does about it."""
    at = f" at {moment(end.at)} UTC" if end.at else ""
    cause = f": {end.cause}" if end.cause else ""
    if end.by_hand:
        return f"its execution {running.execution} was stopped by hand{at}{cause}; convergence closes it as ABORTED"
    return f"its execution {running.execution} failed{at}{cause}; convergence continues it in another one"


def strangers_words(addresses: Sequence[str]) -> str:
    """Describe targets in rotation that no host reports."""
    why = "no host reports these addresses: deregister them, or start an agent on each"
    return f"targets of no known host get requests: {listed(addresses)}; {why}"
