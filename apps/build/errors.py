"""What can go wrong in a build, beside the errors of lifecycle.domain.errors.

LifecycleError
├── BuildFailed            a command or test of the service, or something the build was given, is not right
└── SnapshotTaken          this snapshot is there already, with other bytes
"""

from lifecycle.domain.errors import LifecycleError


class BuildFailed(LifecycleError):
    """The build ends here; nothing was published."""


class SnapshotTaken(LifecycleError):
    """The name of a snapshot stands for one content, for ever."""

    def __init__(self, prefix: str, expected: str, found: str) -> None:
        super().__init__(
            f"{prefix} was published before with other bytes: expected sha256 {expected}, "
            f"found {found or 'none'}; start a new build, which takes a new name"
        )
