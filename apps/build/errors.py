"""The errors of a build, in addition to lifecycle.domain.errors.

LifecycleError
├── BuildFailed            a command or test of the service failed, or an input of the build is invalid
└── SnapshotTaken          this snapshot already exists with other bytes
"""

from lifecycle.domain.errors import LifecycleError


class BuildFailed(LifecycleError):
    """A build that ended before it published anything."""


class SnapshotTaken(LifecycleError):
    """A snapshot's name that already has other content; a name has one content for ever."""

    def __init__(self, prefix: str, expected: str, found: str) -> None:
        super().__init__(
            f"{prefix} was published before with other bytes: expected sha256 {expected}, "
            f"found {found or 'none'}; start a new build, which gets a new name"
        )
