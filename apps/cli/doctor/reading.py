"""The reads of the gateway: all pages of a list, and which errors are denials."""

from collections.abc import Iterator
from typing import Any

from lifecycle.gateways.aws.errors import code_of

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}


def pages(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """Yield the items of every page of a list."""
    if not client.can_paginate(operation):
        yield from getattr(client, operation)(**arguments).get(key, ())
        return
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page.get(key, ())


def is_denied(error: BaseException) -> bool:
    """Return whether IAM refused a call."""
    return code_of(error) in _DENIED
