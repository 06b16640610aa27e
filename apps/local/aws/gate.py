"""The gate of the emulator: it checks every request before the emulator sees it.

A request that comes from a web page is refused. Any other must have a valid signature of a key that this emulator
gave out, the account's root included. Two kinds need none: the question whether the emulator is up, and a call to an
existing Function URL, whose function checks its callers itself (function_urls.py). A request gives one key, by
Signature Version 4. Every other way of giving one is refused. No answer has a CORS header.

embedded.py loads this module in the emulator's own Python. The plain emulator lets the root key `test` pass without a
check, takes a request without credentials for the root's, and derives the keys of functions from their names.
"""
# ruff: noqa: SLF001  (the emulator has no public API for this; tests/integration/environment/test_gate.py guards it)

import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qs, quote

HEALTH_PATH = "/_ministack/health"
_ALGORITHM = "AWS4-HMAC-SHA256"
# A presigned address has each of these once, as they are spelled here.
_PRESIGNED = frozenset(
    f"X-Amz-{name}"
    for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature", "Security-Token")
)
# The emulator reads these in lower case, too. The last one is of Signature Version 2.
_GIVES_KEY = frozenset(name.lower() for name in _PRESIGNED) | {"awsaccesskeyid"}
# The emulator takes the fields of a browser's upload for a second signature, also with a key that is not secret.
_UPLOAD_FORM = "multipart/form-data"
# The emulator answers these itself, and asks no IAM.
_OWN_PATHS = "/_"
# The largest request of a Function URL, as of Lambda. Anybody who reaches the port may send one.
LARGEST_UNSIGNED = 6 * 1024 * 1024
# The largest object of S3 by one request; a caller with a key of this environment sends it.
LARGEST_SIGNED = 5 * 1024**3
# The key whose signature in the header of this request is valid.
_checked_key: ContextVar[str] = ContextVar("checked_key", default="")
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")

Scope: TypeAlias = Mapping[str, Any]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Query: TypeAlias = dict[str, list[str]]


