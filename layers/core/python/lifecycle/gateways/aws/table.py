"""The ledger's items: keys, and records as JSON in the attribute `body`; one DynamoDB table for all."""

from collections.abc import Sequence
from typing import Any, TypeVar

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.serialization import from_json, to_json
from lifecycle.names import Partition

T = TypeVar("T")


def cluster_key(cluster: Cluster) -> str:
    """The lease, the deployments and the quarantined versions of a cluster."""
    return f"{Partition.CLUSTER}{cluster}"


def reports_key(cluster: Cluster) -> str:
    """What the hosts of a cluster say of themselves; their agents write here only."""
    return f"{Partition.REPORTS}{cluster}"


def turns_key(cluster: Cluster) -> str:
    """What the hosts of a cluster may do; their agents read here only."""
    return f"{Partition.TURNS}{cluster}"


def trail_key(cluster: Cluster) -> str:
    """The audit trail of a cluster."""
    return f"{Partition.AUDIT_LOG}{cluster}"


def deployment_key(deployment: str) -> str:
    """The attempts and questions of a deployment."""
    return f"{Partition.DEPLOYMENT}{deployment}"


def freezes_key() -> str:
    """Every freeze, by its scope."""
    return Partition.FREEZES


def service_key(service: str) -> str:
    """The owner, snapshots and releases of a service."""
    return f"{Partition.SERVICE}{service}"


def key(pk: str, sk: str) -> dict[str, Any]:
    """A primary key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def item(pk: str, sk: str, record: Any, **more: str | int) -> dict[str, Any]:
    """An item of one record, with the attributes that conditions need beside it."""
    extra = {name: {"N": str(v)} if isinstance(v, int) else {"S": v} for name, v in more.items()}
    return {**key(pk, sk), "body": {"S": to_json(record)}, **extra}


def record(kind: type[T], found: dict[str, Any]) -> T:
    """The record that an item holds; raises StoreRefused."""
    return from_json(kind, found["body"]["S"])


class Table:
    """The few calls that the ledger's gateways make; every read is consistent."""

    def __init__(self, dynamodb: Any, name: str) -> None:
        self.dynamodb = dynamodb
        self.name = name

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        found = self.dynamodb.get_item(TableName=self.name, Key=key(pk, sk), ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item

    def get_all(self, keys: Sequence[tuple[str, str]]) -> list[dict[str, Any] | None]:
        """Up to 100 items in one call, in the order of their keys; None for those that are not there."""
        wanted: list[Any] = [key(*each) for each in keys]
        found: dict[tuple[str, str], dict[str, Any]] = {}
        while wanted:
            asked = {self.name: {"Keys": wanted, "ConsistentRead": True}}
            page = self.dynamodb.batch_get_item(RequestItems=asked)
            found |= {
                (each["pk"]["S"], each["sk"]["S"]): each for each in page["Responses"].get(self.name, [])
            }
            wanted = page.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
        return [found.get(each) for each in keys]

    def put(self, item: dict[str, Any], condition: str | None = None, **values: Any) -> bool:
        """Write an item; False when the condition did not hold."""
        more: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        if values:
            more["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
        try:
            self.dynamodb.put_item(TableName=self.name, Item=item, **more)
        except self.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def delete(self, pk: str, sk: str, condition: str | None = None, **values: Any) -> bool:
        """Delete an item, if it is there; False when the condition did not hold."""
        more: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        if values:
            more["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
        try:
            self.dynamodb.delete_item(TableName=self.name, Key=key(pk, sk), **more)
        except self.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def query(self, pk: str, prefix: str = "", *, newest_first: bool = False, limit: int = 0) -> list[Any]:
        """The items of a partition whose sort key begins with `prefix`; all of them when `limit` is 0."""
        expression, values = "pk = :pk", {":pk": {"S": pk}}
        if prefix:
            expression, values[":sk"] = "pk = :pk AND begins_with(sk, :sk)", {"S": prefix}
        found: list[Any] = []
        more: dict[str, Any] = {}
        while True:
            page = self.dynamodb.query(
                TableName=self.name,
                KeyConditionExpression=expression,
                ExpressionAttributeValues=values,
                ConsistentRead=True,
                ScanIndexForward=not newest_first,
                **({"Limit": limit - len(found)} if limit else {}),
                **more,
            )
            found += page["Items"]
            if "LastEvaluatedKey" not in page or (limit and len(found) >= limit):
                return found
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
