"""Fetches a build's source: the clone of the repository."""

from pathlib import Path

from apps.local.codebuild.cancellation import Cancellation
from lifecycle.ambient import git_environment


class PhaseFailedError(Exception):
    """A phase of a build failed; `code` is CodeBuild's code of the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def clone(location: str, version: str, folder: Path, environment: dict[str, str], cancellation: Cancellation) -> str:
    """Clone a repository and check out a commit, branch or tag; return the commit. Raises PhaseFailedError."""
    if location.startswith("-") or version.startswith("-"):
        raise PhaseFailedError("INVALID_INPUT", f"a source cannot begin with a hyphen: {location} {version}")
    quiet = git_environment(environment)

    def git(*arguments: str) -> str:
        status, output = cancellation.run(["git", *arguments], folder, quiet)
        if status:
            raise PhaseFailedError(
                "GIT_CLONE_FAILED",
                f"git {arguments[0]} of {location} at {version or 'its default branch'} failed "
                f"(exit status {status}): {output.strip()[-1000:]}",
            )
        return output.strip()

    git("clone", "--quiet", "--no-checkout", "--", location, ".")
    revision = version or "HEAD"
    try:
        commit = git("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{revision}^{{commit}}")
    except PhaseFailedError:
        commit = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").splitlines()[-1]
    git("checkout", "--quiet", "--detach", commit)
    return commit
