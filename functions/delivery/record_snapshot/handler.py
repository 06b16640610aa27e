"""Record a published artifact as a snapshot; a state of statemachines/delivery.asl.json."""

from datetime import UTC, datetime

from lifecycle.application.delivery.build import Recorded, record_snapshot
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import RecordSnapshot
from lifecycle.entrypoints.handler import task


@task(RecordSnapshot)
def handle(event: RecordSnapshot) -> Recorded:
    """Check the manifest, bind the service to its repository, and record the snapshot."""
    return record_snapshot(
        bootstrap.catalogue(),
        bootstrap.artifacts(),
        event.repository,
        event.commit,
        event.service,
        event.version,
        datetime.now(UTC),
        event.sources,
    )
