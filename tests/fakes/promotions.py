"""Promotions in memory: those of the phase itself."""

from lifecycle.application.context import Context
from lifecycle.application.delivery.promote import promote
from lifecycle.application.delivery.staging_gate import StagingGate
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.promotions import Promoted
from tests.fakes.signer import SIGNER


class MemoryPromotions:
    """The phase `promote` with its signer."""

    def __init__(self, context: Context, catalogue: Catalogue) -> None:
        self._context = context
        self._catalogue = catalogue

    def promote(self, service: str, snapshot: str, by: str) -> Promoted:
        gate = StagingGate(self._context, by)
        return promote(self._catalogue, self._context.artifacts, SIGNER, service, snapshot, by, gate)
