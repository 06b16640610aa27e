"""The watcher of progress: changes of a deployment, attempt, question, lease or run.

An answer of a human is no progress by itself.
"""

import contextlib
import threading
import time
from typing import Any, Self

from tests.fault_injection.environment import CLUSTER, Environment

_POLL_SECONDS = 0.1
# Seconds. A change that is found so soon after a fault was written before the fault.
_SETTLED_SECONDS = 0.3


class Watcher:
    """A thread that reads the records in a `with` block; a failed read counts as no change."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._changes: list[float] = [time.time()]
        self._last: Any = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def quiet_seconds(self) -> float:
        """Return the seconds since the last change."""
        return time.time() - self._changes[-1]

    def recovered(self, fault: float, over: float) -> float | None:
        """Return the seconds from a fault to the next change, or to the end of its case if there was none."""
        after = [at for at in (*list(self._changes), over) if at > fault + _SETTLED_SECONDS]
        return round(min(after) - fault, 1) if after else 0.0 if over else None

    def _run(self) -> None:
        while not self._ending.wait(_POLL_SECONDS):
            # The control plane is down in some cases.
            with contextlib.suppress(Exception):
                found = self._read()
                if found != self._last:
                    self._last = found
                    self._changes.append(time.time())

    def _read(self) -> Any:
        connection, rows = self._env.connection, []
        context = connection.context
        for deployment in context.deployments.recent(CLUSTER, 2):
            attempts, questions = context.deployments.attempts_and_questions(deployment.id)
            rows.append(
                (
                    (deployment.id, deployment.state, deployment.execution),
                    (run := connection.runs.rollout(deployment.execution)) is not None and run.status == "SUCCEEDED",
                    tuple((each.host, each.number, each.state) for each in attempts),
                    tuple((each.id, each.token) for each in questions),
                )
            )
        return rows, context.leases.current(CLUSTER), self._env.extra_progress()
