"""A body is read up to a limit: anybody who reaches the port of a laptop's AWS may send one without end."""

import asyncio
import itertools
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from apps.local.aws import gate
from apps.local.aws.gate import HEALTH_PATH, LARGEST_UNSIGNED, Failure, Gate

CHUNK = 1024 * 1024


class Endless:
    """A client that sends a body without end, and counts what was taken of it."""

    def __init__(self) -> None:
        self.taken = 0
        self.sent: list[Mapping[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        self.taken += CHUNK
        return {"type": "http.request", "body": b"x" * CHUNK, "more_body": True}

    async def send(self, message: Mapping[str, Any]) -> None:
        self.sent.append(message)


class Finite(Endless):
    """A client that sends this many bytes."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.left = size

    async def receive(self) -> dict[str, Any]:
        part, self.left = min(self.left, CHUNK), max(0, self.left - CHUNK)
        return {"type": "http.request", "body": b"x" * part, "more_body": bool(self.left)}


class Functions:
    """One open Function URL."""

    def __init__(self) -> None:
        self.bodies: list[int] = []

    def find(self, host: str) -> object:
        return SimpleNamespace(is_open=True) if host == "url" else None

    async def invoke(self, *call: Any) -> tuple[int, Mapping[str, str], bytes]:
        self.bodies.append(len(call[-1]))
        return 200, {}, b""


class Signatures:
    """Signatures of which each is valid."""

    def credential(self, _: object) -> tuple[object, object]:
        return SimpleNamespace(access_key_id="key"), None

    def failure(self, *_: object) -> None:
        return None


def call(
    client: Endless, functions: Functions, path: str = "/", *headers: tuple[bytes, bytes], host: str = "url"
) -> int:
    async def inner(_: object, receive: Any, __: object) -> None:
        for number in itertools.count():
            message = await receive()
            if not message.get("more_body"):
                return
            assert number < 100, "the emulator would read a body of any length"

    def failed(_: object, failure: Failure) -> tuple[int, dict[str, str], bytes]:
        return 400, {}, failure.code.encode()

    made = Gate(inner, Signatures(), functions, lambda *_: None, failed, "root")  # type: ignore[arg-type]
    scope = {
        "type": "http", "method": "GET" if path == HEALTH_PATH else "POST", "path": path,
        "headers": [(b"host", host.encode()), *headers],
    }  # fmt: skip
    # In a thread of its own: a browser of other tests leaves a loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, made(scope, client.receive, client.send)).result()
    return int(client.sent[0]["status"]) if client.sent else 0


def test_body_without_end_and_signature_is_answered_after_the_limit_of_lambda() -> None:
    client, functions = Endless(), Functions()
    assert call(client, functions) == 413
    assert LARGEST_UNSIGNED < client.taken <= LARGEST_UNSIGNED + CHUNK
    assert "at most 6291456 bytes" in json.loads(client.sent[1]["body"])["message"]
    assert not functions.bodies


def test_largest_body_reaches_its_function() -> None:
    functions = Functions()
    assert call(Finite(LARGEST_UNSIGNED), functions) == 200
    assert functions.bodies == [LARGEST_UNSIGNED]


def test_signed_body_has_a_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LARGEST_SIGNED", 10 * CHUNK)
    client = Endless()
    assert call(client, Functions(), "/bucket/key", (b"authorization", b"x"), host="s3") == 400
    assert client.taken == 11 * CHUNK
    assert client.sent[1]["body"] == b"EntityTooLarge"


def test_body_of_the_question_whether_the_emulator_is_up_is_not_read() -> None:
    client = Endless()
    call(client, Functions(), HEALTH_PATH, host="localhost")
    assert client.taken == 0
