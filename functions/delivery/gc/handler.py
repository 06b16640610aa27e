"""Delete the snapshots and releases that nothing needs any more; called by the CLI and the console."""

from lifecycle.application.delivery.collect_garbage import Collected, gc
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import CollectGarbage
from lifecycle.entrypoints.handler import command


@command(CollectGarbage)
def handle(event: CollectGarbage) -> Collected:
    """Decide, delete unless it is a dry run, and tell what went and what stayed, with why."""
    context, catalogue = bootstrap.context(), bootstrap.catalogue()
    return gc(
        context, catalogue, event.service, keep=event.keep(), dry_run=event.dry_run, by=event.requested_by
    )
