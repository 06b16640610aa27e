"""The port to repositories whose events do not say which branch is the default one."""

from typing import Protocol


class Repositories(Protocol):
    """The repositories at CodeCommit."""

    def default_branch(self, name: str) -> str:
        """Return the name of a repository's default branch; empty if it has none, or does not exist."""
