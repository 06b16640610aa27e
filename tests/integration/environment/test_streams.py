"""The embedded AWS delivers a table's changes to a function, and an alarm evaluates one cluster only."""

import io
import json
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.local.aws import root_key
from apps.local.aws.clients import Aws
from apps.local.aws.emulator import start_emulator, take_snapshot, wait_for_emulator
from apps.local.paths import ACCOUNT, Layout
from apps.local.ports import Ports
from apps.local.processes import Part, end
from tests.support.polling import wait_for

pytestmark = pytest.mark.emulator

TABLE = "streamed"
CODE = """
import json
def handle(event, context):
    with open({path!r}, "a") as file:
        for record in event["Records"]:
            file.write(record["dynamodb"]["Keys"]["pk"]["S"] + "\\n")
    print("received")
"""
TRUST = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


class Streamed:
    """The embedded AWS with a table whose stream starts a function; `received` are the keys that it got."""

    def __init__(self, folder: Path) -> None:
        self._layout, self.ports, self._root = Layout(folder), Ports.free(), root_key.new()
        self._file = folder / "received"
        self.part = self._start()
        self._make()
        take_snapshot(self.ports, self._root)

    @property
    def aws(self) -> Aws:
        return Aws(self.ports, self._root)

    def _start(self) -> Part:
        part = start_emulator(self._layout, self.ports, self._root)
        wait_for_emulator(self._layout, part, self.ports)
        return part

    def _make(self) -> None:
        aws = self.aws
        keys = [{"AttributeName": name, "KeyType": kind} for name, kind in (("pk", "HASH"), ("sk", "RANGE"))]
        table = aws.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=keys,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        policy = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        aws.client("iam").create_role(RoleName=TABLE, AssumeRolePolicyDocument=policy)
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", CODE.format(path=str(self._file)))
        aws.client("lambda").create_function(
            FunctionName=TABLE,
            Runtime="python3.13",
            Handler="handler.handle",
            Role=f"arn:aws:iam::{ACCOUNT}:role/{TABLE}",
            Code={"ZipFile": code.getvalue()},
        )
        wanted = {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "CLUSTER#"}]}}}}
        aws.client("lambda").create_event_source_mapping(
            EventSourceArn=table["TableDescription"]["LatestStreamArn"],
            FunctionName=TABLE,
            StartingPosition="TRIM_HORIZON",
            FilterCriteria={"Filters": [{"Pattern": json.dumps(wanted)}]},
        )

    def put(self, key: str) -> None:
        self.aws.client("dynamodb").put_item(TableName=TABLE, Item={"pk": {"S": key}, "sk": {"S": "1"}})

    @property
    def received(self) -> list[str]:
        return self._file.read_text().splitlines() if self._file.exists() else []

    def killed(self) -> None:
        os.kill(self.part.pid, signal.SIGKILL)
        wait_for("the emulator to end", lambda: not self.part.alive)
        self.part = self._start()

    def close(self) -> None:
        end(self._layout, [self.part])


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streamed]:
    made = Streamed(tmp_path_factory.mktemp("streams"))
    try:
        yield made
    finally:
        made.close()


def test_stream_delivers_in_order_the_records_that_the_filter_accepts(streamed: Streamed) -> None:
    for number in range(3):
        streamed.put(f"REPORTS#{number}")
        streamed.put(f"CLUSTER#{number}")
    wait_for("three records", lambda: len(streamed.received) >= 3)
    assert streamed.received == ["CLUSTER#0", "CLUSTER#1", "CLUSTER#2"]


def test_stream_delivers_again_after_a_crash(streamed: Streamed) -> None:
    streamed.put("CLUSTER#before")
    wait_for("the record", lambda: "CLUSTER#before" in streamed.received)
    streamed.killed()
    streamed.put("CLUSTER#after")
    wait_for("the record of after the crash", lambda: "CLUSTER#after" in streamed.received)


def test_alarm_evaluates_its_own_dimensions_only(streamed: Streamed) -> None:
    cloudwatch = streamed.aws.client("cloudwatch")

    def group(service: str) -> list[dict[str, str]]:
        return [{"Name": "TargetGroup", "Value": f"targetgroup/{service}/1"}]

    for service in ("ill", "well"):
        cloudwatch.put_metric_alarm(
            AlarmName=f"lc-p-{service}-errors",
            Namespace="AWS/ApplicationELB",
            MetricName="HTTPCode_Target_5XX_Count",
            Dimensions=group(service),
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=5,
            ComparisonOperator="GreaterThanThreshold",
        )
    for service, errors in (("ill", 9), ("well", 1)):
        datum = {"MetricName": "HTTPCode_Target_5XX_Count", "Dimensions": group(service), "Value": errors}
        cloudwatch.put_metric_data(Namespace="AWS/ApplicationELB", MetricData=[datum])
    found = cloudwatch.describe_alarms(AlarmNames=["lc-p-ill-errors", "lc-p-well-errors"])["MetricAlarms"]
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}
    assert states == {"lc-p-ill-errors": "ALARM", "lc-p-well-errors": "OK"}
