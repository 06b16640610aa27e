"""The catalogue in the ledger: a service's owner, snapshots and releases, and a repository's builds and branches."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from lifecycle.application.ports.catalogue import ChangeBranch, ChangeBuilds, ChangeReported
from lifecycle.domain.delivery.branch import Branch
from lifecycle.domain.delivery.refused_push import RefusedPush, RefusedPushes
from lifecycle.domain.delivery.reported_status import ReportedStatuses
from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.errors import CallFailed, UnreadableRecord
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.version import is_release
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState
from lifecycle.gateways.aws.errors import code_of, pauses, translated
from lifecycle.gateways.aws.table import (
    Table,
    is_readable,
    item,
    record,
    record_or,
    repository_key,
    service_key,
    split,
    whole,
    withdrawals_key,
)
from lifecycle.gateways.small_records import ClaimedRelease, Owner, RecordedSnapshot
from lifecycle.names import Partition

_Changed = TypeVar("_Changed", RepositoryBuilds, Branch, ReportedStatuses)


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


def withdrawals_of(found: Sequence[dict[str, Any]]) -> tuple[dict[str, Withdrawal], list[UnreadableRecord]]:
    """Return the withdrawals by their release, and the errors of those that cannot be read, which count as done."""
    read, errors = split(Withdrawal, found)
    unreadable = {each.name: _unreadable(each.name, str(each)) for each in errors}
    return unreadable | {each.version: each for each in read}, errors


def _unreadable(version: str, why: str) -> Withdrawal:
    return Withdrawal(version, "unknown", why, None, WithdrawalState.DONE)


@translated
class DynamoCatalogue:
    """Items are written once, but for those of a repository. One transaction binds a release to its snapshot."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim_service(self, service: str, repository: str) -> str:
        wanted = item(service_key(service), "OWNER", Owner(repository))
        nobodys = item(service_key(service), "OWNER", Owner(""))["body"]
        if self._table.put(wanted, "attribute_not_exists(pk) OR body = :nobodys", nobodys=nobodys):
            return repository
        found = self._table.get(service_key(service), "OWNER")
        return record(Owner, found).repository if found else repository

    def owner(self, service: str) -> str | None:
        found = self._table.get(service_key(service), "OWNER")
        return (record(Owner, found).repository or None) if found else None

    def transfer_service(self, service: str, owner: str | None, to: str) -> bool:
        pk = service_key(service)
        after = item(pk, "OWNER", Owner(to))
        if owner is not None:
            return self._table.put(after, "body = :body", body=item(pk, "OWNER", Owner(owner))["body"])
        found = self._table.get(pk, "OWNER")
        if found is None or is_readable(Owner, found):
            return False
        if "body" not in found:
            return self._table.put(after, "attribute_not_exists(body)")
        return self._table.put(after, "body = :body", body=found["body"])

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

    def builds(self, repository: str) -> RepositoryBuilds:
        found = self._table.get(repository_key(repository), "BUILDS")
        try:
            return record(RepositoryBuilds, found) if found else RepositoryBuilds(repository)
        except UnreadableRecord:
            return RepositoryBuilds(repository)

    def change_builds(self, repository: str, change: ChangeBuilds) -> RepositoryBuilds:
        return self._changed(repository_key(repository), "BUILDS", RepositoryBuilds(repository), change)

    def branch(self, repository: str, name: str) -> Branch:
        found = self._table.get(repository_key(repository), f"BRANCH#{name}")
        try:
            return record(Branch, found) if found else Branch(repository, name)
        except UnreadableRecord:
            return Branch(repository, name)

    def change_branch(self, repository: str, name: str, change: ChangeBranch) -> Branch:
        return self._changed(repository_key(repository), f"BRANCH#{name}", Branch(repository, name), change)

    def change_reported(self, repository: str, change: ChangeReported) -> ReportedStatuses:
        return self._changed(Partition.FORGE, repository, ReportedStatuses(repository), change)

    def reported(self) -> Sequence[ReportedStatuses]:
        return self._table.records(ReportedStatuses, Partition.FORGE)

    def _changed(self, pk: str, sk: str, unknown: _Changed, change: Callable[[_Changed], _Changed]) -> _Changed:
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
        message = f"{pk} {sk} was changed by other runs each time; wait a few seconds and try again"
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

    def withdrawal(self, service: str, version: str) -> Withdrawal | None:
        found = self._table.get(withdrawals_key(service), version)
        return record_or(Withdrawal, found, _unreadable) if found else None

    def withdrawals(self, service: str) -> Mapping[str, Withdrawal]:
        return whole(*withdrawals_of(self._table.query(withdrawals_key(service))))

    def put_withdrawal(self, service: str, before: Withdrawal | None, after: Withdrawal) -> bool:
        pk = withdrawals_key(service)
        return self._replaced(item(pk, after.version, after), item(pk, before.version, before) if before else None)

    def claim_release(self, service: str, snapshot: str, release: str, withdrawn: Collection[str] = ()) -> str | None:
        body, pk = ClaimedRelease(release, snapshot), service_key(service)
        dynamodb = self._table.dynamodb
        keys = (f"PROMOTION#{snapshot}", f"RELEASE#{release}")
        tries = pauses(self._table.sleep)
        next(tries)
        earlier: Mapping[str, Any] | None = None
        while True:
            puts = [self._put_once(item(pk, keys[0], body), earlier), self._put_once(item(pk, keys[1], body))]
            try:
                # botocore adds a token, so that its repeat of a lost call is no second transaction.
                dynamodb.transact_write_items(TransactItems=puts)
            except Exception as error:
                if code_of(error) != "TransactionCanceledException":
                    raise
                # The items say why. If neither exists, nothing was claimed: another transaction was under way, or
                # DynamoDB was throttled.
                bound, taken = self._table.get_all([(pk, sk) for sk in keys])
                held = record(ClaimedRelease, bound).release if bound else None
                if taken or (held and held not in withdrawn):
                    return held if held not in withdrawn else None
                if earlier == bound and next(tries, "over") == "over":
                    raise
                earlier = bound
            else:
                return release

    def _put_once(self, wanted: dict[str, Any], earlier: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the put of an item that must not exist, or must still be this earlier one."""
        put = {"TableName": self._table.name, "Item": wanted}
        if earlier is None:
            return {"Put": {**put, "ConditionExpression": "attribute_not_exists(pk)"}}
        same = {"ConditionExpression": "body = :body", "ExpressionAttributeValues": {":body": earlier["body"]}}
        return {"Put": {**put, **same}}