@dataclass(frozen=True)
class Failure:
    """The reason for which a signature is not valid: the code that AWS gives it, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class Call:
    """A request as it was signed; a header that was sent on several lines has its values joined by commas."""

    method: str
    raw_path: str
    query: Query
    headers: Mapping[str, str]
    path: str = ""

    @classmethod
    def of(cls, scope: Scope) -> "Call":
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), _text(value)
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        raw_path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
        query = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True)
        return cls(scope["method"], raw_path, query, headers, scope["path"])

    @property
    def presigned(self) -> bool:
        return "authorization" not in self.headers and "X-Amz-Signature" in self.query

    @property
    def gives_key(self) -> bool:
        """Return True if the request gives an access key in any way, valid or not."""
        return "authorization" in self.headers or any(name.lower() in _GIVES_KEY for name in self.query)

    @property
    def refused_key(self) -> str:
        """Return the way in which the request gives a key, if it is not one of the two that are checked."""
        given = [name for name in self.query if name.lower() in _GIVES_KEY]
        for name in given:
            if name not in _PRESIGNED or len(self.query[name]) > 1:
                return f"the query's {name}"
        if given and "authorization" in self.headers:
            return f"the Authorization header and the query's {given[0]}"
        kind = self.headers.get("content-type", "").strip().lower()
        return "the fields of an upload form" if kind.startswith(_UPLOAD_FORM) else ""

    @property
    def token(self) -> str:
        if self.presigned:
            return self.query.get("X-Amz-Security-Token", [""])[0]
        return self.headers.get("x-amz-security-token", "")


class Signatures:
    """Checks signatures with modules of the emulator's core: `sigv4`, `iam_evaluator`, `responses` and `router`."""

    def __init__(self, sigv4: Any, iam: Any, responses: Any, router: Any) -> None:
        self._sigv4, self._iam, self._responses, self._router = sigv4, iam, responses, router

    def credential(self, call: Call) -> tuple[Any, Any] | Failure:
        """Return the parts of the signature and the credential that it claims; the body is not needed."""
        if refused := call.refused_key:
            message = f"expected one key, in the Authorization header or in a presigned address; found {refused}"
            return Failure("InvalidRequest", message)
        if call.presigned:
            algorithm = call.query.get("X-Amz-Algorithm", [""])[0]
            found = self._sigv4.parse_query_signature(call.query)
        else:
            algorithm = call.headers.get("authorization", "").partition(" ")[0]
            found = self._sigv4.parse_header_signature(call.headers)
        if not algorithm:
            return Failure("MissingAuthenticationToken", "Request is missing Authentication Token")
        if isinstance(found, tuple):
            return Failure(*found)
        key = found.access_key_id
        # The plain emulator's root keys are not secret, so they belong to nobody here. A request that names two keys
        # must not be signed by one, and act as the other.
        acting = self._router.extract_access_key_id(call.headers, call.query)
        if algorithm != _ALGORITHM or acting != key or self._iam.is_root_access_key(key):
            return Failure("UnrecognizedClientException", "The security token included in the request is invalid.")
        account = self._responses._account_from_sts_session(key) or self._responses.get_account_id()
        credential = self._iam.resolve_credential(key, account, call.token)
        if isinstance(credential, self._iam.CredentialResolutionError):
            return Failure(credential.code, credential.message)
        return found, credential

    def failure(self, call: Call, signature: Any, credential: Any, body: bytes) -> Failure | None:
        """Return why the signature is not that of this call by that credential; None if it is."""
        for_storage = call.presigned and signature.service == "s3"
        if late := self._expired(call) if for_storage else self._sigv4.request_time_failure(signature):
            return Failure(*late)
        declared = call.headers.get("x-amz-content-sha256", "")
        if _HEX_DIGEST.fullmatch(declared) and not for_storage and hashlib.sha256(body).hexdigest() != declared:
            return Failure("XAmzContentSHA256Mismatch", "The body is not the one that x-amz-content-sha256 declares.")
        request = (call.method, call.raw_path, call.query, call.headers, body)
        wrong = self._sigv4.header_signature_failure(
            signature, credential.secret_access_key, *request, presigned=call.presigned
        )
        return Failure(*wrong) if wrong else None

    def _expired(self, call: Call) -> tuple[str, str] | None:
        signed_at, seconds = (call.query.get(name, [""])[0] for name in ("X-Amz-Date", "X-Amz-Expires"))
        try:
            expired = self._sigv4.presigned_request_is_expired(signed_at, seconds)
        except ValueError:
            expired = True
        return ("AccessDenied", "Request has expired") if expired else None


class Gate:
    """Stands in front of the emulator's application.

    `functions` are the FunctionUrls of function_urls.py, and `refusal` is the function of web_pages.py. `failed`
    makes the answer to a wrong signature in the protocol of the service that was called: a status, headers and a
    body. Only the key `root` may call the emulator's own paths.
    """

    def __init__(
        self,
        inner: App,
        signatures: Signatures,
        functions: Any,
        refusal: Callable[..., str | None],
        failed: Callable[[Call, Failure], tuple[int, dict[str, str], bytes]],
        root: str,
    ) -> None:
        self._inner, self._signatures, self._functions = inner, signatures, functions
        self._refusal, self._failed, self._root = refusal, failed, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        _checked_key.set("")
        call, send = Call.of(scope), _without_cors(send)
        name = call.headers.get("host", "").partition(":")[0]
        # Any other path could be one that the emulator answers itself, whatever the Host.
        url = self._functions.find(name) if call.raw_path == "/" else None
        if problem := self._refusal(call.headers, (name,) if url else ()):
            await answer(send, 403, {"content-type": "application/json"}, json.dumps({"message": problem}).encode())
            return
        if call.method == "GET" and call.raw_path == HEALTH_PATH:
            # The emulator would read a body of any length.
            await self._inner({**scope, "headers": [], "query_string": b""}, _again(b"", receive), send)
            return
        if url and url.is_open and not call.gives_key:
            body = await _body(receive, LARGEST_UNSIGNED)
            if isinstance(body, Failure):
                content = json.dumps({"message": body.message}).encode()
                await answer(send, 413, {"content-type": "application/json"}, content)
            elif body is not None:
                invoked = self._functions.invoke(url, call.method, call.headers, call.query, body)
                await answer(send, *await invoked)
            return
        found = await self._signed_body(call, receive)
        if isinstance(found, Failure):
            await answer(send, *self._failed(call, found))
        elif found is not None:
            await self._inner(scope, _again(found, receive), send)

    async def _signed_body(self, call: Call, receive: Receive) -> bytes | Failure | None:
        """Return the body of a request whose signature is valid; None if the caller left before its end."""
        claimed = self._signatures.credential(call)
        if isinstance(claimed, Failure):
            return claimed
        if call.path.startswith(_OWN_PATHS) and claimed[0].access_key_id != self._root:
            return Failure("AccessDenied", f"expected the account's root to call {call.path[:80]}")
        body = await _body(receive, LARGEST_SIGNED)
        if body is None or isinstance(body, Failure):
            return body
        if failure := self._signatures.failure(call, *claimed, body):
            return failure
        _checked_key.set("" if call.presigned else claimed[0].access_key_id)
        return body


