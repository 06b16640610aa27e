"""The gate of the emulator: no web page, no unsigned call, no key that this emulator did not give out."""

import hashlib
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.auth import S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from apps.local.aws import root_key
from apps.local.aws.clients import Aws
from apps.local.aws.embedded import SNAPSHOT_PATH
from apps.local.aws.emulator import start_emulator, wait_for_emulator
from apps.local.aws.gate import HEALTH_PATH
from apps.local.paths import ACCOUNT, REGION, Layout
from apps.local.ports import LOOPBACK, Ports
from apps.local.processes import end
from tests.integration.environment.test_workers import zipped
from tests.support.polling import PATIENCE_SECONDS

pytestmark = pytest.mark.emulator

JSON = {"content-type": "application/x-amz-json-1.1"}
GET_PARAMETER = {**JSON, "x-amz-target": "AmazonSSM.GetParameter"}
BODY = json.dumps({"Name": "/secret"}).encode()
CODE = "def handle(event, context):\n    return {'statusCode': 200, 'body': 'the function answered'}\n"
TRUST = {"Effect": "Allow", "Principal": {"AWS": "*", "Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@dataclass(frozen=True)
class Open:
    """The embedded AWS alone, with a parameter, a bucket and a function with a URL."""

    aws: Aws
    port: int
    function_url: str
    layout: Layout

    @property
    def host(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request as it is; return the answer's status, headers and body."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": self.host, "Content-Length": str(len(body)), **headers}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            found = connection.getresponse()
            return found.status, {name.lower(): value for name, value in found.getheaders()}, found.read()
        finally:
            connection.close()

    def signed(self, keys: Mapping[str, str], service: str = "ssm", body: bytes = BODY) -> dict[str, str]:
        """Return GetParameter's headers, with a signature."""
        request = AWSRequest("POST", f"http://{self.host}/", {**GET_PARAMETER, "Host": self.host}, body)
        SigV4Auth(_credentials(keys), service, REGION).add_auth(request)
        return dict(request.headers)

    def read(self, headers: Mapping[str, str], path: str = "/", body: bytes = BODY) -> tuple[int, str]:
        status, _, answer = self.send("POST", path, headers, body)
        return status, answer.decode()


def _credentials(keys: Mapping[str, str]) -> Credentials:
    return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    layout, ports, root = Layout(tmp_path_factory.mktemp("gate")), Ports.free(), root_key.new()
    part = start_emulator(layout, ports, root)
    try:
        wait_for_emulator(layout, part, ports)
        aws = Aws(ports, root)
        aws.client("ssm").put_parameter(Name="/secret", Value="the secret", Type="String")
        aws.client("s3").create_bucket(Bucket="bucket")
        aws.client("s3").put_object(Bucket="bucket", Key="key", Body=b"the object")
        policy = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        role = aws.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        functions = aws.client("lambda")
        functions.create_function(
            FunctionName="answers",
            Runtime="python3.12",
            Role=role,
            Handler="handler.handle",
            Code={"ZipFile": zipped("handler.py", CODE)},
        )
        url = functions.create_function_url_config(FunctionName="answers", AuthType="NONE")["FunctionUrl"]
        yield Open(aws, ports.emulator, url, layout)
    finally:
        end(layout, [part])


def test_signed_call_of_the_root_is_answered(emulated: Open) -> None:
    status, text = emulated.read(emulated.signed(emulated.aws.credentials))
    assert (status, "the secret" in text) == (200, True)


@pytest.mark.parametrize(
    "sent",
    [
        {"Host": "evil.example:4566"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_request_of_a_web_page_is_refused_though_it_is_signed(emulated: Open, sent: dict[str, str]) -> None:
    status, text = emulated.read({**emulated.signed(emulated.aws.credentials), **sent})
    assert (status, "Nothing was done" in text, "the secret" in text) == (403, True, False)


@pytest.mark.parametrize("key", ["test", ACCOUNT, "", "123456789012", "AKIAIOSFODNN7EXAMPLE"])
@pytest.mark.parametrize("service", ["ssm", "s3", "lambda"])
def test_key_that_the_emulator_did_not_give_out_is_refused(emulated: Open, key: str, service: str) -> None:
    query = f"/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={key}/20260101/{REGION}/{service}/aws4_request"
    for path, headers in (
        (f"{query}&X-Amz-Signature=00", GET_PARAMETER),
        (f"{query}&X-Amz-Signature=00&X-Amz-SignedHeaders=host&X-Amz-Date=20260101T000000Z", GET_PARAMETER),
        ("/", emulated.signed({"AccessKeyId": key or "x", "SecretAccessKey": "test"}, service)),
        ("/", {**GET_PARAMETER, "Authorization": f"AWS {key}:00"}),
        (f"/?AWSAccessKeyId={key}&Signature=00&Expires=99999999999", GET_PARAMETER),
    ):
        status, text = emulated.read(headers, path)
        assert (status in {400, 403}, "the secret" in text) == (True, False), (path, text)


def test_call_without_a_signature_is_refused(emulated: Open) -> None:
    status, text = emulated.read({**GET_PARAMETER, "Content-Type": "text/plain"})
    assert (status, "the secret" in text) == (400, False)


def test_request_that_names_two_keys_does_not_act_as_the_second(emulated: Open) -> None:
    headers = emulated.signed(emulated.aws.credentials)
    algorithm, _, rest = headers["Authorization"].partition(" ")
    two = f"{algorithm} Credential=test/20260101/{REGION}/ssm/aws4_request, {rest}"
    status, text = emulated.read({**headers, "Authorization": two})
    assert (status, "the secret" in text) == (400, False)


def test_signature_of_another_body_is_refused(emulated: Open) -> None:
    other = json.dumps({"Name": "/other"}).encode()
    status, text = emulated.read(emulated.signed(emulated.aws.credentials, body=other))
    assert (status, "the secret" in text) == (400, False)


def test_declared_digest_must_be_that_of_the_body(emulated: Open) -> None:
    keys = emulated.aws.credentials
    declared = {"x-amz-content-sha256": hashlib.sha256(b"another body").hexdigest(), "Host": emulated.host}
    request = AWSRequest("PUT", f"http://{emulated.host}/bucket/new", declared, b"another body")
    SigV4Auth(_credentials(keys), "s3", REGION).add_auth(request)
    status, _, text = emulated.send("PUT", "/bucket/new", dict(request.headers), b"a body")
    assert (status, b"XAmzContentSHA256Mismatch" in text) == (403, True)


@pytest.mark.parametrize("seconds", [60, 0])
def test_presigned_address_of_an_object_holds_until_it_expires(emulated: Open, seconds: int) -> None:
    request = AWSRequest("GET", f"http://{emulated.host}/bucket/key", {"Host": emulated.host})
    auth = S3SigV4QueryAuth(_credentials(emulated.aws.credentials), "s3", REGION, expires=seconds or -10)
    auth.add_auth(request)
    path = str(request.url).removeprefix(f"http://{emulated.host}")
    status, _, text = emulated.send("GET", path, {})
    assert (status, b"the object" in text) == ((200, True) if seconds else (403, False))
    assert emulated.send("GET", path.replace("/key", "/other"), {})[0] == 403


def test_presigned_address_of_an_object_calls_no_other_service(emulated: Open) -> None:
    request = AWSRequest("POST", f"http://{emulated.host}/", {"Host": emulated.host})
    S3SigV4QueryAuth(_credentials(emulated.aws.credentials), "s3", REGION, expires=60).add_auth(request)
    status, text = emulated.read(GET_PARAMETER, str(request.url).removeprefix(f"http://{emulated.host}"))
    assert (status in {400, 403}, "the secret" in text) == (True, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", path) for path in ("/_ministack/reset", "/_ministack/config", SNAPSHOT_PATH, "/_localstack/x")),
        *(
            ("GET", path)
            for path in ("/_ministack/ready", "/bucket/key", "/_ministack/lambda-code/answers", "/logout")
        ),
        *(("OPTIONS", path) for path in ("/", "/bucket/key", HEALTH_PATH)),
        *(("POST", HEALTH_PATH), ("PUT", "/bucket/key"), ("HEAD", "/bucket/key")),
    ],
)
def test_every_path_of_the_emulator_needs_a_signature(emulated: Open, method: str, path: str) -> None:
    status, headers, text = emulated.send(method, path, {})
    assert (status, b"the object" in text) == (403, False)
    assert not [name for name in headers if name.startswith("access-control-")]
    assert emulated.read(emulated.signed(emulated.aws.credentials))[0] == 200


def test_no_answer_allows_another_origin_to_read_it(emulated: Open) -> None:
    for found in (
        emulated.send("GET", HEALTH_PATH, {}),
        emulated.send("POST", "/", emulated.signed(emulated.aws.credentials), BODY),
    ):
        assert found[0] == 200
        assert not [name for name in found[1] if name.startswith("access-control-")]


def test_function_url_answers_its_callers_and_nothing_else_under_its_name(emulated: Open) -> None:
    name = emulated.function_url.split("/")[2]
    status, _, text = emulated.send("POST", "/", {"Host": name}, b"{}")
    assert (status, text) == (200, b"the function answered")
    for path in ("/_ministack/reset", "/_ministack/lambda-code/answers", "/bucket/key"):
        assert emulated.send("POST", path, {"Host": name})[0] == 403
    assert emulated.send("POST", "/", {"Host": name, "Origin": "null"})[0] == 403


def test_keys_of_a_function_do_not_follow_from_its_name(emulated: Open) -> None:
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:answers"
    role = f"arn:aws:iam::{ACCOUNT}:role/role"
    emulated.aws.client("lambda").invoke(FunctionName="answers")
    digest = hashlib.sha256(f"{function}:{role}".encode()).hexdigest()
    keys = {
        "AccessKeyId": f"ASIA{digest[:16].upper()}",
        "SecretAccessKey": hashlib.sha256(f"secret:{digest}".encode()).hexdigest(),
        "SessionToken": hashlib.sha256(f"token:{digest}".encode()).hexdigest(),
    }
    sts = Aws(Ports(emulator=emulated.port), keys).client("sts")
    with pytest.raises(ClientError, match="security token"):
        sts.get_caller_identity()


def test_websocket_is_not_opened(emulated: Open) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    assert emulated.send("GET", "/", {**upgrade, "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})[0] == 403


def test_ipv6_loopback_has_no_listener(emulated: Open) -> None:
    with pytest.raises(OSError, match=r"refused|unreachable|not supported|assign"):
        socket.create_connection(("::1", emulated.port), timeout=PATIENCE_SECONDS)


def test_state_is_closed_to_other_users_of_the_machine(emulated: Open) -> None:
    folder = emulated.layout.temporary
    assert folder.stat().st_mode & 0o077 == 0
    inside = list((folder / "state").rglob("*"))
    assert inside
    assert [path for path in inside if path.stat().st_mode & 0o077] == []


def test_another_environment_does_not_accept_this_root(emulated: Open) -> None:
    other: Any = Aws(Ports(emulator=emulated.port), root_key.new())
    with pytest.raises(ClientError, match="security token"):
        other.client("ssm").get_parameter(Name="/secret")


def test_large_object_passes_the_gate_unchanged(emulated: Open) -> None:
    content = bytes(range(256)) * 40_000
    s3 = emulated.aws.client("s3")
    s3.put_object(Bucket="bucket", Key="large", Body=content)
    assert s3.get_object(Bucket="bucket", Key="large")["Body"].read() == content
