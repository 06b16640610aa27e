"""Liveness of an agent that dates its reports by the host's own clock, as older agents do.

Used by the stages of a rollout while they wait for a host. Newer agents correct their times by AWS's
(apps/agent/ledger_clock.py), so for them the time in the report is enough.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.domain.fleet.host import HostReport


@dataclass(slots=True)
class Heard:
    """The last report that a wait has read, when it read that one first, and whether that shows a live agent.

    A report that changed shows one. The first report of a newer agent does not: its time is right.
    """

    last: HostReport | None = None
    changed_at: datetime | None = None
    lives: bool = False

    def silent_since(self, report: HostReport, now: datetime, heartbeat_timeout: timedelta) -> datetime | None:
        """Return the time of the last report, if the host is unreachable; a live agent changes its report."""
        if self.changed_at is None or report != self.last:
            self.lives = self.changed_at is not None or report.skew is None
            self.last, self.changed_at = report, now
        since = report.unreachable_since(now, heartbeat_timeout)
        if since and self.lives and now - self.changed_at <= heartbeat_timeout:
            return None
        return since
