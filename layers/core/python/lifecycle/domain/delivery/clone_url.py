"""The address of a repository, which events and runs name: the one form that it has here, and where it leads.

Read before anything is cloned, and before a build gets the role of a repository. Records compare addresses letter by
letter. So a repository has one form at every door: that of its pushes.
"""

import re
from urllib.parse import unquote

from lifecycle.aws_pages import partition_of
from lifecycle.domain.errors import InvalidValue

_LONGEST = 1_000
# A name or an address in front of the host would be taken for the host by people who read it.
_FORGE = re.compile(
    r"https://(?P<host>[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?!:443/)(?::[1-9][0-9]{0,4})?"
    r"(?:/(?!\.{1,2}/)[A-Za-z0-9_.~+-]+)*/(?!\.)[A-Za-z0-9_.~+-]+\.git"
)
_CODECOMMIT = re.compile(
    r"https://git-codecommit\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/v1/repos/(?!.*\.git$)([A-Za-z0-9._-]{1,100})"
)
_CODECOMMIT_HOST = "git-codecommit"
_FILE = "file://"
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[^/\x00-\x1f\x7f\ud800-\udfff]+)+")
_EXPECTED = (
    "the clone URL as its pushes name it: https://<host>/<owner>/<name>.git with the host in small letters, "
    "https://git-codecommit.<region>.amazonaws.com/v1/repos/<name>, or the path of a repository of this machine "
    "(file://<path> if it has spaces)"
)


def clone_url(text: str) -> str:
    """Return the text; raises InvalidValue unless it is the address of a repository in the form of its pushes."""
    if len(text) > _LONGEST or not (codecommit_name(text) or _is_of_forge(text) or _is_local(text)):
        raise InvalidValue("address of a repository", text[:100], _EXPECTED)
    return text


def codecommit_url(region: str, name: str) -> str:
    """Return the address of a repository at CodeCommit; China has a domain of its own."""
    suffix = ".cn" if partition_of(region) == "aws-cn" else ""
    return f"https://{_CODECOMMIT_HOST}.{region}.amazonaws.com{suffix}/v1/repos/{name}"


def codecommit_name(url: str) -> str:
    """Return the name of a repository at CodeCommit; empty for one that is elsewhere."""
    found = _CODECOMMIT.fullmatch(url)
    return found[1] if found else ""


def place_and_name(url: str) -> tuple[str, str]:
    """Return the forge's host and the name there, such as `github.com` and `acme/shop`, which events have as well.

    A repository of this machine is named `local/<name>`, and has no host. Both are empty for one at CodeCommit.
    """
    if _is_of_forge(url):
        host, _, name = url.removeprefix("https://").removesuffix(".git").partition("/")
        return host, name
    if _is_local(url):
        name = unquote(url.removeprefix(_FILE)) if url.startswith(_FILE) else url
        return "", f"local/{name.rpartition('/')[2].removesuffix('.git')}"
    return "", ""


def _is_of_forge(text: str) -> bool:
    found = _FORGE.fullmatch(text)
    return found is not None and not found["host"].startswith(_CODECOMMIT_HOST)


def _is_local(text: str) -> bool:
    """Return whether it is a path, or the URL of one with spaces, which a path in a command would not keep."""
    if not text.startswith(_FILE):
        return not re.search(r"\s", text) and _PATH.fullmatch(text) is not None
    path = unquote(text.removeprefix(_FILE))
    return re.search(r"\s", text) is None and re.search(r"\s", path) is not None and _PATH.fullmatch(path) is not None
