"""Publish what a build uploaded as a snapshot, and record it; a state of statemachines/delivery.asl.json."""

from datetime import UTC, datetime

from lifecycle.application.delivery.build import Recorded, record_snapshot
from lifecycle.domain.service.trusted_keys import KeyKind
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.delivery_events import RecordSnapshot
from lifecycle.entrypoints.handler import task


@task(RecordSnapshot)
def handle(event: RecordSnapshot) -> Recorded:
    """Check what the build uploaded, bind the service to its repository, and publish and sign the snapshot."""
    catalogue, artifacts, signer = bootstrap.catalogue(), bootstrap.artifacts(), bootstrap.signer(KeyKind.SNAPSHOT)
    requests = bootstrap.context().requests
    return record_snapshot(catalogue, artifacts, signer, requests, event.finished(), datetime.now(UTC))
