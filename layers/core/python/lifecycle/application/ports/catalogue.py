"""The port to the catalogue of services, snapshots and releases."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from lifecycle.domain.delivery.branch import Branch
from lifecycle.domain.delivery.refused_push import RefusedPush
from lifecycle.domain.delivery.reported_status import ReportedStatuses
from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.withdrawal import Withdrawal

ChangeBuilds: TypeAlias = Callable[[RepositoryBuilds], RepositoryBuilds]
ChangeBranch: TypeAlias = Callable[[Branch], Branch]
ChangeReported: TypeAlias = Callable[[ReportedStatuses], ReportedStatuses]


class Catalogue(Protocol):
    """Services with the repositories that own them, their snapshots and their releases."""

    def claim_service(self, service: str, repository: str) -> str:
        """Make `repository` the owner unless the service has one; returns the owner."""

    def owner(self, service: str) -> str | None:
        """Return the repository that owns a service; None for a service that was never built, or was removed."""

    def transfer_service(self, service: str, owner: str | None, to: str) -> bool:
        """Make `to` the owner in the place of `owner`; returns False if it has another one.

        None stands for an owner that cannot be read. An empty `to` leaves the service to the next one that claims it.
        """

    def record_snapshot(self, service: str, snapshot: str, facts: Mapping[str, str]) -> Mapping[str, str]:
        """Record a snapshot once; returns the stored facts, which are those of the first call."""

    def record_published(self, service: str, version: str, published: Published) -> Published:
        """Record the digests of a snapshot or a release once; returns what is stored, which is of the first call."""

    def published(self, service: str, version: str) -> Published | None:
        """Return the digests that were recorded of a version; None for one from before they were recorded."""

    def builds(self, repository: str) -> RepositoryBuilds:
        """Return the record of a repository's builds; one of which nothing is known where none can be read."""

    def change_builds(self, repository: str, change: ChangeBuilds) -> RepositoryBuilds:
        """Replace the record of a repository's builds by a changed one; returns what is stored then.

        `change` runs again when another run changed the record meanwhile. A record that cannot be read stays as it
        is, and the answer is that of a repository of which nothing is known.
        """

    def branch(self, repository: str, name: str) -> Branch:
        """Return the record of a branch; one of which nothing is known where there is none, or none can be read."""

    def change_branch(self, repository: str, name: str, change: ChangeBranch) -> Branch:
        """Replace the record of a branch by a changed one, under the rules of `change_builds`."""

    def record_refused_push(self, push: RefusedPush) -> None:
        """Record a refused delivery beside the newest ones. A record that cannot be read is replaced."""

    def refused_pushes(self) -> Sequence[RefusedPush]:
        """Return the newest refused deliveries, the oldest of them first; raises SomeUnreadable."""

    def change_reported(self, repository: str, change: ChangeReported) -> ReportedStatuses:
        """Replace the record of what a forge was sent about a repository, under the rules of `change_builds`."""

    def reported(self) -> Sequence[ReportedStatuses]:
        """Return what the forge was sent, for every repository; raises SomeUnreadable."""

    def snapshots(self, service: str) -> Mapping[str, Mapping[str, str]]: ...

    def releases(self, service: str) -> Mapping[str, str]:
        """Return release version -> the snapshot that it was promoted from."""

    def withdrawal(self, service: str, version: str) -> Withdrawal | None:
        """Return the withdrawal of a release. One that cannot be read counts as done."""

    def withdrawals(self, service: str) -> Mapping[str, Withdrawal]:
        """Return every withdrawal by its release, those that only began, too; raises SomeUnreadable."""

    def put_withdrawal(self, service: str, before: Withdrawal | None, after: Withdrawal) -> bool:
        """Replace the withdrawal that was read; returns False if another one is stored."""

    def claim_release(self, service: str, snapshot: str, release: str, withdrawn: Collection[str] = ()) -> str | None:
        """Bind both to each other in one transaction, also if the snapshot has one of the `withdrawn` releases.

        Returns the release of the snapshot (this one, or an earlier one), or None if another snapshot has
        that release version.
        """
