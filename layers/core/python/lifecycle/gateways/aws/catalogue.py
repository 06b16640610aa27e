"""The catalogue in the ledger: a service's owner, snapshots and releases, and a repository's builds and branches."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from lifecycle.application.ports.catalogue import ChangeBranch, ChangeBuilds
from lifecycle.domain.delivery.branch import Branch
from lifecycle.domain.delivery.refused_push import RefusedPush, RefusedPushes
from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.errors import CallFailed, UnreadableRecord
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.version import is_release
from lifecycle.gateways.aws.errors import code_of, pauses, translated
from lifecycle.gateways.aws.table import Table, item, record, repository_key, service_key, split, whole
from lifecycle.gateways.small_records import ClaimedRelease, Owner, RecordedSnapshot
from lifecycle.names import Partition

_Changed = TypeVar("_Changed", RepositoryBuilds, Branch)


def snapshots_of(found: Sequence[dict[str, Any]]) -> tuple[dict[str, Mapping[str, str]], list[UnreadableRecord]]:
    """Return the facts of each snapshot that can be read, and the errors of the others."""
    read, errors = split(RecordedSnapshot, found)
    return {each.snapshot: each.facts for each in read}, errors


def releases_of(found: Sequence[dict[str, Any]]) -> tuple[dict[str, str], list[UnreadableRecord]]:
    """Return the snapshot of each release, and the errors of those that cannot be read.

    Such a release is in the answer too, without a snapshot, because its number is taken: unless it is no number.
    """
    read, errors = split(ClaimedRelease, found)
    taken = {each.name: "" for each in errors if is_release(each.name)}
    return taken | {each.release: each.snapshot for each in read}, errors


@translated
class DynamoCatalogue:
    """Items are written once, but for those of a repository. One transaction binds a release to its snapshot."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim_service(self, service: str, repository: str) -> str:
        wanted = item(service_key(service), "OWNER", Owner(repository))
        if self._table.put(wanted, "attribute_not_exists(pk)"):
            return repository
        found = self._table.get(service_key(service), "OWNER")
        return record(Owner, found).repository if found else repository

    def owner(self, service: str) -> str | None:
        found = self._table.get(service_key(service), "OWNER")
        return record(Owner, found).repository if found else None

    def transfer_service(self, service: str, owner: str, to: str) -> bool:
        before, after = (item(service_key(service), "OWNER", Owner(each)) for each in (owner, to))
        return self._table.put(after, "body = :body", body=before["body"])

    def record_snapshot(self, service: str, snapshot: str, facts: Mapping[str, str]) -> Mapping[str, str]:
        pk, sk = service_key(service), f"SNAPSHOT#{snapshot}"
        if self._table.put(item(pk, sk, RecordedSnapshot(snapshot, dict(facts))), "attribute_not_exists(pk)"):
            return facts
        found = self._table.get(pk, sk)
        return record(RecordedSnapshot, found).facts if found else facts

    def record_published(self, service: str, version: str, published: Published) -> Published:
        pk, sk = service_key(service), f"PUBLISHED#{version}"
        if self._table.put(item(pk, sk, published), "attribute_not_exists(pk)"):
            return published
        return self.published(service, version) or published

    def published(self, service: str, version: str) -> Published | None:
        found = self._table.get(service_key(service), f"PUBLISHED#{version}")
        return record(Published, found) if found else None

    def change_builds(self, repository: str, change: ChangeBuilds) -> RepositoryBuilds:
        return self._changed(repository, "BUILDS", RepositoryBuilds(repository), change)

    def branch(self, repository: str, name: str) -> Branch:
        found = self._table.get(repository_key(repository), f"BRANCH#{name}")
        try:
            return record(Branch, found) if found else Branch(repository, name)
        except UnreadableRecord:
            return Branch(repository, name)

    def change_branch(self, repository: str, name: str, change: ChangeBranch) -> Branch:
        return self._changed(repository, f"BRANCH#{name}", Branch(repository, name), change)

    def _changed(
        self, repository: str, sk: str, unknown: _Changed, change: Callable[[_Changed], _Changed]
    ) -> _Changed:
        pk = repository_key(repository)
        for _ in pauses(self._table.sleep):
            found = self._table.get(pk, sk)
            try:
                before = record(type(unknown), found) if found else unknown
            except UnreadableRecord:
                return unknown
            after = change(before)
            if after == before:
                return before
            if self._replaced(item(pk, sk, after), found):
                return after
        message = f"{sk} of {repository} was changed by other runs each time; wait a few seconds and try again"
        raise CallFailed(message, service="DynamoDB", operation="PutItem", code="Conflict", temporary=True)

    def _replaced(self, wanted: dict[str, Any], found: Mapping[str, Any] | None) -> bool:
        if found is None:
            return self._table.put(wanted, "attribute_not_exists(pk)")
        return self._table.put(wanted, "body = :body", body=found["body"])

    def record_refused_push(self, push: RefusedPush) -> None:
        pk, sk = Partition.REFUSED_PUSHES, "SIGNED" if push.signed else "UNSIGNED"
        for _ in pauses(self._table.sleep):
            found = self._table.get(pk, sk)
            try:
                before = record(RefusedPushes, found) if found else RefusedPushes()
            except UnreadableRecord:
                self._table.put(item(pk, sk, RefusedPushes().recorded(push)))
                return
            after = before.recorded(push)
            if after == before or self._replaced(item(pk, sk, after), found):
                return
        message = "the refused pushes were changed by other deliveries each time; this one is in the function's log"
        raise CallFailed(message, service="DynamoDB", operation="PutItem", code="Conflict", temporary=True)

    def refused_pushes(self) -> Sequence[RefusedPush]:
        read, errors = split(RefusedPushes, self._table.query(Partition.REFUSED_PUSHES))
        return whole(sorted((push for each in read for push in each.latest), key=lambda push: push.at), errors)

    def snapshots(self, service: str) -> Mapping[str, Mapping[str, str]]:
        return whole(*snapshots_of(self._table.query(service_key(service), "SNAPSHOT#")))

    def releases(self, service: str) -> Mapping[str, str]:
        return whole(*releases_of(self._table.query(service_key(service), "RELEASE#")))

    def claim_release(self, service: str, snapshot: str, release: str) -> str | None:
        body, pk = ClaimedRelease(release, snapshot), service_key(service)
        dynamodb = self._table.dynamodb
        new = {"TableName": self._table.name, "ConditionExpression": "attribute_not_exists(pk)"}
        keys = (f"PROMOTION#{snapshot}", f"RELEASE#{release}")
        puts = [{"Put": {**new, "Item": item(pk, sk, body)}} for sk in keys]
        tries = pauses(self._table.sleep)
        next(tries)
        while True:
            try:
                # botocore adds a token, so that its repeat of a lost call is no second transaction.
                dynamodb.transact_write_items(TransactItems=puts)
            except Exception as error:
                if code_of(error) != "TransactionCanceledException":
                    raise
                # The items say why. If neither exists, nothing was claimed: another transaction was under way, or
                # DynamoDB was throttled.
                bound, taken = self._table.get_all([(pk, sk) for sk in keys])
                if bound or taken:
                    return record(ClaimedRelease, bound).release if bound else None
                if next(tries, "over") == "over":
                    raise
            else:
                return release
