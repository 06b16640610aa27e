"""Compare desired with installed and repair drift: every 15 minutes, and when an execution has failed.

The ledger's stream calls it too, when a host reports that its service has ended. People call repair.
"""

import secrets

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Converge
from lifecycle.entrypoints.handler import program


@program(Converge)
def handle(event: Converge) -> list[Result]:
    """Compare every cluster, or some, and start the repairs that they need."""
    suffix = secrets.token_hex(2)
    context, by, ended = bootstrap.context(), event.requested_by, event.ended()
    return [each for only in event.each() for each in converge_all(context, suffix, by, only, ended)]
