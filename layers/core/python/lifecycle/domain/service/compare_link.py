"""The address of the page that shows a commit, or compares two, on the site that has the repository.

Used by the plan of a deployment, and by the command line.
"""

import re
from enum import Enum, auto

from lifecycle.aws_pages import console_domain, partition_of

_LONGEST = 300
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PATH = r"(?P<path>[A-Za-z0-9_.~-]+(?:/[A-Za-z0-9_.~-]+)+)"
_HOST = r"(?P<host>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
_WEB = re.compile(rf"(?:https?|ssh|git)://(?:[^/@]*@)?{_HOST}(?::[0-9]+)?/{_PATH}/?")
_SCP = re.compile(rf"(?:[^/@:]+@){_HOST}:{_PATH}/?")
_CODECOMMIT_HOST = re.compile(r"git-codecommit(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_CODECOMMIT = re.compile(r"codecommit::(?P<region>[a-z0-9-]+)://(?:[^/@]*@)?(?P<name>[A-Za-z0-9_.-]+)")


def compare_link(repository: str, old: str, new: str) -> str:
    """Return the address; empty for a repository without a site that is known, such as a folder."""
    if not (_COMMIT.fullmatch(old) and _COMMIT.fullmatch(new)) or old == new:
        return ""
    kind, base, region = _site(repository)
    match kind:
        case _Site.GITHUB:
            return f"{base}/compare/{old}...{new}"
        case _Site.GITLAB:
            return f"{base}/-/compare/{old}...{new}"
        case _Site.BITBUCKET:
            return f"{base}/branches/compare/{new}%0D{old}"
        case _Site.CODECOMMIT:
            return f"{base}/compare/{old}/.../{new}?region={region}"
        case _Site.NONE:
            return ""


def commit_link(repository: str, commit: str) -> str:
    """Return the address of one commit's page; empty for a repository without a site that is known."""
    if not _COMMIT.fullmatch(commit):
        return ""
    kind, base, region = _site(repository)
    match kind:
        case _Site.GITHUB:
            return f"{base}/commit/{commit}"
        case _Site.GITLAB:
            return f"{base}/-/commit/{commit}"
        case _Site.BITBUCKET:
            return f"{base}/commits/{commit}"
        case _Site.CODECOMMIT:
            return f"{base}/commit/{commit}?region={region}"
        case _Site.NONE:
            return ""


class _Site(Enum):
    GITHUB = auto()
    GITLAB = auto()
    BITBUCKET = auto()
    CODECOMMIT = auto()
    NONE = auto()


_NOWHERE = (_Site.NONE, "", "")


def _site(repository: str) -> tuple[_Site, str, str]:
    """Return the site of a repository, the address of its page, and the region of CodeCommit."""
    if len(repository) > _LONGEST:
        return _NOWHERE
    if found := _CODECOMMIT.fullmatch(repository):
        return _codecommit(found["region"], found["name"])
    if not (found := _WEB.fullmatch(repository) or _SCP.fullmatch(repository)):
        return _NOWHERE
    host, path = found["host"].lower(), found["path"].removesuffix(".git")
    if region := _CODECOMMIT_HOST.fullmatch(host):
        return _codecommit(region["region"], path.rpartition("/")[2])
    sites = {
        _Site.GITHUB: host == "github.com" or host.startswith("github."),
        _Site.BITBUCKET: host == "bitbucket.org",
        _Site.GITLAB: host.startswith("gitlab."),
    }
    kind = next((site for site, known in sites.items() if known), None)
    return (kind, f"https://{host}/{path}", "") if kind else _NOWHERE


def _codecommit(region: str, name: str) -> tuple[_Site, str, str]:
    domain = console_domain(partition_of(region))
    return _Site.CODECOMMIT, f"https://{region}.{domain}/codesuite/codecommit/repositories/{name}", region
