"""An account on moto, the second AWS of the contract suite: in the process, and empty for each test.

`DIFFERENCES` are the tests that moto fails, with who is right; docs/reliability.md has AWS's sources. Each is an
expected failure, so that a moto that has learned it is noticed.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
from moto import mock_aws

from apps.local.aws.clients import Clients
from apps.local.paths import REGION
from tests.contract.signing import add_keys
from tests.support.aws_limits import strict

DIFFERENCES: Mapping[str, str] = {}


class MotoClients(Clients):
    """Clients of moto, like those of the emulator (apps/local/aws/clients.py)."""

    def __init__(self) -> None:
        super().__init__("", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "none"})
        self._made: dict[str, Any] = {}

    @property
    def vpc(self) -> str:
        """The network of the target groups; moto looks it up."""
        return str(self.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"])

    @property
    def subnets(self) -> list[str]:
        return [str(each["SubnetId"]) for each in self.client("ec2").describe_subnets()["Subnets"][:2]]

    def client(self, service: str) -> Any:
        if service not in self._made:
            key, secret = self.credentials["AccessKeyId"], self.credentials["SecretAccessKey"]
            made = boto3.client(service, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret)
            self._made[service] = strict(made)
        return self._made[service]


@contextmanager
def moto_account() -> Iterator[MotoClients]:
    """Yield clients of an account with the ledger, the bucket and the keys."""
    with mock_aws():
        aws = MotoClients()
        place = {} if REGION == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
        aws.client("s3").create_bucket(Bucket="artifacts", **place)
        aws.client("dynamodb").create_table(
            TableName="ledger",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        add_keys(aws)
        yield aws
