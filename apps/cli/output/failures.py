"""Explain any error in one message: what failed, and what to do next.

Called by the error boundary of every command (command.py) and by watch/follow.py.
"""

from pathlib import Path

from lifecycle.domain.errors import LifecycleError
from lifecycle.gateways.aws.errors import failure


def explain(error: BaseException) -> str:
    """Return the message of an error; never empty."""
    if isinstance(error, LifecycleError):
        return str(error)
    if words := failure(error):
        return str(words)
    if isinstance(error, FileNotFoundError) and error.filename is None and _is_working_folder_gone():
        return "expected a working folder, found that it was removed; change to another, then run it again"
    return f"unexpected {type(error).__name__}: {error}; run it again with --debug for the traceback"


def _is_working_folder_gone() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False
