"""The configuration of a planned deployment: its revision and its names, never its values.

Used by preflight.py and plan.py. Only the cluster's hosts can read the values.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.deployment import Request
from lifecycle.domain.service.configuration import KEPT_REVISIONS


@dataclass(frozen=True, slots=True)
class PlannedConfig:
    """The revision to deploy, and the one that runs: the desired one, unless no host runs it. 0 is none.

    `names` are those of `revision`; None if no record has them. `changed` are the names that were set, changed or
    removed between both revisions.
    """

    revision: int = 0
    running: int = 0
    names: tuple[str, ...] | None = ()
    changed: tuple[str, ...] = ()

    @property
    def was_deleted(self) -> bool:
        """Return whether there is none now, though one runs: Lifecycle removes names, and never the last revision."""
        return not self.revision and self.running > 0

    def gone(self, earlier: int) -> str | None:
        """Return why an earlier revision cannot be read any more; None if it can."""
        if not earlier or self.revision - earlier < KEPT_REVISIONS:
            return None
        kept = f"Parameter Store keeps the newest {KEPT_REVISIONS}, and the newest is {self.revision}"
        return f"config {earlier} is gone: {kept}"

    def missing(self, required: Collection[str]) -> list[str]:
        """Return the required names that are not set; none where the names are not known."""
        return [] if self.names is None else sorted(set(required) - set(self.names))

    def pinned(self, request: Request) -> Request:
        """Return the request for the revision of this plan; none is named where no configuration is known."""
        return replace(request, config=self.revision) if self.revision or self.running else request

    @property
    def in_words(self) -> str:
        """Return the change of the configuration in one sentence; empty if nothing changes."""
        if self.revision == self.running:
            return ""
        to = f"config {self.revision}" if self.revision else "no configuration"
        since = f", {self.running} runs" if self.running else ""
        what = f": {listed(self.changed)}" if self.changed else ""
        return f"{to}{since}{what}"


NO_CONFIG = PlannedConfig()
