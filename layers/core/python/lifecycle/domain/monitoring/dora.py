"""The four DORA figures of one cluster, from its deployments.

They say how often, how fast and how well it is deployed, and how soon it is restored. Definitions after
dora.dev's "four keys". Where a record lacks a fact, the figure is bounded, and the docstring says how. Shown
by functions/console/show_dora; pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind

# The ends after which hosts may have changed. REJECTED is a gate that did its work; a STALE record says nothing.
_ENDED = (DeploymentState.DONE, DeploymentState.ROLLED_BACK, DeploymentState.ABORTED)


@dataclass(frozen=True, slots=True)
class Dora:
    """The figures of a window of `days`. A figure is None if no deployment gives it.

    `deployed` ended DONE, `lead_time` is their median. `ended` is the denominator of `failure_rate`.
    `restore_time` is the median over the `restored`. After an `open` failure no good deployment has followed
    yet.
    """

    days: float
    deployed: int
    lead_time: timedelta | None
    ended: int
    failed: int
    restored: int
    restore_time: timedelta | None
    open: int

    @property
    def per_week(self) -> float:
        """The deployment frequency: deployments that ended DONE, per week. Rollbacks and repairs do not count."""
        return self.deployed * 7 / self.days

    @property
    def failure_rate(self) -> float | None:
        """The change failure rate: the failed fraction, 0 to 1, of those that ended with hosts changed."""
        return self.failed / self.ended if self.ended else None


def dora(deployments: Sequence[Deployment], built: Mapping[str, datetime], since: datetime, now: datetime) -> Dora:
    """Return the figures of the deployments that ended from `since` to `now`.

    `built` has the known build times of versions. The order of the deployments does not matter. A window
    without a length raises ValueError.
    """
    if now <= since:
        raise ValueError(f"expected a window that ends after it begins, found {since} to {now}")
    every = sorted(deployments, key=lambda each: (each.started_at, each.id))
    ended = [each for each in every if _changed(each) and _within(each, since, now)]
    done = [each for each in ended if each.state is DeploymentState.DONE]
    failures = [each for each in ended if _failed(each, every)]
    restores = [took for each in failures if (took := _restored_after(each, every)) is not None]
    leads = _lead_times(done, every, built)
    return Dora(
        days=(now - since) / timedelta(days=1),
        deployed=len(done),
        lead_time=_median(leads),
        ended=len(ended),
        failed=len(failures),
        restored=len(restores),
        restore_time=_median(restores),
        open=len(failures) - len(restores),
    )


def _median(times: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(each.total_seconds() for each in times)) if times else None


def _changed(each: Deployment) -> bool:
    """Return whether it brought a requested version, and has ended. Repairs and rollbacks bring none."""
    return each.request.kind is Kind.DEPLOY and each.state in _ENDED


def _within(each: Deployment, since: datetime, now: datetime) -> bool:
    return each.finished_at is not None and since <= each.finished_at <= now


def _failed(each: Deployment, every: Sequence[Deployment]) -> bool:
    """Return whether it was rolled back, on the way or after a good end, or was aborted between two versions."""
    return each.state is not DeploymentState.DONE or _rollback_of(each, every) is not None


def _rollback_of(each: Deployment, every: Sequence[Deployment]) -> Deployment | None:
    """Return the rollback that began because of it. A refused or pending rollback changed nothing."""
    rollbacks = (other for other in every if other.request.rollback_of == each.id)
    return next((other for other in rollbacks if other.epoch > 0), None)


def _restored_after(failed: Deployment, every: Sequence[Deployment]) -> timedelta | None:
    """Return the time until every host served a good version again; None while that has not happened.

    The time begins with the failed deployment, which is never later than the failure. If that deployment had
    ended well, it begins with its rollback, because the beginning of the damage is not recorded. It ends with
    the next deployment, of any kind, that ended DONE on the whole cluster.
    """
    begun_by = failed
    if failed.state is DeploymentState.DONE:
        begun_by = _rollback_of(failed, every) or failed
    for other in every:
        good = other.state is DeploymentState.DONE and not other.request.only
        later = other.id != failed.id and other.started_at >= begun_by.started_at
        if good and later and other.finished_at is not None:
            return other.finished_at - begun_by.started_at
    return None


def _lead_times(
    done: Sequence[Deployment], every: Sequence[Deployment], built: Mapping[str, datetime]
) -> list[timedelta]:
    """Return the lead times for changes, from a version's build until all hosts served it.

    The build follows its push at once. A version counts at its first deployment only. The commit's own time
    is not used, because its author sets it.
    """
    first: dict[str, str] = {}
    for each in every:
        if each.state is DeploymentState.DONE and each.request.kind is Kind.DEPLOY:
            first.setdefault(each.target.version, each.id)
    return [
        max(each.finished_at - built[each.target.version], timedelta())
        for each in done
        if each.finished_at and each.target.version in built and first[each.target.version] == each.id
    ]
