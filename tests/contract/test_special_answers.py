"""Answers of AWS that mean something to one call only: each has one outcome (docs/reliability.md)."""

import io
import traceback
from typing import Any

import pytest

from apps.local.aws.clients import Aws
from lifecycle.application.delivery.promote import promote
from lifecycle.domain.errors import BuildsFull, CallFailed, ConfigDenied, ForeignObject, LifecycleError, StoreRefused
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.service.configuration import Configuration, SecretRef
from lifecycle.gateways.aws.artifacts import S3Artifacts
from lifecycle.gateways.aws.builds import CodeBuildState
from lifecycle.gateways.aws.catalogue import DynamoCatalogue
from lifecycle.gateways.aws.errors import failure
from lifecycle.gateways.aws.notifications import AwsNotifications
from lifecycle.gateways.aws.queue import DynamoQueue
from lifecycle.gateways.aws.registry import SsmRegistry
from lifecycle.gateways.aws.table import Table
from tests.contract.build_service import BuildService
from tests.contract.conftest import Gateways, on_aws
from tests.contract.test_artifacts import BODY, SNAPSHOT, a_manifest, publish
from tests.contract.test_edges import notices
from tests.contract.test_operating import waiting
from tests.fakes.signer import SIGNER
from tests.support.aws_faults import DENIED, Fault, FaultyAws
from tests.support.json_service import json_client
from tests.support.ungated import ungated

ADDRESS = "10.0.0.1"
CONFLICT = Fault("ConditionalRequestConflict", 409)
OTHER_SNAPSHOT = "1.2.0-20261123130000-abcdef1"
CONDITION, BUSY, THROTTLED = (
    {"Code": code, "Message": code} for code in ("ConditionalCheckFailed", "TransactionConflict", "ThrottlingError")
)
FINE = {"Code": "None"}


@pytest.fixture(scope="module")
def faulty(emulator: Aws) -> FaultyAws:
    return FaultyAws(emulator.client("sts").meta.endpoint_url, emulator.credentials)


@pytest.fixture
def stack(faulty: FaultyAws) -> Gateways:
    return on_aws(faulty)


@pytest.fixture
def slept() -> list[float]:
    """The pauses that a gateway asked for."""
    return []


@pytest.fixture
def table(faulty: FaultyAws, slept: list[float]) -> Table:
    return Table(faulty.client("dynamodb"), "ledger", slept.append)


def cancelled(*reasons: Any) -> Fault:
    return Fault("TransactionCanceledException", more={"CancellationReasons": list(reasons)})


def test_a_foreign_object_is_named_and_claims_no_number(gateways: Gateways) -> None:
    publish(gateways)
    publish(gateways, OTHER_SNAPSHOT)
    gateways.put_foreign(gateways.service, "1.2.0", b"not ours")
    for snapshot in (SNAPSHOT, SNAPSHOT, OTHER_SNAPSHOT):
        with pytest.raises(ForeignObject, match="delete it and repeat the command") as refused:
            promote(gateways.catalogue, gateways.artifacts, SIGNER, gateways.service, snapshot, "ada", ungated)
        assert refused.value.key == f"s3://artifacts/release/{gateways.service}/1.2.0/artifact.tar.gz"
    assert gateways.catalogue.releases(gateways.service) == {}
    gateways.artifacts.delete(gateways.service, "1.2.0")
    made = promote(gateways.catalogue, gateways.artifacts, SIGNER, gateways.service, OTHER_SNAPSHOT, "ada", ungated)
    assert (made.release, made.created) == ("1.2.0", True)


def test_bytes_of_the_snapshot_itself_are_no_foreign_object(gateways: Gateways) -> None:
    publish(gateways)
    gateways.put_foreign(gateways.service, "1.2.0", BODY)
    assert (
        promote(gateways.catalogue, gateways.artifacts, SIGNER, gateways.service, SNAPSHOT, "ada", ungated).release
        == "1.2.0"
    )


