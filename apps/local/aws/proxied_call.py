"""Checks that the call on which a proxy acts is the one on which the emulator's IAM decides. Pure.

Used by the dispatcher and the build service. The emulator chooses the service by the path, a header and the
signature, and it unpacks some bodies. A proxy that read a request differently would act without a permission.
"""

import re
from collections.abc import Iterator

from apps.local.http_server import Request

# Each of them decides which call it is, so it must not have two values.
_DECIDING = ("authorization", "x-amz-target", "x-amz-content-sha256", "content-type", "host")
# With one of these the emulator reads another body than the one that was sent.
_PACKED = ("content-encoding", "x-amz-decoded-content-length", "x-amz-trailer")
_SHOWN = 80


def refusal(request: Request, service: str, target: str = "") -> str | None:
    """Return why a request is no call of `service`, the name in its signature; None if it is one.

    `target` is the beginning of the service's X-Amz-Target; empty for a service of the Query protocol.
    """
    return next(_problems(request, service, target), None)


def _problems(request: Request, service: str, target: str) -> Iterator[str]:
    given = [name.lower() for name, _ in request.headers]
    scope = rf"AWS4-HMAC-SHA256 Credential=[^/,\s]+/[0-9]+/[^/,\s]+/{re.escape(service)}/aws4_request\s*,.*"
    if request.method != "POST" or request.path != "/":
        yield _expected("POST /", f"{request.method} {request.path}")
    yield from (_expected(f"one {name}", "several") for name in _DECIDING if given.count(name) > 1)
    yield from (_expected(f"no {name}", request.header(name)) for name in _PACKED if name in given)
    if request.header("x-amz-content-sha256").upper().startswith("STREAMING"):
        yield _expected("a body in one piece", request.header("x-amz-content-sha256"))
    if not re.fullmatch(scope, request.header("authorization")):
        yield _expected(f"a signature for {service}", request.header("authorization").partition(",")[0])
    named = request.header("x-amz-target")
    if not named.startswith(target) if target else "x-amz-target" in given:
        yield _expected(f"X-Amz-Target to begin with {target}" if target else "no X-Amz-Target", named)


def _expected(what: str, found: str) -> str:
    return f"expected {what}, found {found[:_SHOWN] or 'none'}; nothing was done"
