"""Compare desired with installed and repair drift: every 15 minutes, and when an execution has failed.

The ledger's stream calls it too, when a host reports that its service has ended. People call repair.
"""

import secrets

from lifecycle.application.convergence.converge import Result, converge_some
from lifecycle.application.convergence.full_pass import converge_every
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Converge
from lifecycle.entrypoints.handler import program


@program(Converge)
def handle(event: Converge) -> list[Result]:
    """Compare every cluster, or some, and start the repairs that they need."""
    suffix, context = secrets.token_hex(2), bootstrap.context()
    if named := event.named():
        return converge_some(context, suffix, event.requested_by, named, event.ended())
    return converge_every(context, suffix, event.requested_by)
