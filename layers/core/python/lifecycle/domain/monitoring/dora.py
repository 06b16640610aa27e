"""The four DORA figures of one cluster, from its deployments: how often, how fast, how well, how soon mended.

Definitions after dora.dev's "four keys"; what a record cannot tell is bounded, and said below. Shown by
functions/console/show_dora; pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind

# How a deployment that began may end with hosts changed; REJECTED is a gate that did its work, STALE says nothing.
_ENDED = (DeploymentState.DONE, DeploymentState.ROLLED_BACK, DeploymentState.ABORTED)


@dataclass(frozen=True, slots=True)
class Dora:
    """What was found in a window of `days`. A figure without a deployment to tell it is None.

    `deployed` ended DONE, `lead_time` is their median; `ended` is what `failure_rate` is a share of; `restore_time`
    the median over the `restored`; `open` failures were not followed by a good deployment yet.
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
        """Deployment frequency: deployments that ended DONE, a week. Rollbacks and repairs do not count."""
        return self.deployed * 7 / self.days

    @property
    def failure_rate(self) -> float | None:
        """Change failure rate: the failed share, 0 to 1, of the deployments that ended with hosts changed."""
        return self.failed / self.ended if self.ended else None


def dora(
    deployments: Sequence[Deployment], built: Mapping[str, datetime], since: datetime, now: datetime
) -> Dora:
    """The figures of what ended from `since` to `now`; `built` says when each version was built, where it is known.

    Order does not matter. A window without a length raises ValueError.
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
    """Whether it brought a version that somebody asked for, and has ended; repairs and rollbacks bring none."""
    return each.request.kind is Kind.DEPLOY and each.state in _ENDED


def _within(each: Deployment, since: datetime, now: datetime) -> bool:
    return each.finished_at is not None and since <= each.finished_at <= now


def _failed(each: Deployment, every: Sequence[Deployment]) -> bool:
    """Whether it was rolled back, on the way or after it had ended well, or was aborted between two versions."""
    return each.state is not DeploymentState.DONE or _rollback_of(each, every) is not None


def _rollback_of(each: Deployment, every: Sequence[Deployment]) -> Deployment | None:
    """The rollback that began because of it; one that was refused or waits changed nothing."""
    rollbacks = (other for other in every if other.request.rollback_of == each.id)
    return next((other for other in rollbacks if other.epoch > 0), None)


def _restored_after(failed: Deployment, every: Sequence[Deployment]) -> timedelta | None:
    """How long until every host served a good version again; None while none does.

    From the failed deployment's beginning, which is never later than the failure; of one that had ended well, from
    the beginning of its rollback, for nobody recorded when it began to hurt. Until the next deployment, of any
    kind, that ended DONE on the whole cluster.
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
    """Lead time for changes: from a version's build, which follows its push at once, until all hosts served it.

    A version counts the first time that it is deployed. The commit's own time is not used: its author sets it.
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
