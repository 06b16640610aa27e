"""The additions to the embedded AWS's knowledge of policies."""

import json
from typing import Any

import pytest

from apps.local.aws.policies import LEADING_KEYS, parsed_once, with_leading_keys

TABLES = {"ledger": {"pk_name": "pk"}, "other": {"pk_name": "id"}}
REPORT = {"pk": {"S": "REPORTS#a"}, "sk": {"S": "h1"}}
TURN = {"pk": {"S": "TURNS#a"}, "sk": {"S": "h1"}}
ARN = "arn:aws:dynamodb:eu-west-1:000000000000:table/ledger"


def test_policy_is_parsed_once_for_each_text() -> None:
    parsed: list[Any] = []

    def parse(document: Any) -> list[Any]:
        parsed.append(document)
        return [document]

    remembered = parsed_once(parse)
    documents: list[Any] = ["a", "b", "a", {"Statement": []}, {"Statement": []}]
    assert [remembered(each) for each in documents] == [[each] for each in documents]
    assert parsed == ["a", "b", {"Statement": []}, {"Statement": []}]


@pytest.mark.parametrize(
    ("call", "keys"),
    [
        ({"TableName": "ledger", "Item": REPORT}, ["REPORTS#a"]),
        ({"TableName": "ledger", "Key": TURN}, ["TURNS#a"]),
        ({"TableName": ARN, "Key": TURN}, ["TURNS#a"]),
        ({"TableName": "other", "Key": {"id": {"N": "7"}}}, ["7"]),
        (
            {
                "TableName": "ledger",
                "KeyConditionExpression": "begins_with(sk, :sk) AND #key = :pk",
                "ExpressionAttributeNames": {"#key": "pk"},
                "ExpressionAttributeValues": {":pk": {"S": "TRAIL#a"}, ":sk": {"S": "x"}},
            },
            ["TRAIL#a"],
        ),
        (
            {
                "TableName": "ledger",
                "KeyConditions": {
                    "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "TRAIL#a"}]},
                },
            },
            ["TRAIL#a"],
        ),
        ({"RequestItems": {"ledger": {"Keys": [REPORT, TURN]}}}, ["REPORTS#a", "TURNS#a"]),
        (
            {"RequestItems": {"ledger": [{"PutRequest": {"Item": REPORT}}, {"DeleteRequest": {"Key": TURN}}]}},
            ["REPORTS#a", "TURNS#a"],
        ),
        (
            {
                "TransactItems": [
                    {"Put": {"TableName": "ledger", "Item": REPORT}},
                    {"Delete": {"TableName": "ledger", "Key": TURN}},
                ]
            },
            ["REPORTS#a", "TURNS#a"],
        ),
        # A key that cannot be found in the call fits no policy.
        ({"TableName": "ledger", "Item": {"sk": {"S": "h1"}}}, [""]),
        ({"TableName": "unknown", "Key": TURN}, [""]),
        ({"TableName": "ledger", "KeyConditionExpression": "(pk = :pk)"}, [""]),
        ({"TransactItems": [{"Put": {"TableName": "ledger", "Item": None}}]}, [""]),
        # These are about no item.
        ({"TableName": "ledger"}, None),
        ({}, None),
        (["no", "mapping"], None),
    ],
)
def test_leading_keys_are_the_partition_keys_of_a_call(call: Any, keys: list[str] | None) -> None:
    context_of = with_leading_keys(lambda _: {"dynamodb:Select": "ALL_ATTRIBUTES"}, TABLES)
    assert context_of(json.dumps(call).encode()).get(LEADING_KEYS) == keys


def test_body_that_is_no_json_has_no_leading_keys() -> None:
    context_of = with_leading_keys(lambda _: {}, TABLES)
    assert (context_of(b"{"), context_of(b"\xff"), context_of(b"")) == ({}, {}, {})


def test_body_of_too_many_levels_has_a_key_that_no_policy_allows() -> None:
    context_of = with_leading_keys(lambda _: {}, TABLES)
    assert context_of(b"[" * 100_000) == {LEADING_KEYS: [""]}
