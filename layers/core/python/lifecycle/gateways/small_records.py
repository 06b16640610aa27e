"""Records that no other part needs as a type: quarantines, and the catalogue's owners, snapshots and releases."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuarantinedVersion:
    """A version that is quarantined in a cluster, and why."""

    version: str
    why: str


@dataclass(frozen=True, slots=True)
class QuarantinedHost:
    """A host that is quarantined in a cluster, and why."""

    host: str
    why: str


@dataclass(frozen=True, slots=True)
class Owner:
    """The repository that a service belongs to."""

    repository: str


@dataclass(frozen=True, slots=True)
class RecordedSnapshot:
    """A snapshot in the catalogue, with its facts."""

    snapshot: str
    facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class ClaimedRelease:
    """A release in the catalogue, and the snapshot that it is made from."""

    release: str
    snapshot: str
