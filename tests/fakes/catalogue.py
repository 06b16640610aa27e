"""The catalogue in memory."""

from collections.abc import Collection, Mapping, Sequence

from lifecycle.application.ports.catalogue import ChangeBranch, ChangeBuilds, ChangeReported
from lifecycle.domain.delivery.branch import Branch
from lifecycle.domain.delivery.refused_push import RefusedPush, RefusedPushes
from lifecycle.domain.delivery.reported_status import ReportedStatuses
from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.errors import UnreadableRecord
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.withdrawal import Withdrawal


class MemoryCatalogue:
    """Every entry but a withdrawal, and a repository's builds and branches, is written once."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}
        self.damaged_owners: set[str] = set()
        self._snapshots: dict[str, dict[str, dict[str, str]]] = {}
        self._releases: dict[str, dict[str, str]] = {}
        self._published: dict[tuple[str, str], Published] = {}
        self._builds: dict[str, RepositoryBuilds] = {}
        self._branches: dict[tuple[str, str], Branch] = {}
        self._withdrawals: dict[tuple[str, str], Withdrawal] = {}
        self._refused: dict[bool, RefusedPushes] = {}
        self._reported: dict[str, ReportedStatuses] = {}

    def claim_service(self, service: str, repository: str) -> str:
        self._owners[service] = self._owners.get(service) or repository
        return self._owners[service]

    def owner(self, service: str) -> str | None:
        if service in self.damaged_owners:
            raise UnreadableRecord(f"SERVICE#{service} OWNER", "an Owner", "damage", "Write it again.")
        return self._owners.get(service) or None

    def transfer_service(self, service: str, owner: str | None, to: str) -> bool:
        if owner is None:
            damaged = service in self.damaged_owners
            self.damaged_owners.discard(service)
            self._owners |= {service: to} if damaged else {}
            return damaged
        if self._owners.get(service) not in (owner, to):
            return False
        self._owners[service] = to
        return True

    def record_snapshot(self, service: str, snapshot: str, facts: Mapping[str, str]) -> Mapping[str, str]:
        return self._snapshots.setdefault(service, {}).setdefault(snapshot, dict(facts))

    def record_published(self, service: str, version: str, published: Published) -> Published:
        return self._published.setdefault((service, version), published)

    def published(self, service: str, version: str) -> Published | None:
        return self._published.get((service, version))

    def builds(self, repository: str) -> RepositoryBuilds:
        return self._builds.get(repository, RepositoryBuilds(repository))

    def change_builds(self, repository: str, change: ChangeBuilds) -> RepositoryBuilds:
        while True:
            before = self._builds.get(repository, RepositoryBuilds(repository))
            after = change(before)
            if self._builds.get(repository, RepositoryBuilds(repository)) == before:
                self._builds[repository] = after
                return after

    def branch(self, repository: str, name: str) -> Branch:
        return self._branches.get((repository, name), Branch(repository, name))

    def change_branch(self, repository: str, name: str, change: ChangeBranch) -> Branch:
        while True:
            before = self.branch(repository, name)
            after = change(before)
            if self.branch(repository, name) == before:
                self._branches[repository, name] = after
                return after

    def record_refused_push(self, push: RefusedPush) -> None:
        self._refused[push.signed] = self._refused.get(push.signed, RefusedPushes()).recorded(push)

    def refused_pushes(self) -> Sequence[RefusedPush]:
        return sorted((push for each in self._refused.values() for push in each.latest), key=lambda push: push.at)

    def change_reported(self, repository: str, change: ChangeReported) -> ReportedStatuses:
        while True:
            before = self._reported.get(repository, ReportedStatuses(repository))
            after = change(before)
            if self._reported.get(repository, ReportedStatuses(repository)) == before:
                if after != before:
                    self._reported[repository] = after
                return after

    def reported(self) -> Sequence[ReportedStatuses]:
        return [self._reported[repository] for repository in sorted(self._reported)]

    def snapshots(self, service: str) -> Mapping[str, Mapping[str, str]]:
        return dict(self._snapshots.get(service, {}))

    def releases(self, service: str) -> Mapping[str, str]:
        return dict(self._releases.get(service, {}))

    def withdrawal(self, service: str, version: str) -> Withdrawal | None:
        return self._withdrawals.get((service, version))

    def withdrawals(self, service: str) -> Mapping[str, Withdrawal]:
        return {version: each for (owner, version), each in self._withdrawals.items() if owner == service}

    def put_withdrawal(self, service: str, before: Withdrawal | None, after: Withdrawal) -> bool:
        if self._withdrawals.get((service, after.version)) not in (before, after):
            return False
        self._withdrawals[service, after.version] = after
        return True

    def claim_release(self, service: str, snapshot: str, release: str, withdrawn: Collection[str] = ()) -> str | None:
        releases = self._releases.setdefault(service, {})
        for existing, promoted in releases.items():
            if promoted == snapshot and existing not in withdrawn:
                return existing
        if release in releases:
            return None
        releases[release] = snapshot
        return release