@pytest.mark.emulator
@pytest.mark.parametrize("body", [b"not json", b"{}", b""])
def test_a_foreign_manifest_is_named(stack: Gateways, faulty: FaultyAws, body: bytes) -> None:
    key = f"{a_manifest(stack).prefix}/manifest.json"
    faulty.client("s3").put_object(Bucket="artifacts", Key=key, Body=body)
    with pytest.raises(ForeignObject) as refused:
        stack.artifacts.publish(a_manifest(stack), io.BytesIO(BODY))
    assert refused.value.key == f"s3://artifacts/{key}"


@pytest.mark.emulator
def test_two_conditional_writes_of_an_object_at_once_are_tried_again(
    faulty: FaultyAws, stack: Gateways, slept: list[float]
) -> None:
    artifacts = S3Artifacts(faulty.client("s3"), "artifacts", slept.append)
    with faulty.once(CONFLICT):
        artifacts.publish(a_manifest(stack), io.BytesIO(BODY))
    assert artifacts.open_artifact(stack.service, SNAPSHOT).read() == BODY
    assert len(slept) == 1
    with faulty.always(CONFLICT), pytest.raises(CallFailed, match="try again") as failed:
        artifacts.publish(a_manifest(stack, "1.2.0"), io.BytesIO(BODY))
    assert f"s3://artifacts/release/{stack.service}/1.2.0/artifact.tar.gz" in str(failed.value)
    assert (failed.value.code, failed.value.temporary) == ("ConditionalRequestConflict", True)


@pytest.mark.emulator
@pytest.mark.parametrize("reasons", [(FINE, BUSY), (BUSY, BUSY), (THROTTLED, FINE), (FINE, FINE)])
def test_a_transaction_that_met_another_is_tried_again(
    reasons: Any, faulty: FaultyAws, stack: Gateways, table: Table, slept: list[float]
) -> None:
    catalogue = DynamoCatalogue(table)
    with faulty.once(cancelled(*reasons), "TransactWriteItems"):
        assert catalogue.claim_release(stack.service, SNAPSHOT, "1.2.0") == "1.2.0"
    assert len(slept) == 1


@pytest.mark.emulator
def test_a_promotion_never_blames_other_promotions_for_a_conflict(
    faulty: FaultyAws, stack: Gateways, table: Table
) -> None:
    publish(stack)
    with faulty.always(cancelled(FINE, BUSY), "TransactWriteItems"), pytest.raises(CallFailed) as failed:
        promote(DynamoCatalogue(table), stack.artifacts, SIGNER, stack.service, SNAPSHOT, "ada", ungated)
    assert failed.value.code == "TransactionCanceledException"
    assert "met another write of the same record" in str(failed.value)
    assert (
        promote(DynamoCatalogue(table), stack.artifacts, SIGNER, stack.service, SNAPSHOT, "ada", ungated).release
        == "1.2.0"
    )


@pytest.mark.emulator
@pytest.mark.parametrize("reasons", [(CONDITION, BUSY), (BUSY, CONDITION), (CONDITION, CONDITION)])
def test_a_cancelled_transaction_is_explained_by_what_is_stored(
    reasons: Any, faulty: FaultyAws, stack: Gateways, table: Table
) -> None:
    catalogue = DynamoCatalogue(table)
    catalogue.claim_release(stack.service, OTHER_SNAPSHOT, "1.2.0")
    with faulty.once(cancelled(*reasons), "TransactWriteItems"):
        assert catalogue.claim_release(stack.service, SNAPSHOT, "1.2.0") is None
    with faulty.once(cancelled(*reasons), "TransactWriteItems"):
        assert catalogue.claim_release(stack.service, OTHER_SNAPSHOT, "1.2.1") == "1.2.0"


@pytest.mark.emulator
def test_an_item_of_another_transaction_is_written_again(
    faulty: FaultyAws, stack: Gateways, table: Table, slept: list[float]
) -> None:
    queue = DynamoQueue(table)
    with faulty.once(Fault("TransactionConflictException"), "PutItem"):
        assert queue.replace(stack.cluster, None, waiting(stack, "aaaa"))
    assert len(slept) == 1
    with faulty.always(Fault("TransactionConflictException")), pytest.raises(CallFailed, match="DynamoDB PutItem"):
        queue.replace(stack.cluster, waiting(stack, "aaaa"), waiting(stack, "bbbb"))
    assert queue.waiting(stack.cluster) == waiting(stack, "aaaa")


