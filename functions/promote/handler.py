"""Phase 4, promote: a snapshot becomes the next release; called by the CLI and the console."""

from lifecycle import wiring
from lifecycle.application.delivery.promote import Promoted, promote
from lifecycle.events import Promote
from lifecycle.phase import command


@command(Promote)
def handle(asked: Promote) -> Promoted:
    """The release of this snapshot; the same one when it has one already."""
    return promote(wiring.catalogue(), wiring.artifacts(), asked.service, asked.snapshot, asked.requested_by)
