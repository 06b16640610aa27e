"""The state of the embedded AWS after it is killed: every answered write, and executions as failed."""

import io
import json
import os
import signal
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from apps.local.aws import root_key
from apps.local.aws.clients import Aws
from apps.local.aws.embedded import Store, action, changes
from apps.local.aws.emulator import start_emulator, take_snapshot, wait_for_emulator
from apps.local.paths import ACCOUNT, REGION, Layout
from apps.local.ports import Ports
from apps.local.processes import Part, end
from tests.support.polling import wait_for

pytestmark = pytest.mark.emulator

TABLE = "memory"
WAITS = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}
UNLESS_THERE = {
    "ConditionExpression": "attribute_not_exists(#k)",
    "ExpressionAttributeNames": {"#k": "key"},
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


@dataclass
class Emulated:
    """The embedded AWS alone, which can be killed and restarted."""

    layout: Layout
    ports: Ports
    root: dict[str, str]
    part: Part

    @property
    def aws(self) -> Aws:
        return Aws(self.ports, self.root)

    def killed(self, how: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.part.pid, how)
        wait_for("the emulator to end", lambda: not self.part.alive)
        self.part = start_emulator(self.layout, self.ports, self.root)
        wait_for_emulator(self.layout, self.part, self.ports)

    def put(self, key: str, **condition: Any) -> None:
        item = {"key": {"S": key}}
        self.aws.client("dynamodb").put_item(TableName=TABLE, Item=item, **condition)

    def stored(self) -> list[str]:
        found = self.aws.client("dynamodb").scan(TableName=TABLE)["Items"]
        return sorted(item["key"]["S"] for item in found)


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    layout, ports = Layout(tmp_path_factory.mktemp("memory")), Ports.free()
    root = root_key.new()
    found = Emulated(layout, ports, root, start_emulator(layout, ports, root))
    try:
        wait_for_emulator(layout, found.part, ports)
        made(found.aws)
        take_snapshot(ports, root)
        yield found
    finally:
        end(layout, [found.part])


def made(aws: Aws) -> None:
    aws.client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    aws.client("s3").create_bucket(Bucket=TABLE)
    role = aws.client("iam").create_role(RoleName=TABLE, AssumeRolePolicyDocument=json.dumps(TRUST))
    aws.client("stepfunctions").create_state_machine(
        name=TABLE, definition=json.dumps(WAITS), roleArn=role["Role"]["Arn"]
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_answered_writes_survive_the_end_of_the_emulator(emulated: Emulated, how: signal.Signals) -> None:
    name = how.name
    emulated.put(f"{name} 1")
    emulated.aws.client("ssm").put_parameter(Name=f"/{name}", Value="1", Type="String")
    emulated.aws.client("ssm").put_parameter(Name=f"/{name}", Value="2", Type="String", Overwrite=True)
    emulated.aws.client("s3").put_object(Bucket=TABLE, Key=name, Body=b"bytes")
    emulated.killed(how)
    assert f"{name} 1" in emulated.stored()
    found = emulated.aws.client("ssm").get_parameter(Name=f"/{name}")["Parameter"]
    assert (found["Value"], found["Version"]) == ("2", 2)
    assert emulated.aws.client("s3").get_object(Bucket=TABLE, Key=name)["Body"].read() == b"bytes"


def test_a_refused_write_stays_refused(emulated: Emulated) -> None:
    emulated.put("once")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        emulated.put("once", **UNLESS_THERE)
    emulated.killed()
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        emulated.put("once", **UNLESS_THERE)


def test_changes_before_and_after_a_snapshot_are_each_applied_once(emulated: Emulated) -> None:
    dynamodb = emulated.aws.client("dynamodb")

    def count() -> None:
        dynamodb.update_item(
            TableName=TABLE,
            Key={"key": {"S": "counter"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    count()
    take_snapshot(emulated.ports, emulated.root)
    count()
    emulated.killed()
    found = emulated.aws.client("dynamodb").get_item(TableName=TABLE, Key={"key": {"S": "counter"}})
    assert found["Item"]["n"]["N"] == "2"


def test_running_execution_is_failed_after_a_restart(emulated: Emulated) -> None:
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{TABLE}"
    started = emulated.aws.client("stepfunctions").start_execution(stateMachineArn=arn, name="lost")
    emulated.killed()
    states = emulated.aws.client("stepfunctions")
    found = states.describe_execution(executionArn=started["executionArn"])
    assert (found["status"], found["error"]) == ("FAILED", "States.ServiceRestart")
    with pytest.raises(states.exceptions.ExecutionAlreadyExists):
        states.start_execution(stateMachineArn=arn, name="lost")


def test_sigterm_does_not_wait_for_a_running_function_call(emulated: Emulated, tmp_path: Path) -> None:
    runs, code = tmp_path / "runs", io.BytesIO()
    text = "import pathlib, time\ndef handle(event, context):\n    pathlib.Path('{}').touch()\n    time.sleep(600)\n"
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", text.format(runs))
    emulated.aws.client("lambda").create_function(
        FunctionName="slow",
        Runtime="python3.13",
        Handler="handler.handle",
        Role=f"arn:aws:iam::{ACCOUNT}:role/{TABLE}",
        Timeout=600,
        Code={"ZipFile": code.getvalue()},
    )
    calls = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 600, "End": True}
    slow = {"StartAt": "Slow", "States": {"Slow": {**calls, "Parameters": {"FunctionName": "slow"}}}}
    made = emulated.aws.client("stepfunctions").create_state_machine(
        name="slow", definition=json.dumps(slow), roleArn=f"arn:aws:iam::{ACCOUNT}:role/{TABLE}"
    )
    emulated.aws.client("stepfunctions").start_execution(stateMachineArn=made["stateMachineArn"])
    wait_for("the function to run", runs.exists)
    emulated.killed(signal.SIGTERM)


def test_role_session_survives_a_restart(emulated: Emulated) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{TABLE}"
    given = emulated.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="someone")["Credentials"]
    emulated.killed()
    identity = Aws(emulated.ports, given).client("sts").get_caller_identity()
    assert identity["Arn"].endswith(f"assumed-role/{TABLE}/someone")


def test_change_of_a_policy_applies_to_the_next_call(emulated: Emulated) -> None:
    iam, role = emulated.aws.client("iam"), f"arn:aws:iam::{ACCOUNT}:role/{TABLE}"
    given = emulated.aws.client("sts").assume_role(RoleArn=role, RoleSessionName="reader")["Credentials"]
    reader = Aws(emulated.ports, given).client("dynamodb")
    for effect, allowed in (("Deny", False), ("Allow", True), ("Deny", False), ("Allow", True)):
        statement = {"Effect": effect, "Action": "dynamodb:Scan", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=TABLE, PolicyName="scan", PolicyDocument=document)
        if allowed:
            reader.scan(TableName=TABLE)
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                reader.scan(TableName=TABLE)
    iam.delete_role_policy(RoleName=TABLE, PolicyName="scan")
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.scan(TableName=TABLE)


def test_wrong_secret_key_is_refused(emulated: Emulated) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/{TABLE}"
    given = emulated.aws.client("sts").assume_role(RoleArn=role, RoleSessionName="forger")["Credentials"]
    forged = Aws(emulated.ports, {**given, "SecretAccessKey": "forged"}).client("sts")
    with pytest.raises(ClientError, match="signature"):
        forged.get_caller_identity()


def test_incomplete_journal_line_is_dropped(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        store.append("ssm", [1])
    with store.journal(0).open("a") as file:
        file.write('["ssm", [2')
    with closing(Store(tmp_path)) as again:
        again.append("ssm", [3])
        assert again.entries() == [("ssm", [1]), ("ssm", [3])]


def test_only_actions_that_may_change_something_are_journalled() -> None:
    assert action({"x-amz-target": "DynamoDB_20120810.PutItem"}, b"") == "PutItem"
    assert action({}, b"Action=RegisterTargets&Version=2015-12-01") == "RegisterTargets"
    assert [changes(name) for name in ("PutItem", "TransactWriteItems", "RegisterTargets")] == [True] * 3
    assert [changes(name) for name in ("GetItem", "Query", "DescribeTargetHealth")] == [False] * 3


def test_metric_is_stored_for_six_hours_whatever_its_volume(emulated: Emulated) -> None:
    cloudwatch, now = emulated.aws.client("cloudwatch"), time.time()
    for hours in (7, 5):
        datum = {"MetricName": "m", "Value": float(hours), "Timestamp": now - hours * 3600}
        cloudwatch.put_metric_data(Namespace="Memory", MetricData=[datum])
    metric = {"Namespace": "Memory", "MetricName": "m"}
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}
    found = cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=now - 86_400, EndTime=now)
    assert found["MetricDataResults"][0]["Values"] == [5.0]
