"""The thread that writes reports to the ledger, so that installs and heartbeats never wait for each other.

agent.py publishes to it. Only the newest report is written: a newer one replaces a report that is still waiting,
for example while the ledger is unreachable.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from apps.agent.decide import IN_PROGRESS
from apps.agent.ports import Reports
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.host import HostReport

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.2
MAXIMUM_RETRY_SECONDS = 5.0
SETTLE_SECONDS = 0.05
"""A stage that ends sooner than this is not written; its write would only delay the next one."""
HEARTBEAT_PART = 0.75
"""The part of a heartbeat's period after which the next poll of the ledger writes it, so that an idle process wakes
once instead of twice."""


class Reporter:
    """The writer of the latest report: at once after a change, and every `heartbeat` seconds."""

    def __init__(
        self,
        reports: Reports,
        heartbeat: float,
        clock: Callable[[], datetime],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reports = reports
        self._heartbeat = heartbeat
        self._clock = clock
        self._elapsed = elapsed
        self._condition = threading.Condition()
        self._latest: HostReport | None = None
        self._changes = 0
        self._written = 0
        self._written_at = float("-inf")
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def publish(self, report: HostReport) -> None:
        """Replace the report to write; `seen_at` is set when it is written."""
        with self._condition:
            changed = self._latest is None or replace(report, seen_at=self._latest.seen_at) != self._latest
            if changed or self._elapsed() - self._written_at > self._heartbeat * HEARTBEAT_PART:
                self._latest = report
                self._changes += 1
                self._condition.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait up to `seconds` until the newest report is written; return whether it is."""
        with self._condition:
            change = self._changes
            return self._condition.wait_for(lambda: self._written >= change, seconds)

    def close(self, seconds: float = 1.0) -> None:
        """End the thread, after waiting up to `seconds` for the last change to be written."""
        with self._condition:
            self._condition.wait_for(lambda: self._written == self._changes, seconds)
            self._ending = True
            self._condition.notify_all()
        self._thread.join(seconds)

    def _run(self) -> None:
        pause = 0.0
        while True:
            with self._condition:
                if pause:
                    self._condition.wait_for(lambda: self._ending, pause)
                else:
                    self._condition.wait_for(self._has_changed, self._heartbeat)
                if self._ending:
                    return
                self._condition.wait_for(self._settled, SETTLE_SECONDS)
                report, change = self._latest, self._changes
            if report is not None:
                pause = self._write(report, change, pause)

    def _settled(self) -> bool:
        return self._ending or self._latest is None or self._latest.stage not in IN_PROGRESS

    def _has_changed(self) -> bool:
        return self._ending or self._written != self._changes

    def _write(self, report: HostReport, change: int, pause: float) -> float:
        """Write one report; return the seconds until the next try, 0 after a success."""
        began = self._elapsed()
        try:
            self._reports.write(replace(report, seen_at=self._clock()))
        except Exception as error:  # this thread must not end: without reports, the host counts as lost
            if not pause:
                unknown = None if isinstance(error, LifecycleError) else error
                logger.warning("report not written: %s", error, exc_info=unknown)
            return min(max(pause * 2, FIRST_RETRY_SECONDS), MAXIMUM_RETRY_SECONDS)
        if pause:
            logger.info("reports are written again")
        with self._condition:
            self._written, self._written_at = change, began
            self._condition.notify_all()
        return 0.0
