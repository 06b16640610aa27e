"""A table with the ledger's keys, for the tests of gateways."""

from apps.local.aws.clients import Clients


def create_table(aws: Clients, name: str) -> None:
    """Create a table with the ledger's keys."""
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
