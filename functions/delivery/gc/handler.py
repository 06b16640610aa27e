"""Garbage collection: delete unused snapshots and releases; called by the CLI."""

from lifecycle.application.delivery.collect_garbage import Collected, gc
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import CollectGarbage
from lifecycle.entrypoints.handler import command


@command(CollectGarbage)
def handle(event: CollectGarbage) -> Collected:
    """Delete the unused versions, unless it is a dry run, and return a reason for each version."""
    context, catalogue = bootstrap.context(), bootstrap.catalogue()
    return gc(context, catalogue, event.service, keep=event.keep(), dry_run=event.dry_run, by=event.requested_by)
