"""Hostile input to each endpoint of the laptop and to the public function gets an answer: no hang, no traceback."""

import hashlib
import hmac
import importlib.util
import json
import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest

from apps.local.aws import root_key
from apps.local.aws.emulator import start_emulator, wait_for_emulator
from apps.local.aws.proxy import PassThrough
from apps.local.console.api import Calls
from apps.local.console.server import ConsoleServer
from apps.local.http_server import LoopbackServer
from apps.local.paths import Layout
from apps.local.ports import LOOPBACK, Ports
from apps.local.processes import end
from lifecycle.domain.delivery.refused_push import RefusedPushes
from lifecycle.domain.delivery.webhook_secrets import WebhookSecrets
from lifecycle.entrypoints import bootstrap
from lifecycle.gateways.serialization import to_json
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.executions import MemoryExecutions
from tests.integration.console.fake_aws import FakeAws, custom
from tests.support.account import FUNCTIONS
from tests.support.hostile import answer, requests

SEEDS, EACH = (1, 2, 3), 120


def unanswered(address: tuple[str, int], seed: int, headers: dict[bytes, bytes]) -> list[bytes]:
    """Send hostile requests; return those without an answer in HTTP, and those that an error inside answered."""
    found = []
    for each in requests(seed, EACH, headers):
        status = answer(address, each)
        whole = any(2 * mark in each for mark in (b"\r\n", b"\n", b"\r"))  # a head that is cut has no answer
        if (status is None and whole) or (status or 0) in (500, 502):
            found.append(each[:300])
    return found


def _console() -> LoopbackServer:
    aws = FakeAws([custom("lifecycle-show-clusters", "Clusters")], {"lifecycle-act": lambda _: "done"})
    return ConsoleServer((LOOPBACK, 0), Calls(aws, "ada"))


@pytest.fixture
def console() -> Iterator[ConsoleServer]:
    server = _console()
    assert isinstance(server, ConsoleServer)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("seed", SEEDS)
def test_console_answers_hostile_requests(
    seed: int, console: ConsoleServer, caplog: pytest.LogCaptureFixture
) -> None:
    here = console.guard.hosts[0].encode()
    headers = {
        b"Host": here,
        b"Origin": b"http://" + here,
        b"Content-Type": b"application/json",
        b"Sec-Fetch-Site": b"same-origin",
        b"X-Lifecycle-Token": console.guard.token.encode(),
    }
    with caplog.at_level(logging.DEBUG):
        assert unanswered((LOOPBACK, console.guard.port), seed, headers) == []
    assert not [each for each in caplog.records if each.exc_info], caplog.text
    assert answer((LOOPBACK, console.guard.port), b"GET / HTTP/1.1\r\nHost: " + here + b"\r\n\r\n") == 200


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ports, Layout]]:
    layout, ports = Layout(tmp_path_factory.mktemp("emulator")), Ports.free()
    part = start_emulator(layout, ports, root_key.new())
    try:
        wait_for_emulator(layout, part, ports)
        yield ports, layout
    finally:
        end(layout, [part])


@pytest.mark.emulator
@pytest.mark.parametrize("seed", SEEDS)
def test_gate_of_the_emulator_answers_hostile_requests(seed: int, emulator: tuple[Ports, Layout]) -> None:
    ports, layout = emulator
    address = (LOOPBACK, ports.emulator)
    host = f"{LOOPBACK}:{ports.emulator}".encode()
    assert unanswered(address, seed, {b"Host": host}) == []
    assert answer(address, b"GET /_ministack/health HTTP/1.1\r\nHost: " + host + b"\r\n\r\n") == 200
    logged = "".join(path.read_text(errors="replace") for path in layout.logs.glob("*.log"))
    assert "Traceback" not in logged


@pytest.mark.emulator
@pytest.mark.parametrize("seed", SEEDS)
def test_proxies_of_the_emulator_answer_hostile_requests(
    seed: int, emulator: tuple[Ports, Layout], caplog: pytest.LogCaptureFixture
) -> None:
    server = PassThrough((LOOPBACK, 0), f"http://{LOOPBACK}:{emulator[0].emulator}", lambda call, on: on(call))
    server.start()
    address = (LOOPBACK, int(server.server_address[1]))
    try:
        with caplog.at_level(logging.DEBUG):
            assert unanswered(address, seed, {b"Host": b"%s:%d" % (LOOPBACK.encode(), address[1])}) == []
        assert not [each for each in caplog.records if each.exc_info], caplog.text
    finally:
        server.stop()


def _texts(choose: random.Random) -> str:
    return choose.choice(
        ("", "{", "[]", "null", "\ud800", "\x00", "=", "%", "aGk", "é", "[" * 50_000, "9" * 5_000, "{}")
    )


def _event(choose: random.Random, secret: str) -> dict[str, Any]:
    """Return an event of the Function URL, signed or not, with parts that may be anything JSON can say."""
    odd: tuple[Any, ...] = (None, 7, [], {}, True, _texts(choose))
    repository = {"full_name": "acme/hello", "clone_url": "https://x.test/acme/hello.git", "default_branch": "main"}
    push: dict[str, Any] = {"ref": "refs/heads/main", "after": "0123456789" * 4, "repository": repository}
    for name in choose.sample([*push, "pusher", "head_commit", "deleted"], choose.choice((0, 1, 2))):
        push[name] = choose.choice(odd)
    body = choose.choice((json.dumps(push), json.dumps(push), _texts(choose)))
    signed = body.encode("utf-8", "surrogatepass")
    signature = "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    headers = {
        "X-Hub-Signature-256": choose.choice((signature, signature, signature, "sha256=\ud800", "")),
        "x-github-event": choose.choice(("push", "push", "ping", "\ud800", "")),
        "X-GitHub-Delivery": choose.choice(("1", "", "\x00" * 300)),
        "content-type": choose.choice(("application/json", "application/x-www-form-urlencoded", ";", "\ud800")),
    }
    event: dict[str, Any] = {"headers": headers, "body": body, "isBase64Encoded": choose.random() < 0.2}
    event["queryStringParameters"] = choose.choice((None, {}, {"repository": "acme/hello"}, {"repository": "\ud800"}))
    if choose.random() < 0.2:
        event[choose.choice([*event])] = None
    return event


@pytest.mark.parametrize("seed", range(20))
def test_public_function_answers_hostile_events(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    executions, catalogue = MemoryExecutions(), MemoryCatalogue()
    monkeypatch.setattr(bootstrap, "catalogue", lambda: catalogue)
    monkeypatch.setattr(bootstrap, "executions", lambda: executions)
    monkeypatch.setattr(bootstrap, "webhook_secrets", lambda: WebhookSecrets.parse("a secret"))
    spec: Any = importlib.util.spec_from_file_location("receive_push_handler", FUNCTIONS["receive_push"])
    handler = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(handler)
    choose = random.Random(seed)  # noqa: S311 - the same input each time
    for _ in range(100):
        found = handler.handle(_event(choose, "a secret"), None)
        assert found["statusCode"] in (202, 400, 401, 413)
        json.loads(found["body"])
    recorded = catalogue.refused_pushes()
    assert 400 in {each.status for each in recorded}
    assert to_json(RefusedPushes(tuple(recorded))).encode()
    assert set(executions.deliveries) <= {f"hello-{'0123456789' * 4}"}
