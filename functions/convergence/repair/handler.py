"""Compare desired with installed and repair drift now, at a person's word: `lifecycle converge`."""

import secrets

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import Repair
from lifecycle.entrypoints.handler import command


@command(Repair, for_console=True)
def handle(event: Repair) -> list[Result]:
    """Compare every cluster, or one, and start the repairs that it needs."""
    return list(converge_all(bootstrap.context(), secrets.token_hex(2), event.requested_by, event.only()))
