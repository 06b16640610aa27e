"""Compare desired with installed and repair drift: every 15 minutes, on command, and when an execution has failed."""

import secrets

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Converge
from lifecycle.entrypoints.handler import command


@command(Converge)
def handle(event: Converge) -> list[Result]:
    """Compare every cluster, or one, and start the repairs that it needs."""
    suffix = secrets.token_hex(2)
    return converge_all(bootstrap.context(), suffix, event.requested_by, event.only(), event.ended())
