"""The address of the page that compares two commits, on the site that has the repository.

Used by the plan of a deployment.
"""

import re

_LONGEST = 300
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PATH = r"(?P<path>[A-Za-z0-9_.~-]+(?:/[A-Za-z0-9_.~-]+)+)"
_HOST = r"(?P<host>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
_WEB = re.compile(rf"(?:https?|ssh|git)://(?:[^/@]*@)?{_HOST}(?::[0-9]+)?/{_PATH}/?")
_SCP = re.compile(rf"(?:[^/@:]+@){_HOST}:{_PATH}/?")
_CODECOMMIT_HOST = re.compile(r"git-codecommit(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")
_CODECOMMIT = re.compile(r"codecommit::(?P<region>[a-z0-9-]+)://(?:[^/@]*@)?(?P<name>[A-Za-z0-9_.-]+)")


def compare_link(repository: str, old: str, new: str) -> str:
    """Return the address; empty for a repository without a site that is known, such as a folder."""
    known = len(repository) <= _LONGEST and _COMMIT.fullmatch(old) and _COMMIT.fullmatch(new)
    if not known or old == new:
        return ""
    if found := _CODECOMMIT.fullmatch(repository):
        return _codecommit(found["region"], found["name"], old, new)
    found = _WEB.fullmatch(repository) or _SCP.fullmatch(repository)
    return _on_site(found["host"].lower(), found["path"].removesuffix(".git"), old, new) if found else ""


def _on_site(host: str, path: str, old: str, new: str) -> str:
    if region := _CODECOMMIT_HOST.fullmatch(host):
        return _codecommit(region["region"], path.rpartition("/")[2], old, new)
    if host == "github.com" or host.startswith("github."):
        return f"https://{host}/{path}/compare/{old}...{new}"
    if host == "bitbucket.org":
        return f"https://{host}/{path}/branches/compare/{new}%0D{old}"
    if host.startswith("gitlab."):
        return f"https://{host}/{path}/-/compare/{old}...{new}"
    return ""


def _codecommit(region: str, name: str, old: str, new: str) -> str:
    console = f"https://{region}.console.aws.amazon.com/codesuite/codecommit/repositories"
    return f"{console}/{name}/compare/{old}/.../{new}?region={region}"
