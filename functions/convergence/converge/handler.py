"""Phase 5, converge: every 15 minutes, and on command, compare desired with installed and repair drift."""

import secrets

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Converge
from lifecycle.entrypoints.handler import command


@command(Converge)
def handle(event: Converge) -> list[Result]:
    """Look at every cluster, or at one, and start what is needed."""
    return converge_all(bootstrap.context(), secrets.token_hex(2), event.requested_by, event.only())