async def answer(send: Send, status: int, headers: Mapping[str, Any], body: bytes) -> None:
    """Send a whole answer; a header with a list has a line for each of its values."""
    values = [(name, value if isinstance(value, list | tuple) else [value]) for name, value in headers.items()]
    lines = [(name.lower().encode(), str(each).encode()) for name, several in values for each in several]
    lines = [line for line in lines if line[0] != b"content-length"] + [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive, most: int) -> bytes | Failure | None:
    """Return the request's body; None if the caller left before its end. No more than `most` bytes are read."""
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > most:
            return Failure("EntityTooLarge", f"expected a body of at most {most} bytes, found more")
        if not message.get("more_body", False):
            return b"".join(chunks)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body that was read, and then what comes next."""
    given = False

    async def receive_again() -> dict[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _without_cors(send: Send) -> Send:
    async def send_without(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kept = [line for line in message["headers"] if not line[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return send_without


def function_credentials(root_secret: str, sessions: Any, account_of: Callable[[Any], str]) -> Callable[..., Any]:
    """Return the emulator's `execution_credentials` with keys that only the owner of the root key can derive."""

    def execution_credentials(config: Mapping[str, Any]) -> dict[str, str]:
        role, name = str(config.get("Role", "")).rsplit("/", 1)[-1], str(config.get("FunctionName", ""))[:64]
        identity = f"{config.get('FunctionArn', '')}:{config.get('Role', '')}"

        def derived(what: str) -> str:
            return hmac.new(root_secret.encode(), f"{what}:{identity}".encode(), hashlib.sha256).hexdigest()

        key, secret, token = f"ASIA{derived('key')[:16].upper()}", derived("secret"), derived("token")
        arn = f"arn:aws:sts::{account_of(config)}:assumed-role/{role}/{name}"
        given = {"SecretAccessKey": secret, "SessionToken": token}
        sessions.register_session(key, {"Arn": arn, "UserId": f"{role}:{name}", **given})
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}

    return execution_credentials


def checked_once(iam: Any, pin: Callable[..., None]) -> Callable[..., None]:
    """Return the emulator's `pin_signed_request` without the second check of a header that the gate has checked.

    The check takes 0.1 ms. A presigned address stays to be checked: the emulator also holds it to its service.
    """

    def pin_signed_request(*arguments: Any, **more: Any) -> None:
        if not (key := _checked_key.get()):
            pin(*arguments, **more)
            return
        iam._signed_request.set(None)
        iam._anonymous.set(False)
        iam._verified_key.set(key)

    return pin_signed_request


def in_protocol(app: Any) -> Callable[[Call, Failure], tuple[int, dict[str, str], bytes]]:
    """Return the function that answers a failure as the service would that the emulator finds for the call."""

    def failed(call: Call, failure: Failure) -> tuple[int, dict[str, str], bytes]:
        path = call.raw_path
        service = app.detect_service(call.method, path, dict(call.headers), call.query)
        found: tuple[int, dict[str, str], bytes] = app._credential_failure(
            service, "", str(uuid.uuid4()), failure, dict(call.headers)
        )
        return found

    return failed


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
