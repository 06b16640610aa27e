"""The control plane: its stores, functions, state machines and triggers."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.cli.doctor.taken import log_groups
from tests.infra.conftest import REPOSITORIES
from tests.infra.reading import only, resources, rule, text
from tests.integration.statemachines.definitions import MACHINES, resolved, states

COPIES = {"record-snapshot", "promote"}
LONG = {"drain", "install", "self-test", "register", "await-alive", "release-command", "diagnose", "end-bake"}
LONG |= {"host-terminating"}


def test_the_ledger_can_be_restored_to_any_second_and_outlives_its_stack(
    control_plane: dict[str, Any],
) -> None:
    table = only(control_plane, "DynamoDB::Table")
    assert table["TableName"] == "lifecycle-ledger"
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["pk", "sk"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] is True


def test_doctor_looks_for_exactly_the_log_groups_of_the_stack(control_plane: dict[str, Any]) -> None:
    made = {each["LogGroupName"] for each in resources(control_plane, "Logs::LogGroup").values()}
    assert made == frozenset().union(*log_groups().values())


def test_the_stores_are_retained(control_plane: dict[str, Any]) -> None:
    stores = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret")
    found = [r for r in control_plane["Resources"].values() if r["Type"] in stores]
    assert len(found) == 4
    # A failed first creation leaves none behind, whose name would refuse the next one.
    assert {(r["DeletionPolicy"], r["UpdateReplacePolicy"]) for r in found} == {("RetainExceptOnCreate", "Retain")}


def test_deleted_stack_of_a_cluster_forgets_its_hosts(control_plane: dict[str, Any]) -> None:
    rules = resources(control_plane, "Events::Rule").values()
    (rule,) = [each for each in rules if each.get("Name") == "lifecycle-stack-deleted"]
    assert rule["EventPattern"]["detail"]["status-details"] == {"status": ["DELETE_COMPLETE"]}
    (prefix,) = rule["EventPattern"]["detail"]["stack-id"]
    assert text(prefix["prefix"]).endswith("cloudformation:stack/lifecycle-")
    (target,) = rule["Targets"]
    assert "ClusterDeleted" in str(target["Arn"])


def test_stores_that_are_not_retained_are_emptied_and_deleted(tmp_path: Path) -> None:
    from infra.app import build_app  # noqa: PLC0415

    build_app(str(tmp_path), {"retain": "false"}).synth()
    found = json.loads((tmp_path / "lifecycle.template.json").read_text())["Resources"].values()
    stores = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret")
    assert {r["DeletionPolicy"] for r in found if r["Type"] in stores} == {"Delete"}
    assert [r["Type"] for r in found].count("Custom::S3AutoDeleteObjects") == 2
    (table,) = [r for r in found if r["Type"] == "AWS::DynamoDB::Table"]
    assert table["Properties"]["DeletionProtectionEnabled"] is False


def bucket_with_policy(control_plane: dict[str, Any], name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the properties of a bucket, and the statements of its policy."""
    ((logical, bucket),) = (
        each for each in resources(control_plane, "S3::Bucket").items() if name in str(each[1]["BucketName"])
    )
    (policy,) = (
        each for each in resources(control_plane, "S3::BucketPolicy").values() if each["Bucket"] == {"Ref": logical}
    )
    return bucket, policy["PolicyDocument"]["Statement"]


@pytest.mark.parametrize("name", ["lifecycle-artifacts", "lifecycle-build-caches"])
def test_a_bucket_is_private_encrypted_and_over_tls(control_plane: dict[str, Any], name: str) -> None:
    bucket, denied = bucket_with_policy(control_plane, name)
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert {"Bool": {"aws:SecureTransport": "false"}} in [each["Condition"] for each in denied]


def test_caches_of_builds_expire(control_plane: dict[str, Any]) -> None:
    bucket, _ = bucket_with_policy(control_plane, "lifecycle-build-caches")
    caches, unfinished = bucket["LifecycleConfiguration"]["Rules"]
    assert caches == {"Id": "caches-of-builds", "Status": "Enabled", "ExpirationInDays": 30}
    assert set(unfinished) == {"Id", "Status", "AbortIncompleteMultipartUpload"}
    assert "VersioningConfiguration" not in bucket


