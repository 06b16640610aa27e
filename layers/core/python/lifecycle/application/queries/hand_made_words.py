"""Sentences about what a person did beside Lifecycle; the console and the command line show the same."""

from lifecycle.domain.fleet.strays import Strays
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


def strays_words(found: Strays) -> str:
    """Describe targets that no host reports, and what becomes of them."""
    if found.held:
        return f"{found.in_words}. Convergence leaves it: {found.held}"
    return f"{found.in_words}. The next convergence takes it out, or start an agent there"
