"""The gate of the emulator: no web page, no unsigned call, no key that this emulator did not give out."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

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

    def session(self) -> dict[str, str]:
        """Return the credentials of a role that has no policy."""
        made = self.aws.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/role", RoleSessionName="ada")
        return dict(made["Credentials"])

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


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"AWSAccessKeyId": "test", "Signature": "00", "Expires": "99999999999"},
        {"awsaccesskeyid": "test", "signature": "00"},
        {"x-amz-credential": f"test/20260101/{REGION}/ssm/aws4_request", "x-amz-signature": "00"},
        {"X-Amz-Credential": f"test/20260101/{REGION}/ssm/aws4_request"},
    ],
)
@pytest.mark.parametrize("unknown", [True, False])
def test_name_of_a_function_url_opens_no_other_service(
    emulated: Open, query: dict[str, str], *, unknown: bool
) -> None:
    name = "x.lambda-url.eu.on.aws" if unknown else emulated.function_url.split("/")[2]
    path = f"/?{urlencode(query)}"
    status, text = emulated.read({**GET_PARAMETER, "Host": name}, path)
    passes = not unknown and not query
    assert (status in ({200} if passes else {400, 403}), "the secret" in text) == (True, False), text
    listed, _, buckets = emulated.send("GET", path, {"Host": name})
    assert (listed in ({200} if passes else {400, 403}), b"<Name>bucket" in buckets) == (True, False)
    if passes:
        assert text == buckets.decode() == "the function answered"


def test_name_of_a_function_url_is_its_whole_name(emulated: Open) -> None:
    identifier, _, rest = emulated.function_url.split("/")[2].partition(".")
    for name in (f"{identifier}.lambda-url.eu-west-1.on.aws", f"x.{identifier}.{rest}", f"{identifier}.{rest}.evil"):
        assert emulated.send("POST", "/", {"Host": name}, b"{}")[0] == 403


def test_function_url_with_iam_authentication_needs_a_signature(emulated: Open) -> None:
    functions = emulated.aws.client("lambda")
    functions.update_function_url_config(FunctionName="answers", AuthType="AWS_IAM")
    name = emulated.function_url.split("/")[2]
    try:
        assert emulated.send("POST", "/", {"Host": name}, b"{}")[0] == 403
        lower = {"x-amz-credential": f"test/20260101/{REGION}/lambda/aws4_request", "x-amz-signature": "00"}
        assert emulated.send("POST", f"/?{urlencode(lower)}", {"Host": name}, b"{}")[0] == 403
        request = AWSRequest("POST", f"http://{name}/", {"Host": name}, b"{}")
        SigV4Auth(_credentials(emulated.aws.credentials), "lambda", REGION).add_auth(request)
        status, _, text = emulated.send("POST", "/", dict(request.headers), b"{}")
        assert (status, text) == (200, b"the function answered")
    finally:
        functions.update_function_url_config(FunctionName="answers", AuthType="NONE")


def test_signed_request_gives_no_second_key(emulated: Open) -> None:
    for extra in ("AWSAccessKeyId=test&Signature=00", "x-amz-credential=test/20260101/us-east-1/ssm/aws4_request"):
        request = AWSRequest(
            "POST", f"http://{emulated.host}/?{extra}", {**GET_PARAMETER, "Host": emulated.host}, BODY
        )
        SigV4Auth(_credentials(emulated.aws.credentials), "ssm", REGION).add_auth(request)
        status, text = emulated.read(dict(request.headers), f"/?{extra}")
        assert (status in {400, 403}, "expected one key" in text) == (True, True), text


def test_fields_of_an_upload_form_give_no_key(emulated: Open) -> None:
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    policy = base64.b64encode(
        json.dumps({"expiration": expires, "conditions": [{"key": "form"}, {"bucket": "bucket"}]}).encode()
    )
    signature = base64.b64encode(hmac.new(b"test", policy, hashlib.sha1).digest())
    fields = {b"key": b"form", b"AWSAccessKeyId": b"test", b"policy": policy, b"signature": signature, b"file": b"x"}
    parts = (b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % each for each in fields.items())
    form = b"".join(parts) + b"--b--\r\n"
    kind = {"content-type": "multipart/form-data; boundary=b", "Host": emulated.host}
    assert emulated.send("POST", "/bucket", kind, form)[0] in {400, 403}
    for role in (emulated.aws.credentials, emulated.session()):
        request = AWSRequest("POST", f"http://{emulated.host}/bucket", kind, form)
        SigV4Auth(_credentials(role), "s3", REGION).add_auth(request)
        status, _, text = emulated.send("POST", "/bucket", dict(request.headers), form)
        assert (status in {400, 403}, b"expected one key" in text) == (True, True), text
    with pytest.raises(ClientError, match="NoSuchKey"):
        emulated.aws.client("s3").get_object(Bucket="bucket", Key="form")


def test_presigned_upload_writes_its_object_and_no_other(emulated: Open) -> None:
    request = AWSRequest("PUT", f"http://{emulated.host}/bucket/uploaded", {"Host": emulated.host})
    S3SigV4QueryAuth(_credentials(emulated.aws.credentials), "s3", REGION, expires=60).add_auth(request)
    path = str(request.url).removeprefix(f"http://{emulated.host}")
    assert emulated.send("PUT", path, {}, b"content")[0] == 200
    assert emulated.aws.client("s3").get_object(Bucket="bucket", Key="uploaded")["Body"].read() == b"content"
    for other in (path.replace("/uploaded", "/key"), f"{path}&AWSAccessKeyId=test", f"{path}&X-Amz-Date=20260101"):
        assert emulated.send("PUT", other, {}, b"content")[0] in {400, 403}


def test_role_does_not_call_the_emulators_own_paths(emulated: Open) -> None:
    role = emulated.session()
    for path in ("/_ministack/reset", "/_ministack/config", "/%5fministack/reset", SNAPSHOT_PATH):
        request = AWSRequest("POST", f"http://{emulated.host}{path}", {"Host": emulated.host}, b"")
        SigV4Auth(_credentials(role), "s3", REGION).add_auth(request)
        status, _, text = emulated.send("POST", path, dict(request.headers))
        assert (status, b"expected the account" in text) == (403, True), (path, text)
    assert emulated.read(emulated.signed(emulated.aws.credentials))[0] == 200


def test_health_is_answered_whatever_key_a_request_names(emulated: Open) -> None:
    for query in ("", "?AWSAccessKeyId=test", "?Action=ListUsers&X-Amz-Credential=test/1/2/iam/aws4_request"):
        status, _, text = emulated.send("GET", HEALTH_PATH + query, GET_PARAMETER, BODY)
        assert (status, b"services" in text, b"the secret" in text) == (200, True, False)


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
