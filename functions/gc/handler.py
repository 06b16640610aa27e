"""Delete the snapshots and releases that nothing needs any more; called by the CLI and the console."""

from lifecycle import wiring
from lifecycle.application.delivery.collect_garbage import Collected, gc
from lifecycle.events import CollectGarbage
from lifecycle.phase import command


@command(CollectGarbage)
def handle(asked: CollectGarbage) -> Collected:
    """Decide, delete unless it is a dry run, and tell what went and what stayed, with why."""
    world, catalogue = wiring.world(), wiring.catalogue()
    return gc(
        world, catalogue, asked.service, keep=asked.keep(), dry_run=asked.dry_run, by=asked.requested_by
    )
