"""A role that is limited to partitions of a table: the emulator allows and refuses each kind of call as AWS does."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from apps.local.aws.clients import Aws
from tests.integration.statemachines.acting import HERE, Acting, is_allowed

pytestmark = pytest.mark.emulator

TABLE = "leading-keys"
OWN, FOREIGN = "REPORTS#production/hello", "CLUSTER#production/hello"
Call: TypeAlias = Callable[[Any, str], bool]


@pytest.fixture(scope="module", autouse=True)
def table(emulator: Aws) -> Iterator[None]:
    dynamodb = emulator.client("dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    yield
    dynamodb.delete_table(TableName=TABLE)


def _item(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": "h1"}}


def _query(client: Any, pk: str) -> bool:
    values = {":pk": {"S": pk}}
    return is_allowed(
        client.query, TableName=TABLE, KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values
    )


def _transact(client: Any, pk: str) -> bool:
    puts = [{"Put": {"TableName": TABLE, "Item": _item(each)}} for each in (OWN + "/2", pk)]
    return is_allowed(client.transact_write_items, TransactItems=puts)


CALLS: dict[str, tuple[str, Call]] = {
    "PutItem": ("PutItem", lambda c, pk: is_allowed(c.put_item, TableName=TABLE, Item=_item(pk))),
    "DeleteItem": ("DeleteItem", lambda c, pk: is_allowed(c.delete_item, TableName=TABLE, Key=_item(pk))),
    "GetItem": ("GetItem", lambda c, pk: is_allowed(c.get_item, TableName=TABLE, Key=_item(pk))),
    "Query": ("Query", _query),
    "BatchGetItem": (
        "BatchGetItem",
        lambda c, pk: is_allowed(c.batch_get_item, RequestItems={TABLE: {"Keys": [_item(OWN), _item(pk)]}}),
    ),
    "TransactWriteItems": ("PutItem", _transact),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_role_reaches_its_partitions_only(acting: Acting, call: str) -> None:
    action, is_allowed_to = CALLS[call]
    client = acting(
        "dynamodb",
        {
            "Action": f"dynamodb:{action}",
            "Resource": f"arn:aws:dynamodb:{HERE}:table/{TABLE}",
            "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{OWN}*"]}},
        },
    )
    reached = {pk: is_allowed_to(client, pk) for pk in (OWN, f"{OWN}/3", FOREIGN, f"X{OWN}")}
    if call == "BatchGetItem":  # DynamoDB refuses a key that is given twice
        reached[OWN] = is_allowed_to(client, f"{OWN}/4")
    assert reached == {OWN: True, f"{OWN}/3": True, FOREIGN: False, f"X{OWN}": False}