def test_keys_that_stay_unread_end_in_words(slept: list[float]) -> None:
    def unread(given: dict[str, Any]) -> dict[str, Any]:
        return {"Responses": {}, "UnprocessedKeys": given["RequestItems"]}

    table = Table(json_client("dynamodb", {"BatchGetItem": unread}), "ledger", slept.append)
    with pytest.raises(CallFailed, match="left 1 keys unread each time"):
        table.get_all([("a", "b")])
    assert len(slept) == 6


@pytest.mark.emulator
def test_a_parameter_that_is_updated_too_often_is_written_again(
    faulty: FaultyAws, stack: Gateways, slept: list[float]
) -> None:
    registry, desired = SsmRegistry(faulty.client("ssm"), slept.append), Desired("1.0.1", "d", 1, "d-1")
    with faulty.once(Fault("TooManyUpdates")):
        registry.set_desired(stack.cluster, desired)
    assert (registry.desired(stack.cluster), len(slept)) == (desired, 1)
    with faulty.always(Fault("TooManyUpdates")), pytest.raises(CallFailed, match=r"TooManyUpdates.*try again"):
        registry.set_desired(stack.cluster, desired)
    label = Fault("ParameterMaxVersionLimitExceeded")
    with faulty.always(label), pytest.raises(CallFailed, match="unlabel-parameter-version") as failed:
        registry.set_desired(stack.cluster, desired)
    assert not failed.value.temporary


@pytest.mark.emulator
@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_task_that_waits_no_more_is_not_resumed(code: str, faulty: FaultyAws, stack: Gateways) -> None:
    with faulty.always(Fault(code)):
        assert not stack.executions.answer_token("token", {})
    assert faulty.calls["SendTaskSuccess"] == 1


def test_executions_are_started_once_and_tokens_are_answered_once(gateways: Gateways) -> None:
    assert gateways.executions.start_rollout(gateways.service, {"a": 1})
    assert not gateways.executions.start_rollout(gateways.service, {"a": 2})
    token = gateways.new_token()
    assert [gateways.executions.answer_token(token, {}) for _ in range(2)] == [True, False]


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("code", "words", "temporary"),
    [
        ("ExecutionLimitExceeded", "a quota of the AWS account is used up", True),
        ("StateMachineDoesNotExist", "Lifecycle is not installed", False),
        ("KmsThrottlingException", "AWS is throttling Step Functions StartExecution", True),
    ],
)
def test_an_execution_that_cannot_start_is_explained(
    code: str, words: str, temporary: object, faulty: FaultyAws, stack: Gateways
) -> None:
    with faulty.always(Fault(code)), pytest.raises(CallFailed, match=words) as failed:
        stack.executions.start_rollout(stack.service, {})
    assert failed.value.temporary == temporary


@pytest.mark.emulator
def test_a_stack_that_was_deployed_again_is_found(faulty: FaultyAws, stack: Gateways) -> None:
    stack.dispatcher.register(stack.cluster, ADDRESS, 80)
    with faulty.once(Fault("TargetGroupNotFound"), "DescribeTargetHealth"):
        assert stack.dispatcher.target(stack.cluster, ADDRESS) is TargetState.HEALTHY
    assert faulty.calls["GetParameter"] == 1
    with faulty.always(Fault("TargetGroupNotFound"), "RegisterTargets"), pytest.raises(CallFailed) as failed:
        stack.dispatcher.register(stack.cluster, ADDRESS, 80)
    assert f"the load balancer of {stack.cluster}" in str(failed.value)
    assert "deploy its stacks" in str(failed.value)


@pytest.mark.emulator
@pytest.mark.parametrize(("code", "temporary"), [("InvalidTarget", False), ("TooManyTargets", True)])
def test_a_refused_target_names_its_load_balancer(
    code: str, temporary: object, faulty: FaultyAws, stack: Gateways
) -> None:
    with (
        faulty.always(Fault(code), "RegisterTargets"),
        pytest.raises(CallFailed, match=f"balancer of {stack.cluster}.*{code}") as failed,
    ):
        stack.dispatcher.register(stack.cluster, ADDRESS, 80, Group.MAIN)
    assert failed.value.temporary == temporary


