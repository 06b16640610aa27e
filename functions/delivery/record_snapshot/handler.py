"""Publish what a build uploaded as a snapshot, and record it; a state of statemachines/delivery.asl.json."""

from datetime import UTC, datetime

from lifecycle.application.delivery.build import Recorded, deploy_again, record_snapshot
from lifecycle.domain.service.trusted_keys import KeyKind
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.delivery_events import RecordSnapshot
from lifecycle.entrypoints.handler import task


@task(RecordSnapshot)
def handle(event: RecordSnapshot) -> Recorded:
    """Publish and sign what the build uploaded as a snapshot, or deploy the snapshot of an earlier run again."""
    catalogue, artifacts, signer = bootstrap.catalogue(), bootstrap.artifacts(), bootstrap.signer(KeyKind.SNAPSHOT)
    context = bootstrap.context()
    built, now = event.finished(), datetime.now(UTC)
    if not event.build:
        known = catalogue, artifacts, context.requests, context.audit_log, context.fleet
        return deploy_again(*known, built, now)
    stores = catalogue, artifacts, signer, context.requests, context.audit_log, context.fleet
    return record_snapshot(*stores, built, now)
