"""SSM, S3 and DynamoDB in memory, as far as the gateways of records call them.

`StoredLedger` adds the transaction of a promotion to the counting client.
"""

import base64
import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tests.support.counting_dynamodb import CountingDynamoDB

_WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)


def _refused(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)


class StoredLedger(CountingDynamoDB):
    """A DynamoDB client with transactions."""

    def transact_write_items(self, *, TransactItems: Any) -> None:  # noqa: N803
        puts = [each["Put"] for each in TransactItems]
        for put in puts:
            if self.items[put["Item"]["pk"]["S"]].get(put["Item"]["sk"]["S"]):
                raise _refused("TransactionCanceledException", "TransactWriteItems")
        for put in puts:
            self.put_item(**put)

    def all_items(self) -> Iterator[dict[str, Any]]:
        """Yield every item."""
        for by_sort_key in self.items.values():
            yield from by_sort_key.values()

    def store(self, item: dict[str, Any]) -> None:
        """Write an item whatever it holds, as a hand or a restore would."""
        self.put_item(TableName="ledger", Item=item)

    def forget(self, item: dict[str, Any]) -> None:
        """Delete an item."""
        self.delete_item(TableName="ledger", Key={"pk": item["pk"], "sk": item["sk"]})

    def copied(self) -> "StoredLedger":
        """Return a ledger with the same items."""
        made = StoredLedger()
        for pk, by_sort_key in self.items.items():  # an item is replaced, never changed
            made.items[pk] = dict(by_sort_key)
            made._keys[pk] = list(self._keys[pk])
        made._sizes = dict(self._sizes)
        return made


class StoredParameters:
    """An SSM client with `values` by name, and the `earlier` values of each name."""

    class exceptions:  # noqa: D106, N801 - as boto3 has it
        class ParameterNotFound(Exception):
            """There is no such parameter."""

        class ParameterVersionNotFound(Exception):
            """There is no such version."""

    def __init__(self, values: dict[str, str] | None = None, earlier: dict[str, list[str]] | None = None) -> None:
        self.values = dict(values or {})
        self.earlier = {name: [*found] for name, found in (earlier or {}).items()}

    def get_parameter(self, *, Name: str, WithDecryption: bool = False) -> dict[str, Any]:  # noqa: N803
        del WithDecryption
        name, _, version = Name.partition(":")
        if name not in self.values:
            raise self.exceptions.ParameterNotFound
        versions = [*self.earlier.get(name, ()), self.values[name]]
        number = int(version) if version else len(versions)
        if not 0 < number <= len(versions):
            raise self.exceptions.ParameterVersionNotFound
        return {"Parameter": {"Name": name, "Value": versions[number - 1], "Version": number}}

    def put_parameter(self, *, Name: str, Value: str, **_: Any) -> dict[str, int]:  # noqa: N803
        if Name in self.values:
            self.earlier.setdefault(Name, []).append(self.values[Name])
        self.values[Name] = Value
        return {"Version": len(self.earlier.get(Name, ())) + 1}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        yield {"Parameters": [{"Name": name} for name in sorted(self.values)]}


class StoredObjects:
    """An S3 client with `objects` by key, in one bucket."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = dict(objects or {})

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        del Bucket
        if Key not in self.objects:
            raise _refused("NoSuchKey", "GetObject")
        return {"Body": io.BytesIO(self.objects[Key]), "ContentLength": len(self.objects[Key])}

    def head_object(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        del Bucket
        if Key not in self.objects:
            raise _refused("404", "HeadObject")
        checksum = base64.b64encode(hashlib.sha256(self.objects[Key]).digest()).decode()
        return {"ContentLength": len(self.objects[Key]), "ChecksumSHA256": checksum}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803
        del Bucket
        if Key in self.objects:
            raise _refused("PreconditionFailed", "PutObject")
        self.objects[Key] = Body

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        del Bucket
        self.objects.pop(Key, None)

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        del Bucket
        found = [key for key in sorted(self.objects) if key.startswith(Prefix)]
        yield {"Contents": [{"Key": key, "Size": len(self.objects[key]), "LastModified": _WRITTEN} for key in found]}
