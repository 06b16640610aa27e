"""Promotions in memory: those of the phase itself."""

from lifecycle.application.context import Context
from lifecycle.application.delivery.promote import Gate, promote
from lifecycle.application.delivery.staging_gate import StagingGate
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.promotions import Promoted
from tests.fakes.signer import SIGNER


class MemoryPromotions:
    """The phase `promote` with its signer, and with the gate of staging unless a test gives another one."""

    def __init__(self, context: Context, catalogue: Catalogue, gate: Gate | None = None) -> None:
        self._context = context
        self._catalogue = catalogue
        self._gate = gate

    def promote(self, service: str, snapshot: str, by: str) -> Promoted:
        gate = self._gate or StagingGate(self._context, by)
        return promote(self._catalogue, self._context.artifacts, SIGNER, service, snapshot, by, gate)
