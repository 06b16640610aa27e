"""The address of a repository, which events and runs name: what it may look like, and where it leads.

Read before anything is cloned, and before a build gets the role of a repository.
"""

import re

from lifecycle.domain.errors import InvalidValue

# A name or an address in front of the host would be taken for the host by people who read it.
_FORM = re.compile(r"(?:https://[A-Za-z0-9][A-Za-z0-9._-]*(?::[0-9]{1,5})?/|file://|/)[^\s\x00-\x1f]{1,1000}")
_CODECOMMIT = re.compile(
    r"https://git-codecommit(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/v1/repos/([A-Za-z0-9._-]{1,100})"
)
_EXPECTED = "https://<host>/<path> without a user, file://<path>, or a path"


def clone_url(text: str) -> str:
    """Return the text; raises InvalidValue unless it is the address of a repository."""
    if not _FORM.fullmatch(text):
        raise InvalidValue("address of a repository", text[:100], _EXPECTED)
    return text


def codecommit_name(url: str) -> str:
    """Return the name of a repository at CodeCommit; empty for one that is elsewhere."""
    found = _CODECOMMIT.fullmatch(url)
    return found[1] if found else ""
