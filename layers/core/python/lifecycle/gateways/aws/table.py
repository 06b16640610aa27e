"""The ledger's items in one DynamoDB table: their keys, and records as JSON in the attribute `body`.

The attribute `v` is the version of the record (ADR 17).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from lifecycle.domain.errors import CallFailed, InvalidValue, SomeUnreadable, UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.foreign_json import is_text
from lifecycle.gateways.aws.errors import code_of, pauses, repeated
from lifecycle.gateways.record_kinds import FINDINGS, kind_of
from lifecycle.gateways.serialization import NEWEST_READABLE, RECORD_VERSION, VERSION_KEY, from_json, to_json
from lifecycle.names import Partition

T = TypeVar("T")
U = TypeVar("U")

# The sort key of a deployment's checkpoint.
CHECKPOINT = "CHECKPOINT"
# The sort key of the order of a deployment's hosts, and of the bound hosts of a cluster.
HOSTS = "HOSTS"
# The sort key of a recorded request.
REQUEST = "REQUEST"
# A BatchGetItem takes 100 keys.
_KEYS_AT_ONCE = 100
# The bytes of a partition key and of a sort key; neither may be empty.
_LONGEST_KEYS = (2048, 1024)


def cluster_key(cluster: Cluster) -> str:
    """Return the partition of a cluster's lease, deployments, pending deployment and quarantines."""
    return f"{Partition.CLUSTER}{cluster}"


def reports_key(cluster: Cluster) -> str:
    """Return the partition of the reports of a cluster's hosts. Agents write here only."""
    return f"{Partition.REPORTS}{cluster}"


def turns_key(cluster: Cluster) -> str:
    """Return the partition of the turns of a cluster's hosts. Agents read here, and never write."""
    return f"{Partition.TURNS}{cluster}"


def trail_key(cluster: Cluster) -> str:
    """Return the partition of a cluster's audit log."""
    return f"{Partition.AUDIT_LOG}{cluster}"


def findings_key(cluster: Cluster) -> str:
    """Return the partition of the audit entries of a cluster that are no actions."""
    return f"{trail_key(cluster)}{FINDINGS}"


def deployment_key(deployment: str) -> str:
    """Return the partition of a deployment's attempts, test beds and questions."""
    return f"{Partition.DEPLOYMENT}{deployment}"


def freezes_key() -> str:
    """Return the partition of every freeze; the sort key is its scope."""
    return Partition.FREEZES


def service_key(service: str) -> str:
    """Return the partition of a service's owner, snapshots and releases."""
    return f"{Partition.SERVICE}{service}"


def withdrawals_key(service: str) -> str:
    """Return the partition of the withdrawn releases of a service; the sort key is the release."""
    return f"{Partition.WITHDRAWALS}{service}"


def repository_key(repository: str) -> str:
    """Return the partition of the builds of a repository, which its URL names."""
    return f"{Partition.REPOSITORY}{repository}"


def config_key(cluster: Cluster) -> str:
    """Return the partition of the recorded revisions of a cluster's configuration."""
    return f"{Partition.CONFIG}{cluster}"


def rotation_key(cluster: Cluster) -> str:
    """Return the partition of the members of a cluster without a load balancer."""
    return f"{Partition.ROTATION}{cluster}"


def schedules_key(cluster: Cluster) -> str:
    """Return the partition of the records of a cluster's scheduled commands. Agents write here."""
    return f"{Partition.SCHEDULES}{cluster}"


def cursor_key() -> str:
    """Return the partition of convergence's cursor."""
    return Partition.PASSES


def request_key(source: str, deployment: str) -> str:
    """Return the partition of a request that this part of Lifecycle recorded."""
    return f"{Partition.REQUEST}{source}#{deployment}"


