"""Phase 5, converge: every 15 minutes, and on command, compare desired with installed and repair drift."""

import secrets

from lifecycle import wiring
from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.events import Converge
from lifecycle.phase import command


@command(Converge)
def handle(asked: Converge) -> list[Result]:
    """Look at every cluster, or at one, and start what is needed."""
    return converge_all(wiring.world(), secrets.token_hex(2), asked.requested_by, asked.only())
