"""Explain any error in one message: what failed, and what to do next; pure.

Called by the error boundary of every command (command.py) and by watch/follow.py.
"""

from lifecycle.domain.errors import LifecycleError
from lifecycle.gateways.aws.errors import failure


def explain(error: BaseException) -> str:
    """Return the message of an error; never empty."""
    if isinstance(error, LifecycleError):
        return str(error)
    if words := failure(error):
        return str(words)
    return f"unexpected {type(error).__name__}: {error}; run it again with --debug for the traceback"
