"""An account on moto, the second AWS of the contract suite: in the process, and empty for each test.

`JUDGED` are the tests that run on it, those of conditional writes and of artifacts. No other is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto import mock_aws

from apps.local.aws.clients import Clients
from apps.local.paths import REGION
from tests.contract.signing import add_keys
from tests.support.aws_limits import strict

JUDGED = frozenset(
    (
        "test_a_fenced_deployment_releases_nothing",
        "test_a_free_lease_is_acquired_with_the_next_epoch",
        "test_a_lease_is_handed_over_without_a_gap_and_only_once",
        "test_a_manifest_is_read_with_the_digest_that_publishing_gave_it",
        "test_a_new_epoch_is_higher_than_every_other_record_has",
        "test_a_published_artifact_is_read_back",
        "test_a_released_lease_keeps_its_epoch",
        "test_an_artifact_counts_only_with_its_manifest_and_its_digest",
        "test_another_deployment_is_refused_with_the_holder_and_its_start",
        "test_another_manifest_of_the_same_bytes_is_not_written_over_the_first",
        "test_digests_of_a_version_are_recorded_once",
        "test_nothing_is_received_where_no_build_has_uploaded",
        "test_stored_versions_are_listed_with_their_size_and_time",
        "test_the_holder_gets_its_lease_again",
    )
)


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
