"""Following a deployment until it ends or halts: look, show, sleep; the records are the truth, not the execution.

Used by watch, deploy and rollback. It never hangs: every look either finds progress possible or ends with why not.
"""

from typing import Protocol

from apps.cli.endings import Ending, ending, settled
from apps.cli.ports import Connection
from apps.cli.sight import Eyes, Sight
from lifecycle.domain.fleet import Cluster

# What has ended is free of its lease and execution, and what was queued begins, within moments.
_SETTLING_LOOKS = 20


class Screen(Protocol):
    """Where a watched deployment is shown."""

    def show(self, sight: Sight) -> None: ...


def follow(here: Connection, cluster: Cluster, name: str, screen: Screen) -> Ending:
    """Show a deployment until it ends or halts; raises Unknown when there is neither a record nor a run of it."""
    eyes, settling = Eyes(here, cluster, name), 0
    while True:
        sight = eyes.look()
        screen.show(sight)
        found = ending(sight, here)
        if found and (settled(sight) or settling >= _SETTLING_LOOKS):
            return found
        settling = settling + 1 if found else 0
        here.world.clock.sleep(here.poll_seconds)
