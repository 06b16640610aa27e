"""The port to promotions, for callers that may not sign a release themselves."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Promoted:
    """The release of a snapshot; `created` if this call made it. `staging` is what staging says of the snapshot.

    `note` says why the release has not the declared version.
    """

    service: str
    snapshot: str
    release: str
    digest: str
    created: bool
    staging: str = ""
    note: str = ""


class Promotions(Protocol):
    """Promotions by the phase that signs releases."""

    def promote(self, service: str, snapshot: str, by: str) -> Promoted:
        """Promote a snapshot in the name of a person; raises LifecycleError in the phase's own words."""
