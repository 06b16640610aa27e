"""The facts about an earlier run that decide whether a push starts another one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run as its input says: the clone URL of its repository, the id of its delivery, and whether it failed.

    `output` is that of a run that has succeeded. `folder` is that of the one service that it is for. `stopped`: a
    person ended it, and then it has failed, too.
    """

    repository: str
    delivery: str
    failed: bool
    running: bool = False
    output: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    commit: str = ""
    stopped: bool = False

    def is_of(self, repository: str, folder: str = "") -> bool:
        """Return whether it is a run of this repository, and of this service of it, or of the whole."""
        return (self.repository, self.folder) == (repository, folder)

    @property
    def snapshot(self) -> dict[str, str]:
        """The service and version of the snapshot that it made; empty if it made none.

        Empty, too, for one of several services: the others may have to go back, which only a build can compare.
        """
        if self.output.get("folder"):
            return {}
        found = {name: str(self.output.get(name) or "") for name in ("service", "version")}
        return found if all(found.values()) else {}

    @property
    def superseded(self) -> bool:
        """Return whether it did not build or deploy its commit, because that was not the head of its branch."""
        return bool(self.output.get("superseded"))

    @property
    def wanted_nothing(self) -> bool:
        """Return whether its commit asks for no build, so that no other run would build it."""
        return bool(self.output.get("nothing")) and not (self.output.get("unchanged") or self.superseded)
