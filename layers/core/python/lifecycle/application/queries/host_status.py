"""The status of a host: in its cluster, and in one deployment.

Read by the console's widgets and by the commands hosts and watch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.queries.hosts import HostView
from lifecycle.application.queries.state_words import (
    ATTEMPTS,
    HOSTS,
    RELEASE_NOT_KNOWN,
    RELEASING,
    TARGETS,
    UNFINISHED,
    HostStatus,
    Status,
)
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt, ReleaseRun
from lifecycle.domain.rollout.decision import Choice, Question, answers_on, latest_attempts
from lifecycle.domain.rollout.deployment import Deployment

_LEFT = {Choice.SKIP_HOST: HostStatus.LEFT_OUT, Choice.FORCE_NEXT: HostStatus.POSTPONED}
_FINISHED = frozenset(
    {
        ATTEMPTS[AttemptState.ALIVE],
        *(HOSTS[each] for each in (HostStatus.IN_PLACE, HostStatus.LEFT_OUT, HostStatus.GONE)),
    }
)


def host_status(host: HostView) -> Status:
    """Return the most important fact about a host of a cluster, the worst first."""
    if host.quarantined:
        return HOSTS[HostStatus.QUARANTINED]
    if isinstance(host.report, UnreadableReport):
        return HOSTS[HostStatus.UNREADABLE]
    if host.unreachable_since:
        return HOSTS[HostStatus.UNREACHABLE]
    if host.attempt and host.attempt.state is not AttemptState.ALIVE:
        return attempt_status(host.attempt)
    if host.role:
        return HOSTS[host.role]
    return _resting(host)


def _resting(host: HostView) -> Status:
    """Return the status of a host that no deployment is changing."""
    if not host.report.running:
        return HOSTS[HostStatus.STOPPED if host.report.installed else HostStatus.EMPTY]
    if host.state is not None and host.state is not TargetState.HEALTHY:
        return HOSTS[HostStatus.LEFT_OUT] if host.skipped else TARGETS[host.state]
    if host.drift and host.skipped:
        return HOSTS[HostStatus.LEFT_OUT]
    if host.drift and host.may_be_updated:
        return HOSTS[HostStatus.SERVING_OLD if host.state and host.state.serves else HostStatus.WAITING]
    if host.drift:
        return HOSTS[HostStatus.DRIFTED]
    return HOSTS[HostStatus.SERVING if host.state else HostStatus.RUNNING]


def attempt_status(attempt: HostAttempt, choice: Choice | None = None) -> Status:
    """Return how far an attempt is; `choice` is the last decision on it, if it failed."""
    if attempt.state is AttemptState.FAILED and choice in _LEFT:
        return HOSTS[_LEFT[choice]]
    if attempt.release and choice is Choice.GO_ON:
        return ATTEMPTS[AttemptState.RELEASED]
    if attempt.release and not attempt.state.ended:
        return RELEASING
    if attempt.release is ReleaseRun.NOT_KNOWN:
        return RELEASE_NOT_KNOWN
    return HOSTS[HostStatus.UNREACHABLE] if attempt.unreachable else ATTEMPTS[attempt.state]


@dataclass(frozen=True, slots=True)
class HostProgress:
    """One host of a deployment: its status, its newest attempt, how long that took, and why it failed."""

    host: str
    status: Status
    attempt: int
    seconds: float
    reason: str

    @property
    def finished(self) -> bool:
        """True when the deployment has nothing more to do on this host."""
        return self.status in _FINISHED


def view_host_progress(
    context: Context, deployment: Deployment, attempts: Sequence[HostAttempt], questions: Sequence[Question]
) -> tuple[HostProgress, ...]:
    """Return the plan's hosts in their order, then the hosts that joined since.

    A quarantined host is left out, unless the deployment tried it.
    """
    cluster = deployment.cluster
    reports = context.fleet.reports(cluster)
    digests = {host: (report.digest, report.config) for host, report in reports.items()}
    newest = latest_attempts(attempts)
    quarantined = context.fleet.quarantined_hosts(cluster)
    reported = set() if deployment.state.final else set(digests)
    joined = sorted((set(newest) | reported) - set(deployment.hosts))
    now = context.clock.now()
    return tuple(
        _progress(deployment, newest[host], questions, now)
        if host in newest
        else _without_attempt(host, deployment, digests, reports.get(host))
        for host in (*deployment.hosts, *joined)
        if host in newest or host not in quarantined
    )


def _without_attempt(
    host: str, deployment: Deployment, digests: Mapping[str, tuple[str, int]], report: HostReport | None
) -> HostProgress:
    if isinstance(report, UnreadableReport):
        return HostProgress(host, HOSTS[HostStatus.UNREADABLE], 0, 0.0, report.why)
    return HostProgress(host, _untried(host, deployment, digests), 0, 0.0, "")


def _progress(
    deployment: Deployment, attempt: HostAttempt, questions: Sequence[Question], now: datetime
) -> HostProgress:
    choices = answers_on(tuple(questions), attempt)
    status, reason = attempt_status(attempt, choices[-1] if choices else None), attempt.reason
    ended = attempt.finished_at or (deployment.finished_at if deployment.state.final else None) or now
    if deployment.state.final and not attempt.state.ended:
        reason = f"{deployment.id} ended {deployment.state} while the host was {attempt.state}"
        status = UNFINISHED
    return HostProgress(attempt.host, status, attempt.number, (ended - attempt.started_at).total_seconds(), reason)


def _untried(host: str, deployment: Deployment, digests: Mapping[str, tuple[str, int]]) -> Status:
    if host not in digests:
        return HOSTS[HostStatus.GONE]
    if digests[host] == (deployment.target.digest, deployment.target.config):
        return HOSTS[HostStatus.IN_PLACE]
    return HOSTS[HostStatus.NOT_NEEDED if deployment.state.final else HostStatus.WAITING]
