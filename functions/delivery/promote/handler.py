"""Phase 4, promote: a snapshot becomes the next release; called by the CLI and the console."""

from lifecycle.application.delivery.promote import Promoted, promote
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Promote
from lifecycle.entrypoints.handler import command


@command(Promote)
def handle(event: Promote) -> Promoted:
    """The release of this snapshot; the same one when it has one already."""
    return promote(
        bootstrap.catalogue(), bootstrap.artifacts(), event.service, event.snapshot, event.requested_by
    )
