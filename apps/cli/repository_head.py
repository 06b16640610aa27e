"""Read the head of a repository's default branch with the operator's own git and credentials.

Used by `lifecycle build --head`. The control plane has no credentials for repositories; only builds do.
"""

import os
import re
import subprocess
from dataclasses import dataclass

from lifecycle.ambient import git_environment
from lifecycle.domain.errors import Refused

_SECONDS = 60
_BRANCH = re.compile(r"ref: refs/heads/(\S+)\tHEAD")
_COMMIT = re.compile(r"([0-9a-f]{40})\tHEAD")


@dataclass(frozen=True, slots=True)
class Head:
    """The default branch of a repository, and the commit that it is at."""

    branch: str
    commit: str


def read_head(repository: str) -> Head:
    """Ask the repository; raises Refused with git's own words if it does not answer, or has no commit."""
    # A prompt for a password would wait for ever in a script.
    environment = {**git_environment(os.environ), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", "ls-remote", "--symref", "--", repository, "HEAD"]
    what = f"the build of the head of {repository}"
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=_SECONDS,
            cwd="/",  # the working folder may have been removed, and a repository there has no say
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(what, [f"git could not read it: {error}"]) from error
    if done.returncode:
        raise Refused(what, [f"git could not read it: {done.stderr.strip()}"])
    return parse_head(done.stdout, what)


def parse_head(text: str, what: str) -> Head:
    """Return the head from the output of git ls-remote; raises Refused for a repository without a commit."""
    branch, commit = _BRANCH.search(text), _COMMIT.search(text)
    if branch is None or commit is None:
        raise Refused(what, ["expected a default branch with a commit, found none: push one"])
    return Head(branch[1], commit[1])
