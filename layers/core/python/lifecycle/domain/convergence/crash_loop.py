"""Crash loops: a service that ends again soon after each repair is repaired less and less often.

Used by decide.py and by the queries. The facts are the ledger's: the repairs of that host with that version, and the
end that its agent reports. A host that ran for STEADY_MINUTES is repaired at once again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from lifecycle.domain.fleet.host import HostReport, ServiceEnd
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind

# The pause before the second repair in a row, doubled before each one after it, up to LONGEST_MINUTES.
FIRST_MINUTES, LONGEST_MINUTES = 1, 16
# A service that ran this long after its repair does not crash in a loop.
STEADY_MINUTES = 10
# A crash loop is reported from this many repairs in a row on: one may be bad luck.
REPORTED_FROM = 2


@dataclass(frozen=True, slots=True)
class CrashLoop:
    """A service that ended again after `repairs` repairs in a row; the first of them began at `since`.

    The next repair is due at `due`. `whole` is False where it may have begun before the deployments that were read.
    """

    host: str
    version: str
    repairs: int
    since: datetime
    due: datetime
    end: ServiceEnd
    whole: bool = True

    @property
    def is_reported(self) -> bool:
        """True once it is more than bad luck."""
        return self.repairs >= REPORTED_FROM

    @property
    def reason(self) -> str:
        """The facts in one line."""
        times = "once" if self.repairs == 1 else f"{self.repairs} times in a row"
        again = f"it was repaired {times} since {self.since:%H:%M:%S}, and ended again"
        return f"{self.host}: {self.end.in_words}; {again}; next try at {self.due:%H:%M:%S} UTC"


def crash_loops(
    reports: Mapping[str, HostReport], recent: Sequence[Deployment], minute: timedelta
) -> dict[str, CrashLoop]:
    """Return the crash loop of each host whose service has ended, and that was repaired before with this version.

    `recent` are the cluster's newest deployments, the newest first. `minute` is shorter on a laptop.
    """
    since = list(takewhile(lambda each: not _starts_all_again(each), recent))
    repairs = [each for each in since if each.request.only and each.epoch and each.finished_at]
    found = {}
    for host, report in reports.items():
        if (end := report.ended) and not report.running:
            same = [each for each in repairs if each.target.version == report.installed]
            mine = [each for each in same if host in each.request.only and _reached(each, end)]
            if loop := _crash_loop(host, report.installed, end, mine, minute):
                found[host] = replace(loop, whole=len(since) < len(recent) or loop.repairs < len(mine))
    return found


def _starts_all_again(deployment: Deployment) -> bool:
    return deployment.request.kind is not Kind.CONVERGE and deployment.state is DeploymentState.DONE


def _reached(repair: Deployment, end: ServiceEnd) -> bool:
    """Return whether a repair has started this service again: one that failed before that has not."""
    return repair.state is DeploymentState.DONE or repair.started_at < end.at


def _crash_loop(
    host: str, version: str, end: ServiceEnd, repairs: Sequence[Deployment], minute: timedelta
) -> CrashLoop | None:
    """Return the crash loop of one host; `repairs` are its own, the newest first."""
    steady, longest = minute * STEADY_MINUTES, minute * LONGEST_MINUTES
    count, until, since = 0, end.at, end.at
    for each in repairs:
        ended = each.finished_at or each.started_at
        # Between two repairs are the time that the service ran, and the pause.
        if until - ended > steady + (longest if count else timedelta()):
            break
        count, until, since = count + 1, each.started_at, each.started_at
    if not count:
        return None
    pause = min(minute * FIRST_MINUTES * 2 ** min(count - 1, 10), longest)
    last = repairs[0].finished_at or repairs[0].started_at
    # The host's clock may be wrong: no repair waits for a time that its agent has set far ahead.
    at = min(max(end.at, last), last + steady)
    return CrashLoop(host, version, count, since, at + pause, end)
