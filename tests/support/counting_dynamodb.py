"""A DynamoDB client in memory that counts: the calls, items and bytes of the real gateways.

It has what lifecycle/gateways/aws/table.py uses. Sizes follow DynamoDB's rules: the bytes of names and values,
pages of 1 MB before a filter, and 400 KB an item.
"""

import re
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from lifecycle.gateways.aws.table import Table

PAGE_BYTES = 1_048_576
ITEM_BYTES = 409_600

_TOKEN = re.compile(r"attribute_(not_)?exists\((\w+)\)|:\w+|\w+|<>|<=|>=|[=<>()]")
_WORDS = {"AND": "and", "OR": "or", "NOT": "not", "<>": "!=", "=": "=="}


@dataclass
class Reads:
    """The calls to the table, and what they read: returned items and bytes, and bytes that are billed."""

    calls: int = 0
    items: int = 0
    bytes: int = 0
    billed_bytes: int = 0
    writes: int = 0
    written_bytes: int = 0


class CountingDynamoDB:
    """Items by partition and sort key, and the counts of all calls."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.reads = Reads()
        self.largest: Counter[str] = Counter()
        self._keys: dict[str, list[str]] = defaultdict(list)
        self._sizes: dict[tuple[str, str], int] = {}

    @contextmanager
    def counted(self) -> Iterator[Reads]:
        """Count from zero within this block."""
        before, self.reads = self.reads, Reads()
        try:
            yield self.reads
        finally:
            self.reads = before

    def get_item(self, *, TableName: str, Key: Any, ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        del TableName, ConsistentRead
        found = self.items[Key["pk"]["S"]].get(Key["sk"]["S"])
        self._count([found] if found else [])
        return {"Item": found} if found else {}

    def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        ((table, wanted),) = RequestItems.items()
        assert len(wanted["Keys"]) <= 100
        found = [self.items[key["pk"]["S"]].get(key["sk"]["S"]) for key in wanted["Keys"]]
        there = [each for each in found if each]
        self._count(there)
        return {"Responses": {table: there}}

    def query(self, *, ExpressionAttributeValues: Any, **options: Any) -> dict[str, Any]:  # noqa: N803
        pk = ExpressionAttributeValues[":pk"]["S"]
        prefix = ExpressionAttributeValues.get(":sk", {"S": ""})["S"]
        keys = self._keys[pk]
        begin = bisect_left(keys, prefix)
        end = bisect_left(keys, prefix + chr(0x10FFFF))
        chosen = keys[begin:end]
        if not options.get("ScanIndexForward", True):
            chosen.reverse()
        if start := options.get("ExclusiveStartKey"):
            chosen = chosen[chosen.index(start["sk"]["S"]) + 1 :]
        page, size, limit = [], 0, options.get("Limit", len(chosen))
        for sk in chosen[:limit]:
            if size >= PAGE_BYTES:
                break
            page.append(self.items[pk][sk])
            size += self._sizes[pk, sk]
        names_only = options.get("ProjectionExpression") == "sk"
        shown = [{"sk": each["sk"]} for each in page] if names_only else page
        self._count(page, names_only=names_only)
        answer: dict[str, Any] = {"Items": shown, "Count": len(page)}
        if len(page) < len(chosen):
            answer["LastEvaluatedKey"] = {"pk": {"S": pk}, "sk": page[-1]["sk"]}
        return answer

    def put_item(self, *, TableName: str, Item: Any, **condition: Any) -> None:  # noqa: N803
        del TableName
        pk, sk, size = Item["pk"]["S"], Item["sk"]["S"], size_of(Item)
        assert size <= ITEM_BYTES, f"{pk} {sk} has {size} bytes"
        self._check(self.items[pk].get(sk), condition)
        if sk not in self.items[pk]:
            insort(self._keys[pk], sk)
        self.items[pk][sk], self._sizes[pk, sk] = Item, size
        kind = f"{pk.partition('#')[0]} {sk.partition('#')[0] if pk[0] in 'CD' else ''}".strip()
        self.largest[kind] = max(self.largest[kind], size)
        self._wrote(size)

    def delete_item(self, *, TableName: str, Key: Any, **condition: Any) -> None:  # noqa: N803
        del TableName
        pk, sk = Key["pk"]["S"], Key["sk"]["S"]
        self._check(self.items[pk].get(sk), condition)
        if self.items[pk].pop(sk, None):
            self._keys[pk].remove(sk)
        self._wrote(0)

    def _check(self, found: Mapping[str, Any] | None, condition: Mapping[str, Any]) -> None:
        text = condition.get("ConditionExpression")
        values = condition.get("ExpressionAttributeValues", {})
        if text and not _holds(text, found or {}, values):
            answer: Any = {"Error": {"Code": "ConditionalCheckFailedException"}}
            if found and condition.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
                answer["Item"] = found
            raise ClientError(answer, "PutItem")

    def _count(self, found: list[dict[str, Any]], *, names_only: bool = False) -> None:
        size = sum(self._sizes[each["pk"]["S"], each["sk"]["S"]] for each in found)
        self.reads.calls += 1
        self.reads.billed_bytes += size
        if names_only:
            self.reads.bytes += sum(size_of({"sk": each["sk"]}) for each in found)
        else:
            self.reads.items += len(found)
            self.reads.bytes += size

    def _wrote(self, size: int) -> None:
        self.reads.writes += 1
        self.reads.written_bytes += size


def size_of(item: Mapping[str, Any]) -> int:
    """Return the size of an item in bytes: of its names, and of its texts and numbers."""
    return sum(len(name) + len(next(iter(value.values())).encode()) for name, value in item.items())


def counting_table() -> tuple[Table, CountingDynamoDB]:
    """Return a table of the gateways, and the client that counts its calls."""
    client = CountingDynamoDB()
    return Table(client, "ledger"), client


def _holds(text: str, found: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Evaluate a condition. As in DynamoDB, a comparison with nothing, or with another type, is false."""

    def python(match: re.Match[str]) -> str:
        token = match[0]
        if match[2]:
            return str((match[2] in found) != bool(match[1]))
        if token.startswith(":"):
            return repr(_plain(values[token]))
        if token in _WORDS or not token[0].isalpha():
            return _WORDS.get(token, token)
        return repr(_plain(found.get(token, {})))

    names = {"_Value": _Value, "Decimal": Decimal}
    return bool(eval(_TOKEN.sub(python, text), names))  # noqa: S307 - our own conditions


@dataclass(frozen=True, eq=False)
class _Value:
    """A value of a condition; its kind is N or S, or empty for an attribute that an item does not have."""

    kind: str
    value: Any

    __hash__ = None  # type: ignore[assignment]

    def _alike(self, other: "_Value") -> bool:
        return bool(self.kind) and self.kind == other.kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Value) and self._alike(other) and bool(self.value == other.value)

    def __ne__(self, other: object) -> bool:
        return isinstance(other, _Value) and bool(self.kind and other.kind) and not self == other

    def __lt__(self, other: "_Value") -> bool:
        return self._alike(other) and bool(self.value < other.value)

    def __le__(self, other: "_Value") -> bool:
        return self < other or self == other


def _plain(value: Mapping[str, str]) -> _Value:
    kind, text = next(iter(value.items()), ("", ""))
    return _Value(kind, Decimal(text) if kind == "N" else text)