def test_a_build_that_failed_has_failed_although_its_log_cannot_be_read() -> None:
    builds, faulty = BuildService(), FaultyAws("http://127.0.0.1:1")
    faulty.take("logs", builds.logs)
    build = builds.gateway.start("https://example.test/r.git", "a" * 40, "token", {})
    builds.end(build, CodeBuildState("FAILED", "exit 1"))
    assert builds.gateway.state(build) == CodeBuildState("FAILED", "build FAILED in BUILD\nexit 1")
    with faulty.always(DENIED):
        assert "its log could not be read: IAM denies" in builds.gateway.state(build).reason


def test_a_build_is_started_once_for_a_token_and_has_its_state(gateways: Gateways) -> None:
    first, again = (gateways.builds.start("https://example.test/r.git", "a" * 40, "one", {}) for _ in range(2))
    assert first == again
    assert gateways.builds.state(first).kind == "RUNNING"
    assert gateways.builds.start("https://example.test/r.git", "a" * 40, "two", {}) != first
    done = CodeBuildState("SUCCEEDED", exported={"LIFECYCLE_VERSION": "1.0.0"})
    gateways.end_build(first, done)
    assert gateways.builds.state(first) == done


def test_a_build_beyond_the_quota_is_explained() -> None:
    builds, faulty = BuildService(), FaultyAws("http://127.0.0.1:1")
    faulty.take("codebuild", builds.codebuild)
    with faulty.always(Fault("AccountLimitExceededException")), pytest.raises(BuildsFull, match="quota"):
        builds.gateway.start("https://example.test/r.git", "a" * 40, "token", {})


def test_an_event_that_was_not_taken_is_an_error() -> None:
    def refused(given: dict[str, Any]) -> dict[str, Any]:
        entries = [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"} for _ in given["Entries"]]
        return {"FailedEntryCount": len(entries), "Entries": entries}

    gateway = AwsNotifications(json_client("events", {"PutEvents": refused}), None, "topic")
    with pytest.raises(StoreRefused, match="ThrottlingException"):
        gateway.send(notices(1, "halted"))


def test_time_goes_on_and_is_in_utc(gateways: Gateways) -> None:
    began = gateways.clock.now()
    gateways.clock.sleep(0.01)
    assert gateways.clock.now() > began
    assert gateways.clock.now().tzname() == "UTC"


def test_an_error_of_ours_is_no_error_of_aws() -> None:
    assert failure(LifecycleError("x")) is None
    assert failure(KeyError("x")) is None


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidKeyId"])
def test_denied_key_names_who_may_use_it(stack: Gateways, faulty: FaultyAws, code: str) -> None:
    stack.config_store.write(stack.cluster, {"A": "b"}, 0)
    with faulty.always(Fault(code)), pytest.raises(ConfigDenied) as denied:
        stack.config_store.read(stack.cluster)
    for part in ("lifecycle-configure", f"lc-host-production-{stack.service}-<region>", "kms:Decrypt", code):
        assert part in str(denied.value)
    assert isinstance(denied.value, StoreRefused)
    with faulty.always(Fault(code)), pytest.raises(ConfigDenied, match="kms:Encrypt and kms:GenerateDataKey"):
        stack.config_store.write(stack.cluster, {"A": "c"}, 1)


def test_denied_secret_names_the_variable_and_the_permission(stack: Gateways, faulty: FaultyAws) -> None:
    made = Configuration(1, {"URL": SecretRef("lifecycle/production/hello/db")})
    needed = "the secret of URL is denied; the role of the host needs secretsmanager:GetSecretValue on lifecycle/"
    with faulty.always(DENIED), pytest.raises(ConfigDenied, match=needed):
        stack.config_store.resolved(made)


def test_error_of_a_write_repeats_no_value(stack: Gateways, faulty: FaultyAws) -> None:
    wrong = Fault("ValidationException", more={"message": "Value 'planted-11' at 'value' is wrong"})
    with faulty.always(wrong), pytest.raises(CallFailed, match="SSM PutParameter failed: ValidationExc") as failed:
        stack.config_store.write(stack.cluster, {"A": "planted-11"}, 0)
    trace = "".join(traceback.format_exception(failed.value))
    assert "planted-11" not in trace.replace('{"A": "planted-11"}', "")
