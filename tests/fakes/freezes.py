"""Freezes in memory."""

from collections.abc import Sequence

from lifecycle.domain.rollout.freezes import Freeze
from tests.fakes.keys import required


class MemoryFreezes:
    """At most one freeze for each scope."""

    def __init__(self) -> None:
        self._freezes: dict[str, Freeze] = {}

    def all(self) -> Sequence[Freeze]:
        return [self._freezes[scope] for scope in sorted(self._freezes)]

    def put(self, freeze: Freeze) -> None:
        self._freezes[required(freeze.scope)] = freeze

    def lift(self, freeze: Freeze) -> bool:
        held = self._freezes.get(freeze.scope)
        if held and held != freeze:
            return False
        self._freezes.pop(freeze.scope, None)
        return True
