"""Compare desired with installed and repair drift: every 15 minutes, on command, and when an execution has failed.

The ledger's stream calls it too, when a host reports that its service has ended.
"""

import secrets

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Converge
from lifecycle.entrypoints.handler import command


@command(Converge, for_programs=True)
def handle(event: Converge) -> list[Result]:
    """Compare every cluster, or one, and start the repairs that it needs."""
    suffix = secrets.token_hex(2)
    context, by, ended = bootstrap.context(), event.requested_by, event.ended()
    return [each for only in event.each() for each in converge_all(context, suffix, by, only, ended)]
