"""The marker in a commit's message that asks for no build.

Used by receive_push for the message in a webhook, and by apps/build for the message in the clone.
"""

import re

_MARKER = re.compile(r"\[(?:skip ci|ci skip)\]", re.IGNORECASE)


def skip_marker(message: str) -> str:
    """Return the first `[skip ci]` or `[ci skip]` of a commit's message, in any case; empty for none."""
    found = _MARKER.search(message)
    return found[0] if found else ""


def skipped_because(marker: str) -> str:
    """Return the reason of a run that builds nothing because of the marker."""
    return f"no build: the message of the head commit has {marker}"
