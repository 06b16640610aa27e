"""The Lambda workers of the embedded AWS: forked, each with its own role, its whole log, and a replacement."""

import base64
import contextlib
import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from apps.local.aws import root_key
from apps.local.aws.clients import Aws
from apps.local.aws.emulator import start_emulator, wait_for_emulator
from apps.local.aws.lambda_workers import FORK_SERVER
from apps.local.paths import ACCOUNT, Layout
from apps.local.ports import Ports
from apps.local.processes import Part, end
from tests.support.polling import until

pytestmark = pytest.mark.emulator

CODE = """
import os, sys, time
import shared
def handle(event, context):
    if "seconds" in event:
        time.sleep(event["seconds"])
    if "raises" in event:
        raise ValueError("asked to")
    for number in range(event.get("lines", 1)):
        print("line", number)
    variables = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "ONLY_"))}
    return {"pid": os.getpid(), "parent": os.getppid(), "shared": shared.VALUE, "variables": variables}
"""
TRUST = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
NAMES = ("first", "second")


@dataclass
class Workers:
    """The embedded AWS with two functions that share a layer, each with a role of its own."""

    aws: Aws
    part: Part

    def call(self, name: str, **event: Any) -> tuple[dict[str, Any], str]:
        """Invoke a function; return its answer and the end of its log."""
        found = self.aws.client("lambda").invoke(
            FunctionName=name, LogType="Tail", Payload=json.dumps(event).encode()
        )
        return json.loads(found["Payload"].read()), base64.b64decode(found.get("LogResult", "")).decode()

    def put_function(self, name: str, layer: str) -> None:
        client = self.aws.client("lambda")
        role = self.aws.client("iam").create_role(
            RoleName=f"role-{name}",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [TRUST]}),
        )
        client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="handler.handle",
            Role=role["Role"]["Arn"],
            Timeout=2,
            Layers=[layer],
            Environment={"Variables": {f"ONLY_{name.upper()}": "1"}},
            Code={"ZipFile": zipped("handler.py", CODE)},
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def zipped(name: str, text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, text)
    return content.getvalue()


def kill(pid: int) -> None:
    """End a process with SIGKILL and wait until it is gone."""
    process = psutil.Process(pid)
    process.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        until(lambda: process.status() == psutil.STATUS_ZOMBIE)


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    layout, ports = Layout(tmp_path_factory.mktemp("workers")), Ports.free()
    root = root_key.new()
    part = start_emulator(layout, ports, root)
    try:
        wait_for_emulator(layout, part, ports)
        found = Workers(Aws(ports, root), part)
        layer = found.aws.client("lambda").publish_layer_version(
            LayerName="shared", Content={"ZipFile": zipped("python/shared.py", "VALUE = 'from the layer'\n")}
        )
        for name in NAMES:
            found.put_function(name, layer["LayerVersionArn"])
        yield found
    finally:
        end(layout, [part])


def test_workers_are_forked_from_one_process_and_find_their_layer(workers: Workers) -> None:
    answers = [workers.call(name)[0] for name in NAMES]
    assert [answer["shared"] for answer in answers] == ["from the layer"] * 2
    (parent,) = {answer["parent"] for answer in answers}
    assert str(FORK_SERVER) in psutil.Process(parent).cmdline()
    assert psutil.Process(parent).ppid() == workers.part.pid
    assert [psutil.Process(answer["pid"]).name() for answer in answers] == list(NAMES)


def test_worker_has_the_credentials_and_variables_of_its_own_function(workers: Workers) -> None:
    first, second = (workers.call(name)[0]["variables"] for name in NAMES)
    assert (first["AWS_LAMBDA_FUNCTION_NAME"], second["AWS_LAMBDA_FUNCTION_NAME"]) == NAMES
    assert ("ONLY_FIRST" in first, "ONLY_SECOND" in first) == (True, False)
    for name, given in zip(NAMES, (first, second), strict=True):
        credentials = {
            "AccessKeyId": given["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": given["AWS_SECRET_ACCESS_KEY"],
            "SessionToken": given["AWS_SESSION_TOKEN"],
        }
        client = workers.aws.client("lambda")
        port = client.meta.endpoint_url.rpartition(":")[2]
        identity = Aws(Ports(emulator=int(port)), credentials).client("sts").get_caller_identity()
        assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/role-{name}/{name}"


def test_no_worker_has_the_key_of_the_root(workers: Workers) -> None:
    root = set(workers.aws.credentials.values())
    found = workers.call("first")[0]
    for given in (found["variables"], psutil.Process(found["parent"]).environ()):
        assert not root & set(given.values())


def test_forking_process_has_no_credentials(workers: Workers) -> None:
    parent = psutil.Process(workers.call("first")[0]["parent"])
    assert not {name for name in parent.environ() if name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION"))}


@pytest.mark.parametrize("lines", [1, 50_000])
def test_log_is_complete_when_the_answer_comes(workers: Workers, lines: int) -> None:
    _, log = workers.call("first", lines=lines)
    assert log.splitlines()[-1] == f"line {lines - 1}"
    assert "line" not in workers.call("first", lines=0)[1]


def test_warm_call_does_not_wait_for_a_log(workers: Workers) -> None:
    workers.call("first", lines=0)
    took = []
    for _ in range(50):
        began = time.monotonic()
        workers.call("first", lines=0)
        took.append(time.monotonic() - began)
    # The quickest call says least about a busy machine.
    assert min(took) < 0.05


def test_worker_that_ended_is_replaced(workers: Workers) -> None:
    pids = [workers.call("first")[0]["pid"]]
    kill(pids[0])
    pids.append(workers.call("first")[0]["pid"])
    answer, log = workers.call("first", raises=True)
    assert (answer["errorMessage"], "ValueError" in log) == ("asked to", True)
    pids.append(workers.call("first")[0]["pid"])
    assert len(set(pids)) == 3


def test_worker_is_killed_at_its_timeout(workers: Workers) -> None:
    pid = workers.call("second")[0]["pid"]
    answer, _ = workers.call("second", seconds=30)
    assert "timed out" in answer["errorMessage"]
    assert not psutil.pid_exists(pid)


def test_forking_process_that_ended_is_replaced(workers: Workers) -> None:
    found = workers.call("first")[0]
    kill(found["parent"])
    kill(found["pid"])
    answers = [workers.call("first", raises=True), workers.call("first"), workers.call("second", raises=True)]
    assert answers[1][0]["shared"] == "from the layer"
    workers.call("second")
    assert str(FORK_SERVER) in psutil.Process(workers.call("second")[0]["parent"]).cmdline()
