"""Parse the scope and the end of a freeze as an operator types them: `everything`, `production/hello`, `2h`.

Used by freeze, unfreeze and status.
"""

from datetime import datetime

from apps.cli.errors import Ambiguous
from lifecycle.domain.errors import InvalidName, Unknown
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster
from lifecycle.domain.rollout.freeze_end import end_after, end_at
from lifecycle.domain.rollout.freezes import EVERYTHING, scope_in_words


def parse_scope(text: str) -> str:
    """Return a scope in the form of the ledger; raises Unknown."""
    if text in (EVERYTHING, scope_in_words(EVERYTHING)):
        return EVERYTHING
    if text in ENVIRONMENTS:
        return text
    try:
        return str(Cluster.parse(text))
    except InvalidName as error:
        known = (scope_in_words(EVERYTHING), *ENVIRONMENTS)
        raise Unknown("freeze scope", text, "Or name a cluster, such as production/hello.", known=known) from error


def unfreeze_command(scope: str) -> str:
    """Return the command that lifts a freeze."""
    return f"unfreeze {scope_in_words(scope)} --why '...'"


def parse_end(until: str, lasts: str, now: datetime) -> datetime | None:
    """Return the end of a freeze by --until or --for; None for neither. Raises InvalidValue, Ambiguous."""
    if until and lasts:
        raise Ambiguous("--until and --for were both given: use one of them")
    if lasts:
        return end_after(lasts, now)
    return end_at(until, now) if until else None
