"""The port to the catalogue of services, snapshots and releases."""

from collections.abc import Mapping
from typing import Protocol


class Catalogue(Protocol):
    """Services with the repositories that own them, their snapshots and their releases."""

    def claim_service(self, service: str, repository: str) -> str:
        """Make `repository` the owner unless the service has one; returns the owner."""

    def record_snapshot(self, service: str, snapshot: str, facts: Mapping[str, str]) -> Mapping[str, str]:
        """Record a snapshot once; returns the stored facts, which are those of the first call."""

    def snapshots(self, service: str) -> Mapping[str, Mapping[str, str]]: ...

    def releases(self, service: str) -> Mapping[str, str]:
        """Return release version -> the snapshot that it was promoted from."""

    def claim_release(self, service: str, snapshot: str, release: str) -> str | None:
        """Bind both to each other in one transaction.

        Returns the release of the snapshot (this one, or an earlier one), or None if another snapshot has
        that release version.
        """
