"""Follow a deployment until it ends or halts: poll, show, sleep. The records decide, not the execution.

Used by watch/deployment.py. It never hangs: a poll that finds no possible progress ends it with the reason.
A poll that fails is repeated for 30 s: AWS may throttle, the network may fail, the laptop's environment may restart.
"""

from datetime import timedelta
from typing import Protocol

from apps.cli.output.failures import explain
from apps.cli.ports import Connection
from apps.cli.watch.deployment_view import Poller, WatchedDeployment
from apps.cli.watch.outcome import Outcome, outcome_of, settled
from lifecycle.domain.errors import CallFailed, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.errors import failure

# Polls after an outcome, in which the lease is released, the execution ends or a queued deployment begins.
_SETTLING_POLLS = 20
_TIMEOUT = timedelta(seconds=30)


class Screen(Protocol):
    """The place where a watched deployment is shown."""

    def show(self, found: WatchedDeployment) -> None: ...


def follow(connection: Connection, cluster: Cluster, name: str, screen: Screen, *, begun: bool = False) -> Outcome:
    """Show a deployment until it ends or halts, or until every poll has failed for 30 s.

    A first poll that fails is repeated only if the caller knows that the deployment has `begun`. Else its error
    is raised: Unknown if the deployment has neither a record nor an execution.
    """
    poller, settling, polled_at = Poller(connection, cluster, name), 0, connection.context.clock.now()
    while True:
        try:
            polled = poller.poll()
            screen.show(polled)
            found = outcome_of(polled, connection)
        except Exception as error:
            if not begun or not _is_temporary(error):
                raise
            if connection.context.clock.now() - polled_at >= _TIMEOUT:
                return _lost_contact(connection, name, error)
        else:
            begun, polled_at = True, connection.context.clock.now()
            if found and (settled(polled) or settling >= _SETTLING_POLLS):
                return found
            settling = settling + 1 if found else 0
        connection.context.clock.sleep(connection.poll_seconds)


def _is_temporary(error: Exception) -> bool:
    """Return whether AWS could not answer, or does not know a new deployment yet; any other error is a bug."""
    return isinstance(error, Unknown | CallFailed) or failure(error) is not None


def _lost_contact(connection: Connection, name: str, error: Exception) -> Outcome:
    watch = connection.command(f"watch {name}")
    seconds = int(_TIMEOUT.total_seconds())
    why = f"its state could not be read for {seconds} s: {explain(error)}"
    return Outcome("LOST_SIGHT", f"{why}; it may still go on; watch it again: {watch}", 1)
