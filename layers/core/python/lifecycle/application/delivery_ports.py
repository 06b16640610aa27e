"""What delivery needs of the world beside ports.py: who owns what was built, and the build service."""

from collections.abc import Mapping
from typing import Protocol


class Catalogue(Protocol):
    """Which repository owns a service, and its snapshots and releases."""

    def claim_service(self, service: str, repository: str) -> str:
        """Make `repository` the owner unless there is one; returns the owner."""
        ...

    def record_snapshot(self, service: str, snapshot: str, facts: Mapping[str, str]) -> None: ...
    def snapshots(self, service: str) -> Mapping[str, Mapping[str, str]]: ...

    def releases(self, service: str) -> Mapping[str, str]:
        """Release version -> the snapshot that it was promoted from."""
        ...

    def claim_release(self, service: str, snapshot: str, release: str) -> str | None:
        """Bind both to each other in one transaction.

        Returns the release that the snapshot has (this one, or an earlier one), or None when the release
        version was taken by another snapshot.
        """
        ...


class Builds(Protocol):
    """The build service."""

    def start(self, repository: str, commit: str, token: str, environment: Mapping[str, str]) -> str:
        """Start a build, once a `token`; returns its id."""
        ...

    def state(self, build: str) -> "BuildState": ...


class BuildState(Protocol):
    """What a build says of itself: `kind` is RUNNING, SUCCEEDED or FAILED."""

    @property
    def kind(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def exported(self) -> Mapping[str, str]: ...
