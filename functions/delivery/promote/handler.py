"""Make a snapshot the next release; called by the CLI and the console."""

from lifecycle.application.delivery.promote import promote
from lifecycle.application.delivery.staging_gate import StagingGate
from lifecycle.application.ports.phases import Promoted
from lifecycle.domain.service.trusted_keys import KeyKind
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Promote
from lifecycle.entrypoints.handler import command


@command(Promote, for_console=True)
def handle(event: Promote) -> Promoted:
    """Return the release of this snapshot; promoting the snapshot again returns the same release."""
    gate = StagingGate(bootstrap.context(), event.requested_by, event.despite_staging, event.reason)
    catalogue, artifacts, signer = bootstrap.catalogue(), bootstrap.artifacts(), bootstrap.signer(KeyKind.RELEASE)
    by, wanted = event.requested_by, event.version
    return promote(catalogue, artifacts, signer, event.service, event.snapshot, by, gate, wanted)
