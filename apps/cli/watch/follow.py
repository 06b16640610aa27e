"""Following a deployment until it ends or halts: look, show, sleep; the records are the truth, not the execution.

Used by watch, deploy and rollback. It never hangs: every look either finds progress possible or ends with why not,
and looks that fail (throttled, no network, the laptop's environment started again) are made anew only for a while.
"""

from datetime import timedelta
from typing import Protocol

from apps.cli.output.failures import explain
from apps.cli.ports import Connection
from apps.cli.watch.deployment_view import Poller, WatchedDeployment
from apps.cli.watch.outcome import Outcome, outcome_of, settled
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster

# What has ended is free of its lease and execution, and what was queued begins, within moments.
_SETTLING_LOOKS = 20
_PATIENCE = timedelta(seconds=30)


class Screen(Protocol):
    """Where a watched deployment is shown."""

    def show(self, found: WatchedDeployment) -> None: ...


def follow(
    connection: Connection, cluster: Cluster, name: str, screen: Screen, *, begun: bool = False
) -> Outcome:
    """Show a deployment until it ends or halts, or until nothing was seen of it for half a minute.

    One that was never seen, and of which the caller does not know that it has `begun`, is not waited for: then
    what the look raised is raised, Unknown when there is neither a record nor a run of it.
    """
    poller, settling, seen_at = Poller(connection, cluster, name), 0, connection.context.clock.now()
    while True:
        try:
            polled = poller.poll()
            screen.show(polled)
            found = outcome_of(polled, connection)
        except Exception as error:
            if not begun or not _may_pass(error):
                raise
            if connection.context.clock.now() - seen_at >= _PATIENCE:
                return _lost_contact(connection, name, error)
        else:
            begun, seen_at = True, connection.context.clock.now()
            if found and (settled(polled) or settling >= _SETTLING_LOOKS):
                return found
            settling = settling + 1 if found else 0
        connection.context.clock.sleep(connection.poll_seconds)


def _may_pass(error: Exception) -> bool:
    """Whether it is AWS that could not tell, or does not know yet of what has just begun; not a bug of ours."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 (as in failures.py)
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    return isinstance(error, Unknown | BotoCoreError | ClientError | ResponseParserError)


def _lost_contact(connection: Connection, name: str, error: Exception) -> Outcome:
    again = connection.command(f"watch {name}")
    seconds = int(_PATIENCE.total_seconds())
    why = f"nothing was seen of it for {seconds} s: {explain(error)}"
    return Outcome("LOST_SIGHT", f"{why}; it may go on without you, watch on: {again}", 1)
