"""Repairs that failed: such a repair has ended and freed its cluster, and convergence tries again after a back-off.

Used by decide.py. Nobody is asked about a repair. Its host is out of rotation, and the next repair may bring it back:
what failed may be something that all hosts share, and that recovers.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from lifecycle.domain.convergence.crash_loop import CrashLoop
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Rotation, state_of
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.time_format import moment

# The next repair of a host begins this many of the policy's minutes after a failed one, twice as many each time.
FIRST_PAUSE, LONGEST_PAUSE = 5, 120
# The most while no host serves: then a repair cannot make anything worse.
LONGEST_IN_OUTAGE = 15


def next_tries(
    recent: Sequence[Deployment],
    minute: timedelta,
    rotation: Rotation | None = None,
    recovered_at: datetime | None = None,
) -> Mapping[str, datetime]:
    """Return when each host may be repaired again whose last repair failed; `recent` begins with the newest.

    A repair of another host that passed ends the growth: what failed may have been shared, and is over. A repair that
    ended before `recovered_at`, the end of the last shared outage, delays none.
    """
    in_outage = rotation is not None and not any(state.serves for state in rotation.values())
    longest = LONGEST_IN_OUTAGE if in_outage else LONGEST_PAUSE
    failed: dict[str, list[datetime]] = {}
    settled: set[str] = set()
    for each in recent:
        if each.finished_at and recovered_at and each.finished_at <= recovered_at:
            break
        if each.is_failed_repair and each.failed_host not in settled and each.finished_at:
            if not settled or each.failed_host not in failed:
                failed.setdefault(each.failed_host, []).append(each.finished_at)
        elif each.state is DeploymentState.DONE and each.request.only:
            settled |= set(each.request.only)
        elif each.state is DeploymentState.DONE:
            break  # it brought its version to every host
    return {host: max(ends) + _pause(len(ends), longest) * minute for host, ends in failed.items()}


def pauses_before_repairs(
    reports: Mapping[str, HostReport],
    rotation: Rotation,
    loops: Mapping[str, CrashLoop],
    tries: Mapping[str, datetime],
    now: datetime,
) -> dict[str, str]:
    """Return why each host is not repaired yet whose repairs did not help; a crash loop has pauses of its own.

    `tries` are those of `next_tries`. No host waits that gets requests untested.
    """
    pauses = {}
    for host, report in reports.items():
        loop, due = loops.get(host), tries.get(host)
        untested = report.running and state_of(rotation, host).in_rotation and not report.has_passed(report.digest)
        if loop and now < loop.due:
            pauses[host] = loop.reason
        elif loop is None and due and now < due and not untested:
            pauses[host] = f"the last repair of {host} failed: the next one begins after {moment(due)} UTC"
    return pauses


def _pause(failures: int, longest: int) -> int:
    return min(FIRST_PAUSE << min(failures - 1, 10), longest)
