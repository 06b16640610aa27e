"""A port of which one method is refused, as by a policy of IAM that somebody changed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lifecycle.application.context import Context
from lifecycle.domain.errors import CallFailed


class Refusing:
    """A port in front of another one; `method` raises while `now` says so, and `refused` counts it."""

    def __init__(self, port: Any, method: str, now: Callable[[], bool] = lambda: True) -> None:
        self._port, self._method, self._now = port, method, now
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        if name != self._method or not self._now():
            return getattr(self._port, name)

        def refuse(*_: Any, **__: Any) -> None:
            self.refused += 1
            message = f"{name} is not allowed: the role needs the permission"
            raise CallFailed(message, service="aws", operation=name, code="AccessDenied", temporary=False)

        return refuse


def refuse(context: Context, port: str, method: str, now: Callable[[], bool] = lambda: True) -> Context:
    """Return the context with one method of one port refused."""
    refusing: Any = Refusing(getattr(context, port), method, now)
    changed: Context = replace(context, **{port: refusing})
    return changed
