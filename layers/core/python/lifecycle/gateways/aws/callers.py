"""Proof of who gives a command: a GetCallerIdentity that the caller signs, and the function sends.

The signature covers a header with the command's digest, so a proof is good for exactly one command, and only AWS can
say whose it is. The function sends it to its own region's STS, whatever the proof says; a signature expires after
15 minutes. ADR 30 compares it with other ways. Vault and Kubernetes' aws-iam-authenticator prove identities so, too.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from lifecycle.domain.errors import CallFailed, Refused
from lifecycle.gateways.aws.errors import pauses

_BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
_COMMAND = "X-Lifecycle-Command"
# The key of the proof in an event; the rest of the event is what was signed.
PROOF = "proof"
# What a proof has, and nothing else: the signature of the request below, whose other parts are fixed.
_HEADERS = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")
_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
_LONGEST = 8_192  # a session token has at most 4,096 characters today
_WHAT = "the command"
# Exactly the header that `signed` makes, once: a signature over other headers would prove any command.
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[A-Z0-9]{4,128}/[0-9]{8}/[a-z0-9-]{4,30}/sts/aws4_request, "
    r"SignedHeaders=content-type;host;x-amz-date;(?:x-amz-security-token;)?x-lifecycle-command, "
    r"Signature=[0-9a-f]{64}"
)
_NOT_NOW = ("Throttling", "ThrottlingException", "RequestLimitExceeded")


def command_digest(function: str, payload: Mapping[str, Any]) -> str:
    """Return the sha256 of a command: the function's name and what it is called with."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{function}\n{text}".encode()).hexdigest()


def signed(credentials: Any, region: str, endpoint: str, command: str) -> dict[str, str]:
    """Return the proof that the owner of botocore's `credentials` gives this command.

    `endpoint` is the URL of the region's STS. A proof that was signed for another one is refused.
    """
    from botocore.auth import SigV4Auth  # noqa: PLC0415 (a command that calls no function does not pay for it)

    request = _request(endpoint, command)
    SigV4Auth(credentials.get_frozen_credentials(), "sts", region).add_auth(request)
    return {name: str(request.headers[name]) for name in _HEADERS if name in request.headers}


def signed_payload(sign: Callable[[str], Mapping[str, str]], function: str, payload: Mapping[str, Any]) -> bytes:
    """Return what a function is called with: the command, and the proof of who gives it, which `sign` makes."""
    return json.dumps({**payload, PROOF: sign(command_digest(function, payload))}).encode()


def session_name(by: str) -> str:
    """Return a person's name as the name of a session, which has 2 to 64 letters, digits and a few signs."""
    return re.sub(r"[^A-Za-z0-9+=,.@-]", "-", by)[:64].ljust(2, "-")


def _request(endpoint: str, command: str) -> Any:
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    headers = {"Content-Type": _TYPE, _COMMAND: command}
    return AWSRequest("POST", f"{endpoint.rstrip('/')}/", headers, _BODY)


class StsCallers:
    """Asks STS whose signature a proof has. `endpoint` returns the URL of the function's own STS."""

    def __init__(
        self, endpoint: Callable[[], str], send: Any = None, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._endpoint = endpoint
        self._send = send
        self._sleep = sleep

    def arn(self, proof: Mapping[str, str], command: str) -> str:
        request = _request(self._endpoint(), command)
        for name, text in _checked(proof).items():
            request.headers[name] = text
        status, answer = self._answer(request.prepare())
        found = re.search(r"<Arn>([^<]{20,2048})</Arn>", answer)
        if status == 200 and found:
            return found[1]
        code, message = (_of(answer, tag) for tag in ("Code", "Message"))
        said = ": ".join(filter(None, (code, message))) or f"HTTP {status}"
        raise Refused(
            _WHAT, [f"AWS does not confirm its signature ({said[:300]}); log in again, and check the clock"]
        )

    def _answer(self, prepared: Any) -> tuple[int, str]:
        """Return the status and the text of STS's answer; tries again while it has none."""
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        from botocore.httpsession import URLLib3Session  # noqa: PLC0415

        self._send = self._send or URLLib3Session(timeout=(3, 5)).send
        why = ""
        for _ in pauses(self._sleep):
            try:
                found = self._send(prepared)
            except BotoCoreError as error:
                why = f"{type(error).__name__}"
                continue
            text = found.text
            if found.status_code < 500 and _of(text, "Code") not in _NOT_NOW:
                return found.status_code, text
            why = _of(text, "Code") or f"HTTP {found.status_code}"
        message = f"STS GetCallerIdentity failed: {why}; wait a few seconds and try again"
        raise CallFailed(message, service="STS", operation="GetCallerIdentity", code=why, temporary=True)


def _checked(proof: Mapping[str, str]) -> dict[str, str]:
    """Return a proof's headers; raises Refused unless it is one, and its signature covers the command."""
    found = {str(name): text for name, text in proof.items()} if isinstance(proof, Mapping) else {}
    required = set(_HEADERS[:2])
    right = all(isinstance(text, str) and text.isascii() and text.isprintable() for text in found.values())
    if not right or not required <= set(found) <= set(_HEADERS) or sum(map(len, found.values())) > _LONGEST:
        raise Refused(_WHAT, ["it has no proof of who gives it; give it by the command line of this version"])
    if not _AUTHORIZATION.fullmatch(found["Authorization"]):
        raise Refused(_WHAT, [f"its proof was signed for something else: expected {_COMMAND} among SignedHeaders"])
    return found


def _of(answer: str, tag: str) -> str:
    found = re.search(f"<{tag}>([^<]*)</{tag}>", answer)
    return found[1] if found else ""
