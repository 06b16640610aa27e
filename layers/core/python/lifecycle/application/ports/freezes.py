"""The port to freezes."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.rollout.freezes import Freeze


class Freezes(Protocol):
    """Freezes by their scope: everything, an environment or a cluster."""

    def all(self) -> Sequence[Freeze]:
        """Return every freeze, expired ones too, in the order of their scopes."""

    def put(self, freeze: Freeze) -> None: ...

    def lift(self, freeze: Freeze) -> bool:
        """Lift this freeze; returns False if a newer one has replaced it. One that is gone counts as lifted."""
