"""Reports leave the host here, in a thread of their own: work never waits for the ledger, nor the heartbeat for work.

Only the newest report counts: while one is being written or the ledger is away, older ones are overtaken.
"""

import logging
import threading
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
"""A stage that is over sooner is not written: that write would only be in the way of the next one."""


class Reporter:
    """Writes the report that was published last: at once when it changed, and every `heartbeat` seconds."""

    def __init__(self, reports: Reports, heartbeat: float, clock: Callable[[], datetime]) -> None:
        self._reports = reports
        self._heartbeat = heartbeat
        self._clock = clock
        self._news = threading.Condition()
        self._wanted: HostReport | None = None
        self._changes = 0
        self._written = 0
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def publish(self, report: HostReport) -> None:
        """Say how the host is; `seen_at` is set when it is written."""
        with self._news:
            if self._wanted is None or replace(report, seen_at=self._wanted.seen_at) != self._wanted:
                self._wanted = report
                self._changes += 1
                self._news.notify_all()

    def close(self, seconds: float = 1.0) -> None:
        """End the thread, giving a last change some time to be written."""
        with self._news:
            self._news.wait_for(lambda: self._written == self._changes, seconds)
            self._ending = True
            self._news.notify_all()
        self._thread.join(seconds)

    def _run(self) -> None:
        pause = 0.0
        while True:
            with self._news:
                if pause:
                    self._news.wait_for(lambda: self._ending, pause)
                else:
                    self._news.wait_for(self._has_news, self._heartbeat)
                if self._ending:
                    return
                self._news.wait_for(self._settled, SETTLE_SECONDS)
                report, change = self._wanted, self._changes
            if report is not None:
                pause = self._write(report, change, pause)

    def _settled(self) -> bool:
        return self._ending or self._wanted is None or self._wanted.stage not in IN_PROGRESS

    def _has_news(self) -> bool:
        return self._ending or self._written != self._changes

    def _write(self, report: HostReport, change: int, pause: float) -> float:
        """Write one report; returns how long to wait before the next try, 0 after a success."""
        try:
            self._reports.write(replace(report, seen_at=self._clock()))
        except LifecycleError as error:
            if not pause:
                logger.warning("report not written: %s", error)
            return min(max(pause * 2, FIRST_RETRY_SECONDS), MAXIMUM_RETRY_SECONDS)
        if pause:
            logger.info("reports are written again")
        with self._news:
            self._written = change
            self._news.notify_all()
        return 0.0
