"""Phase 2, build: record what a build published as a snapshot."""

from datetime import UTC, datetime

from lifecycle import wiring
from lifecycle.application.delivery.build import Recorded, record_snapshot
from lifecycle.events import RecordSnapshot
from lifecycle.phase import task


@task(RecordSnapshot)
def handle(asked: RecordSnapshot) -> Recorded:
    """Check the manifest, bind the service to its repository, and record the snapshot."""
    return record_snapshot(
        wiring.catalogue(),
        wiring.artifacts(),
        asked.repository,
        asked.commit,
        asked.service,
        asked.version,
        datetime.now(UTC),
    )
