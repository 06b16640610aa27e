"""Supervision: notice that the service has ended, and ask for its repair until a turn has started it again.

Used by agent.py. The agent never starts the service by itself: convergence does, with a turn, so that no request
reaches a start that has not passed its self-test.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from math import log2

from apps.agent import processes
from apps.agent.service import Service
from lifecycle.domain.fleet.host import SelfTest, ServiceEnd

# The repair is asked for at once, then after 1, 2, 4, 8 and 16 minutes, and then as often as convergence runs anyway.
_DOUBLED_UNTIL = 16
_SCHEDULE_MINUTES = 15


class Supervision:
    """The end of the service, as the report says it. `minute` is shorter on a laptop."""

    def __init__(
        self,
        service: Service,
        log_tail: Callable[[], str],
        clock: Callable[[], datetime],
        minute: timedelta = timedelta(minutes=1),
    ) -> None:
        self._service = service
        self._log_tail = log_tail
        self._clock = clock
        self._minute = minute
        self._end: ServiceEnd | None = None

    def end(self, self_test: SelfTest | None) -> ServiceEnd | None:
        """Return how the service ended; None while it runs, and where its last start never passed a self-test.

        A start that fails within its turn is the turn's failure.
        """
        started = self._service.started
        passed = self_test.boot if self_test and self_test.passed else None
        if started is None or started.boot != passed or self._service.running():
            self._end = None
        elif self._end is None or self._end.boot != started.boot:
            booted = started.kernel != processes.kernel_boot()
            how = "" if booted else self._service.exit_status(unknown="")
            name = "" if booted else self._service.ended_process()
            self._end = ServiceEnd(self._clock(), how, started.boot, booted, self._log_tail(), process=name)
        else:
            minutes = (self._clock() - self._end.at) / self._minute
            announced = max(self._end.announced, announcements(minutes))
            self._end = replace(self._end, announced=announced)
        return self._end


def announcements(minutes: float) -> int:
    """Return how often the repair is asked for within this time after the end."""
    if minutes < 1:
        return 1
    if minutes < _DOUBLED_UNTIL:
        return 2 + int(log2(minutes))
    return 6 + int((minutes - _DOUBLED_UNTIL) / _SCHEDULE_MINUTES)
