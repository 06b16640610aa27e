"""The port to phases whose rights the console has not: it may neither sign, nor repair, nor deregister a host."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster


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


@dataclass(frozen=True, slots=True)
class Converged:
    """The result of convergence for one cluster, with its `kind` and `reason`."""

    cluster: str
    kind: str
    reason: str
    deployment: str = ""


@dataclass(frozen=True, slots=True)
class Removed:
    """A removed host: the sentence about it, and its cluster."""

    message: str
    clusters: tuple[str, ...] = ()


class Phases(Protocol):
    """Calls of phases in the name of a person; each raises LifecycleError in the phase's own words."""

    def promote(self, service: str, snapshot: str, by: str) -> Promoted:
        """Promote a snapshot."""

    def converge(self, cluster: Cluster, by: str) -> Sequence[Converged]:
        """Compare desired with installed versions of a cluster now, and start a repair of any drift."""

    def remove_host(self, cluster: Cluster, host: str, by: str, why: str) -> Removed:
        """Remove a host that is gone."""
