"""The bounds of what is recorded about refusals: a stranger may cause as many as they like.

A record of a repository, or the audit log of a cluster, must not grow with them. A person needs the newest only.
"""

from datetime import timedelta

from lifecycle.domain.visible_text import visible

MOST = 50
SHOWN = timedelta(days=1)
_LONGEST = 400


def shown(text: str, longest: int = _LONGEST) -> str:
    """Return a text that a stranger may have chosen: visible, and of a bounded length."""
    return visible(text)[:longest]