def test_artifacts_are_written_once_and_only_deleted_versions_expire(control_plane: dict[str, Any]) -> None:
    bucket, denied = bucket_with_policy(control_plane, "lifecycle-artifacts")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    uploads, deleted, unfinished = bucket["LifecycleConfiguration"]["Rules"]
    assert (uploads["Prefix"], uploads["ExpirationInDays"]) == ("incoming/", 7)
    assert set(unfinished) == {"Id", "Status", "AbortIncompleteMultipartUpload"}
    assert deleted == {
        "Id": "deleted-versions",
        "Status": "Enabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        "ExpiredObjectDeleteMarker": True,
    }
    (once,) = (each for each in denied if each.get("Sid") == "WrittenOnce")
    assert (once["Effect"], once["Action"], once["Principal"]) == ("Deny", "s3:PutObject", "*")
    assert once["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }
    assert [each["Fn::Join"][1][-1] for each in once["Resource"]] == ["/snapshot/*", "/release/*"]


def _memory(name: str) -> int:
    """Return the megabytes of a function: some copy an artifact, some need a whole CPU, and GitHub waits for one."""
    if name in COPIES:
        return 3008
    if name == "receive-push":
        return 1024
    return 1769 if name in ("analyse", "act") or name.startswith("show-") else 256


def test_every_function_has_its_layers_its_log_and_the_contracts_environment(
    control_plane: dict[str, Any],
) -> None:
    for function in resources(control_plane, "Lambda::Function").values():
        name = function["FunctionName"].removeprefix("lifecycle-")
        assert (function["Runtime"], function["Handler"]) == ("python3.13", "handler.handle")
        assert function["Architectures"] == ["x86_64"]
        assert function["MemorySize"] == _memory(name)
        assert len(function["Layers"]) == 2
        assert (function["Timeout"] == 900) == (name in LONG)
        assert (function["Timeout"] == 120) == (name == "analyse")
        values = function["Environment"]["Variables"]
        assert set(values) == {
            "LEDGER_TABLE",
            "ARTIFACT_BUCKET",
            "ROLLOUT_MACHINE",
            "DELIVERY_MACHINE",
            "BUILD_PROJECT",
            "BUILD_ROLES",
            "WEBHOOK_SECRET",
            "FORGE_SECRET",
            "POLL_SECONDS",
            "BUILD_LOOK_SECONDS",
            "AGENT_HEARTBEAT_TIMEOUT_SECONDS",
            "MINUTE_SECONDS",
            "SETTLES",
            "NOTICES_TOPIC",
            "CALLERS",
            "POWERTOOLS_SERVICE_NAME",
        }
        assert (values["POLL_SECONDS"], values["AGENT_HEARTBEAT_TIMEOUT_SECONDS"]) == ("2", "30")
        group = control_plane["Resources"][function["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]
        assert group == {"LogGroupName": f"/aws/lambda/lifecycle-{name}", "RetentionInDays": 30}


def test_machines_log_everything_but_data_and_are_traced(control_plane: dict[str, Any]) -> None:
    machines = resources(control_plane, "StepFunctions::StateMachine").values()
    assert {each["StateMachineName"] for each in machines} == {"lifecycle-rollout", "lifecycle-delivery"}
    for machine in machines:
        assert machine["LoggingConfiguration"]["Level"] == "ALL"
        assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
        assert machine["TracingConfiguration"] == {"Enabled": True}


@pytest.mark.parametrize("machine", ["rollout", "delivery"])
def test_a_state_times_out_after_its_function_never_before(control_plane: dict[str, Any], machine: str) -> None:
    functions = resources(control_plane, "Lambda::Function").values()
    longest = {each["FunctionName"]: each["Timeout"] for each in functions}
    called = set()
    for name, state in states(resolved(machine)):
        if "FunctionName" in state.get("Arguments", {}):
            function = state["Arguments"]["FunctionName"].rpartition(":")[2]
            assert longest[function] <= state["TimeoutSeconds"], name
            called.add(function)
    assert len(called) == len(MACHINES[machine].calls)


def _codecommit(repository: str) -> str:
    return f"arn:${{AWS::Partition}}:codecommit:${{AWS::Region}}:${{AWS::AccountId}}:{repository}"


def test_only_the_public_function_reserves_concurrency_which_is_its_limit(control_plane: dict[str, Any]) -> None:
    functions = resources(control_plane, "Lambda::Function").values()
    reserved = {each["FunctionName"]: each.get("ReservedConcurrentExecutions") for each in functions}
    assert {name: found for name, found in reserved.items() if found is not None} == {"lifecycle-receive-push": 10}


def test_pushes_arrive_by_a_public_url_and_by_codecommits_event(control_plane: dict[str, Any]) -> None:
    assert only(control_plane, "Lambda::Url")["AuthType"] == "NONE"
    assert rule(control_plane, "lifecycle-codecommit-push")["EventPattern"] == {
        "source": ["aws.codecommit"],
        "resources": [{"Fn::Sub": _codecommit(each)} for each in REPOSITORIES],
        "detail-type": ["CodeCommit Repository State Change"],
        "detail": {"event": ["referenceCreated", "referenceUpdated"], "referenceType": ["branch"]},
    }
    for name in ("WebhookUrl", "WebhookSecret"):
        assert name in control_plane["Outputs"]


def test_failed_or_stopped_rollout_converges_its_cluster(control_plane: dict[str, Any]) -> None:
    found = rule(control_plane, "lifecycle-execution-ended")
    machine = {
        "Fn::Sub": "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:lifecycle-rollout"
    }
    assert found["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"], "stateMachineArn": [machine]},
    }
    (target,) = found["Targets"]
    assert set(target) == {"Arn", "Id"}  # the whole event, with EventBridge's own retries for a day
    (logical,) = target["Arn"]["Fn::GetAtt"][:1]
    assert control_plane["Resources"][logical]["Properties"]["FunctionName"] == "lifecycle-converge"


def test_each_rule_may_call_its_own_function_only(control_plane: dict[str, Any]) -> None:
    rules = resources(control_plane, "Events::Rule")
    permissions = [
        each
        for each in resources(control_plane, "Lambda::Permission").values()
        if each["Principal"] == "events.amazonaws.com"
    ]
    called = {each["SourceArn"]["Fn::GetAtt"][0]: each["FunctionName"] for each in permissions}
    assert called == {name: target["Arn"] for name, each in rules.items() for target in each["Targets"]}
    assert {each["Action"] for each in permissions} == {"lambda:InvokeFunction"}


def test_converge_runs_every_fifteen_minutes(control_plane: dict[str, Any]) -> None:
    schedules = resources(control_plane, "Scheduler::Schedule").values()
    rates = {each["Name"]: each["ScheduleExpression"] for each in schedules}
    quarters = dict.fromkeys(("lifecycle-converge", "lifecycle-report-status"), "rate(15 minutes)")
    assert rates == {**quarters, "lifecycle-watch": "rate(5 minutes)"}


def test_a_build_runs_the_buildspec_with_the_tools_beside_its_source(control_plane: dict[str, Any]) -> None:
    project = only(control_plane, "CodeBuild::Project")
    assert project["Name"] == "lifecycle-build"
    assert project["Source"]["Type"] == "NO_SOURCE"
    assert [each["SourceIdentifier"] for each in project["SecondarySources"]] == ["tools"]
    assert not project["Environment"].get("PrivilegedMode")
    written = yaml.safe_load(project["Source"]["BuildSpec"])
    assert written == yaml.safe_load(Path("infra/buildspec.yml").read_text())
    assert written["env"]["exported-variables"] == [
        *("LIFECYCLE_SERVICE", "LIFECYCLE_VERSION", "LIFECYCLE_UPLOAD", "LIFECYCLE_DETAILS")
    ]


def test_a_template_needs_no_bootstrap_version_and_no_account(
    control_plane: dict[str, Any], byo: dict[str, Any]
) -> None:
    for template in (control_plane, byo):
        assert "BootstrapVersion" not in template.get("Parameters", {})
        assert "Rules" not in template
