"""A proxy acts on no other call than the one that the emulator's IAM decided on."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from apps.local.codebuild.endpoint import Endpoint as CodeBuild
from apps.local.dispatcher.endpoint import Endpoint as Dispatcher
from apps.local.http_server import Refused, Request, Response

ALLOWED = b"<DescribeLoadBalancersResponse/>"
REGISTER = {"Action": "RegisterTargets", "TargetGroupArn": "group", "Targets.member.1.Id": "127.0.0.9"}
FORM = ("Content-Type", "application/x-www-form-urlencoded")
STOP = ("X-Amz-Target", "CodeBuild_20161006.StopBuild")
STOPPED = json.dumps({"id": "build:1"}).encode()


def signed(service: str) -> tuple[str, str]:
    scope = f"AKIA/20260101/us-east-1/{service}/aws4_request"
    return "Authorization", f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"


class Settings:
    port = 80


class Group:
    settings = Settings()


class RecordingBalancer:
    def __init__(self) -> None:
        self.changes: list[Any] = []

    @contextlib.contextmanager
    def mutation(self) -> Iterator[None]:
        yield

    def group(self, arn: str) -> Group:
        assert arn == "group"
        return Group()

    def register(self, arn: str, addresses: Any) -> None:
        self.changes.append((arn, addresses))

    deregister = register

    def set_weights(self, listener: str, weights: Any) -> None:
        self.changes.append((listener, weights))

    def weights(self) -> dict[str, Any]:
        return {}

    def synchronise(self) -> None:
        pass

    request_sync = synchronise


class RecordingBuilds:
    def __init__(self) -> None:
        self.stopped: list[str] = []

    def stop(self, identity: str) -> None:
        self.stopped.append(identity)

    def record(self, identity: str) -> dict[str, Any]:
        return {"id": identity}


def register(*headers: tuple[str, str], body: str = "", path: str = "/", answer: bytes = ALLOWED) -> list[Any]:
    """Send the dispatcher a call to which the emulator answers 200 with `answer`; return the changes made."""
    balancer: Any = RecordingBalancer()
    request = Request("POST", path, (FORM, *headers), (body or urlencode(REGISTER)).encode())
    with contextlib.suppress(Refused):
        Dispatcher(balancer, "http://127.0.0.1:1").answer(request, lambda _: Response(200, answer))
    return list(balancer.changes)


def stop(*headers: tuple[str, str], method: str = "POST", path: str = "/", answer: str = "") -> list[str]:
    """Send the build service a call to which the emulator answers 200; return the builds that were stopped."""
    builds, account = RecordingBuilds(), None
    content = answer or json.dumps({"build": {"id": "build:1"}})
    given: Any = (builds, account)
    with contextlib.suppress(KeyError, ValueError):
        CodeBuild(*given).answer(Request(method, path, headers, STOPPED), lambda _: Response(200, content.encode()))
    return builds.stopped


def test_call_that_is_allowed_changes_the_balancer() -> None:
    own = signed("elasticloadbalancing")
    assert len(register(own, answer=b"<RegisterTargetsResponse xmlns='x'/>")) == 1
    assert register(own, answer=b"<ErrorResponse/>") == []


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (signed("sts"),),
        (signed("elasticloadbalancing/aws4_request, Credential=AKIA/1/us-east-1/sts"), signed("sts")),
        (signed("elasticloadbalancing"), ("X-Amz-Target", "AmazonSSM.DescribeParameters")),
        (signed("elasticloadbalancing"), signed("elasticloadbalancing")),
        (signed("elasticloadbalancing"), ("Content-Encoding", "aws-chunked")),
        (signed("elasticloadbalancing"), ("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")),
        (signed("elasticloadbalancing"), ("X-Amz-Decoded-Content-Length", "5")),
    ],
)
def test_balancer_does_not_act_on_a_call_of_another_service(headers: tuple[tuple[str, str], ...]) -> None:
    assert register(*headers, answer=b"<RegisterTargetsResponse/>") == []


@pytest.mark.parametrize("path", ["/_ministack/health", "/?Action=DescribeTargetHealth", "//", "/bucket/key"])
def test_balancer_does_not_act_on_another_path(path: str) -> None:
    assert register(signed("elasticloadbalancing"), path=path, answer=b"<RegisterTargetsResponse/>") == []


@pytest.mark.parametrize("first", ["Action=DescribeTargetHealth", "Action=", "TargetGroupArn=allowed"])
def test_balancer_does_not_act_on_the_second_of_two_values(first: str) -> None:
    body = f"{first}&{urlencode(REGISTER)}"
    assert register(signed("elasticloadbalancing"), body=body, answer=b"<RegisterTargetsResponse/>") == []


def test_weights_change_by_the_answer_to_that_call_alone() -> None:
    given = {"Action": "ModifyListener", "ListenerArn": "l", "DefaultActions.member.1.Type": "forward"}
    listener = b"<ListenerArn>l</ListenerArn>"
    own = signed("elasticloadbalancing")
    described = b"<DescribeListenersResponse>" + listener
    assert register(own, body=urlencode(given), answer=described) == []
    assert register(own, body=urlencode(given), answer=b"<ModifyListenerResponse>" + listener) == [("l", ())]


def test_build_is_stopped_by_a_call_of_the_build_service_alone() -> None:
    own = signed("codebuild")
    assert stop(own, STOP) == ["build:1"]
    assert stop(own, STOP, answer='{"services": {}}') == []
    for headers in ((STOP,), (signed("s3"), STOP), (own, ("X-Amz-Target", "Other.StopBuild")), (own, STOP, STOP)):
        assert stop(*headers) == []
    assert stop(own, STOP, method="GET", path="/_ministack/health") == []