def key(pk: str, sk: str) -> dict[str, Any]:
    """Return a primary key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def item(pk: str, sk: str, record: Any, **more: str | int) -> dict[str, Any]:
    """Return the item of a record, with the attributes that conditions compare, and `more` that a filter needs."""
    kind = kind_of(pk, sk)
    found = {name: getattr(record, name, None) for name in kind.apart}
    apart = {name: to_json(each) for name, each in found.items() if each not in (None, "", ()) and each is not False}
    beside = _attributes({**kind.beside(record), **apart, **more})
    return {**key(pk, sk), "body": {"S": to_json(record)}, VERSION_KEY: {"N": str(RECORD_VERSION)}, **beside}


def _attributes(values: Mapping[str, str | int | Decimal]) -> dict[str, Any]:
    return {name: {"N": str(v)} if isinstance(v, int | Decimal) else {"S": v} for name, v in values.items()}


def record(kind: type[T], found: Mapping[str, Any]) -> T:
    """Return the record that an item holds; raises UnreadableRecord, which names the item."""
    pk, sk = found["pk"]["S"], found["sk"]["S"]
    declared = kind_of(pk, sk)
    source = partial(declared.source, pk, sk)
    version = _version(found)
    read = from_json(kind, found.get("body", {}).get("S"), source, version)
    try:
        of_pk, of_sk = declared.key(read)
    except InvalidValue as error:
        raise source().unreadable(f"a {declared.name} of this key", str(error)) from error
    own = of_pk or pk, of_sk or sk
    if own != (pk, sk):
        raise source().unreadable(f"a {declared.name} of this key", f"one of {' '.join(own)}")
    for name, part in declared.apart.items():
        if name in found:
            read = replace(read, **{name: from_json(part, found[name].get("S"), source, version)})  # type: ignore[type-var]
    # A newer version may store other attributes.
    if version is None or version == RECORD_VERSION:
        for name, value in _attributes(declared.beside(read)).items():
            if found.get(name) != value:
                beside = f"{value} in its body, and {found.get(name, 'none')} beside it"
                raise source().unreadable(f"a {declared.name} with one value of {name}", beside)
    return read


def _version(found: Mapping[str, Any]) -> object:
    """Return the version that an item says; None where there is none."""
    if VERSION_KEY not in found:
        return None
    text = found[VERSION_KEY].get("N", "")
    return int(text) if text.isdecimal() else found[VERSION_KEY]


def split(kind: type[T], found: Iterable[Mapping[str, Any]]) -> tuple[list[T], list[UnreadableRecord]]:
    """Return the records of items, and an error for each that cannot be read."""
    read: list[T] = []
    errors: list[UnreadableRecord] = []
    for each in found:
        try:
            read.append(record(kind, each))
        except UnreadableRecord as error:
            errors.append(error)
    return read, errors


def whole(answer: U, errors: Sequence[UnreadableRecord]) -> U:
    """Return an answer that is whole; raises SomeUnreadable, which has the rest of it, if there are errors."""
    if errors:
        raise SomeUnreadable(errors, answer)
    return answer


def is_readable(kind: type[Any], found: Mapping[str, Any]) -> bool:
    """Return whether an item holds a record; raises UnreadableRecord for one that a newer Lifecycle wrote."""
    try:
        record(kind, found)
    except UnreadableRecord:
        version = _version(found)
        if isinstance(version, int) and version > NEWEST_READABLE:
            raise
        return False
    return True


def record_or(kind: type[T], found: Mapping[str, Any], stand_in: Callable[[str, str], U]) -> T | U:
    """Return the record of an item, or what stands in for it: made from its sort key and the error."""
    try:
        return record(kind, found)
    except UnreadableRecord as error:
        return stand_in(found["sk"]["S"], str(error))


class Table:
    """The calls that the ledger's gateways make. Every read is consistent.

    botocore repeats a write whose answer was lost. The repeat then meets its own item, and its condition does not
    hold. So a write counts as done whenever exactly what it wanted is stored.
    """

    def __init__(self, dynamodb: Any, name: str, sleep: Callable[[float], object] = time.sleep) -> None:
        self.dynamodb = dynamodb
        self.name = name
        self.sleep = sleep

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        if not _possible(pk, sk):
            return None
        found = self.dynamodb.get_item(TableName=self.name, Key=key(pk, sk), ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item

    def get_all(self, keys: Sequence[tuple[str, str]]) -> list[dict[str, Any] | None]:
        """Return items, 100 by one call, in the order of their keys; None for a missing one."""
        wanted: list[Any] = [key(*each) for each in dict.fromkeys(keys) if _possible(*each)]
        found: dict[tuple[str, str], dict[str, Any]] = {}
        tries = pauses(self.sleep)
        while wanted:
            request = {self.name: {"Keys": wanted[:_KEYS_AT_ONCE], "ConsistentRead": True}}
            page = self.dynamodb.batch_get_item(RequestItems=request)
            found |= {(each["pk"]["S"], each["sk"]["S"]): each for each in page["Responses"].get(self.name, [])}
            unread = page.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if unread and next(tries, "over") == "over":
                raise _unread(len(unread))
            wanted = [*unread, *wanted[_KEYS_AT_ONCE:]]
        return [found.get(each) for each in keys]

    def put(self, item: dict[str, Any], condition: str | None = None, **values: Any) -> bool:
        """Write an item; returns False if the condition did not hold, unless this very item is stored."""
        _required(item["pk"]["S"], item["sk"]["S"])
        return self._change(self.dynamodb.put_item, condition, values, item, Item=item)

    def delete(self, pk: str, sk: str, condition: str | None = None, **values: Any) -> bool:
        """Delete an item; returns False if there is one for which the condition did not hold."""
        if not _possible(pk, sk):
            return True
        return self._change(self.dynamodb.delete_item, condition, values, None, Key=key(pk, sk))

    def _change(
        self,
        call: Callable[..., Any],
        condition: str | None,
        values: dict[str, Any],
        wanted: dict[str, Any] | None,
        **request: Any,
    ) -> bool:
        if condition:
            request |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        if values:
            request["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
        try:
            repeated(lambda: call(TableName=self.name, **request), "TransactionConflictException", sleep=self.sleep)
        except Exception as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            stored: dict[str, Any] | None = getattr(error, "response", {}).get("Item")
            return stored == wanted
        return True

    def records(self, kind: type[T], pk: str, prefix: str = "", **options: Any) -> list[T]:
        """Return the records of a partition's items, as `query` finds them; raises SomeUnreadable."""
        return whole(*split(kind, self.query(pk, prefix, **options)))

    def first_items(self, pk: str, limit: int, pages: int, *names: str) -> tuple[list[dict[str, Any]], bool]:
        """Return a partition's first items, and whether those are all; for partitions that others may fill.

        At most `limit` items and so many `pages` of 1 MB are read. With `names`, items have these attributes only.
        """
        found: list[dict[str, Any]] = []
        projection = {"ProjectionExpression": ", ".join(names)} if names else {}
        for number, page in enumerate(self._pages("pk = :pk", {":pk": {"S": pk}}, **projection), start=1):
            found += page["Items"]
            if len(found) > limit or (number == pages and "LastEvaluatedKey" in page):
                return found[:limit], False
        return found, True

    def attributes(self, pk: str, *names: str) -> list[dict[str, Any]]:
        """Return these attributes of a partition's items. DynamoDB reads the items, but returns nothing else."""
        pages = self._pages("pk = :pk", {":pk": {"S": pk}}, ProjectionExpression=", ".join(names))
        return [each for page in pages for each in page["Items"]]

    def query(self, pk: str, prefix: str = "", *, newest_first: bool = False, limit: int = 0) -> list[Any]:
        """Return a partition's items whose sort key begins with `prefix`; all of them if `limit` is 0."""
        expression, values = "pk = :pk", {":pk": {"S": pk}}
        if prefix:
            expression, values[":sk"] = "pk = :pk AND begins_with(sk, :sk)", {"S": prefix}
        found: list[Any] = []
        most = {"Limit": limit} if limit else {}
        for page in self._pages(expression, values, ScanIndexForward=not newest_first, **most):
            found += page["Items"]
            if limit and len(found) >= limit:
                break
        return found[:limit] if limit else found

    def _pages(self, expression: str, values: dict[str, Any], **options: Any) -> Iterator[dict[str, Any]]:
        more: dict[str, Any] = {}
        while _possible(values[":pk"]["S"], values.get(":sk", {"S": "any"})["S"]):
            page = self.dynamodb.query(
                TableName=self.name,
                KeyConditionExpression=expression,
                ExpressionAttributeValues=values,
                ConsistentRead=True,
                **options,
                **more,
            )
            yield page
            if "LastEvaluatedKey" not in page:
                return
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _possible(pk: str, sk: str) -> bool:
    """Return whether an item can have this key."""
    return all(
        is_text(part) and 0 < len(part.encode()) <= most for part, most in zip((pk, sk), _LONGEST_KEYS, strict=True)
    )


def _required(pk: str, sk: str) -> None:
    if not _possible(pk, sk):
        raise InvalidValue("record's key", f"{pk} {sk}"[:300], "1 to 2048 bytes, then 1 to 1024 bytes")


def _unread(keys: int) -> CallFailed:
    message = f"DynamoDB BatchGetItem left {keys} keys unread each time; wait a few seconds and try again"
    return CallFailed(message, service="DynamoDB", operation="BatchGetItem", code="UnprocessedKeys", temporary=True)
