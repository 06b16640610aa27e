"""An account on moto, the second AWS of the contract suite: in the process, and empty for each test.

`JUDGED` are the tests that run on it: of the ledger's records, artifacts, the registry, configurations and secrets.
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
        "test_a_deployment_is_read_as_it_was_written",
        "test_a_deployment_that_ended_does_not_come_back_to_life",
        "test_a_fenced_deployment_releases_nothing",
        "test_a_free_lease_is_acquired_with_the_next_epoch",
        "test_a_freeze_lasts_until_it_is_lifted_and_a_newer_one_replaces_it",
        "test_a_host_that_is_removed_has_neither_report_nor_turn_and_may_come_back",
        "test_a_lease_is_handed_over_without_a_gap_and_only_once",
        "test_a_manifest_is_read_with_the_digest_that_publishing_gave_it",
        "test_a_new_epoch_is_higher_than_every_other_record_has",
        "test_a_pending_decision_is_recorded_once",
        "test_a_policy_floor_is_replaced_and_deleted_by_its_scope",
        "test_a_published_artifact_is_read_back",
        "test_a_quarantined_version_keeps_its_reason",
        "test_a_released_lease_keeps_its_epoch",
        "test_a_test_bed_keeps_its_latest_judgement_and_one_that_fails_whenever_it_was_found",
        "test_a_token_waits_beside_its_question_and_comes_back_with_the_answer",
        "test_a_turn_is_never_replaced_by_one_of_an_older_epoch_or_attempt",
        "test_agent_knows_that_its_host_is_quarantined",
        "test_an_answer_is_given_once",
        "test_an_artifact_counts_only_with_its_manifest_and_its_digest",
        "test_an_attempt_does_not_go_back_to_an_earlier_state",
        "test_an_attempt_is_begun_once",
        "test_an_attempt_is_replaced_by_its_later_state",
        "test_another_deployment_is_refused_with_the_holder_and_its_start",
        "test_another_manifest_of_the_same_bytes_is_not_written_over_the_first",
        "test_at_most_a_hundred_revisions_are_returned",
        "test_attempts_and_questions_are_read_by_one_call",
        "test_attempts_and_reports_of_some_hosts_are_read_by_name",
        "test_bound_hosts_close_a_cluster_and_no_other_report_counts",
        "test_cluster_without_an_auto_scaling_group_has_no_instances",
        "test_configuration_of_one_cluster_is_none_of_another",
        "test_desired_version_of_a_cluster_that_is_gone_is_forgotten",
        "test_digests_of_a_version_are_recorded_once",
        "test_every_revision_keeps_its_values",
        "test_everything_of_a_deployment_is_read_by_one_call",
        "test_nothing_is_received_where_no_build_has_uploaded",
        "test_number_of_a_revision_is_claimed_once",
        "test_one_deployment_is_pending_and_is_replaced_only_if_it_was_read",
        "test_one_of_two_agents_takes_a_minute",
        "test_one_of_two_racing_checkpoints_is_written",
        "test_recent_deployments_come_newest_first_and_only_as_many_as_asked",
        "test_record_is_read_as_it_was_written_by_agents_and_people",
        "test_record_of_the_same_number_is_replaced",
        "test_recorded_revisions_are_newest_first",
        "test_removed_host_is_not_bound_any_more",
        "test_report_with_the_address_of_another_host_says_so",
        "test_revision_that_does_not_exist_is_unknown",
        "test_second_writer_of_the_same_revision_gets_a_later_one",
        "test_secret_that_does_not_exist_is_named",
        "test_secret_that_no_environment_variable_can_have_is_refused",
        "test_secret_without_the_member_is_refused_without_its_text",
        "test_secrets_are_read_where_the_configuration_names_them",
        "test_step_read_returns_records_or_none",
        "test_stored_versions_are_listed_with_their_size_and_time",
        "test_the_audit_log_is_ordered_by_time_and_read_from_a_time_on",
        "test_the_floor_of_an_environment_is_no_cluster",
        "test_the_holder_gets_its_lease_again",
        "test_the_order_of_hosts_is_read_apart_and_kept_by_a_write_without_it",
        "test_the_registry_returns_the_last_write",
        "test_versions_and_hosts_are_quarantined_apart_and_lifted_by_name",
        "test_write_may_be_repeated_after_its_answer_was_lost",
        "test_write_on_top_of_another_record_is_refused",
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
