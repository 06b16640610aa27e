"""Collecting garbage: delete the snapshots and releases of a service that nothing needs any more.

Called by functions/delivery/gc. What may go is decided by domain/delivery/retention.py, and decided again from fresh facts right
before each deletion; whatever stops a run in between, the next one goes on.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lifecycle.application.context import Context
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.domain.delivery.retention import (
    ClusterUse,
    Deletable,
    Inventory,
    Retained,
    Retention,
    RetentionRules,
    Unreadable,
    retain,
)
from lifecycle.domain.errors import InvalidValue, StoreRefused, Unknown
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster, service_name

# Deployments of a cluster that are read at first, and those that are read again before each deletion.
HISTORY = 500
RECHECKED = 20
# A deletion reads each cluster once more: about 0.2 s on AWS, so a run ends before its caller stops waiting (60 s).
MAXIMUM_DELETIONS = 200


@dataclass(frozen=True, slots=True)
class Collected:
    """What went and what stayed, with why; in a dry run, what would. `left` may go too, in the next run.

    `freed` is in bytes. The bucket keeps deleted versions for a while (infra/constructs/storage.py).
    """

    service: str
    dry_run: bool
    kept: tuple[Retained, ...]
    deleted: tuple[Deletable, ...]
    freed: int
    left: int = 0


def gc(
    context: Context,
    catalogue: Catalogue,
    service: str,
    *,
    keep: RetentionRules,
    dry_run: bool,
    by: str,
    most: int = MAXIMUM_DELETIONS,
) -> Collected:
    """Delete what may go, at most `most` versions, the oldest first; safe to repeat. Raises Unknown, InvalidName."""
    holdings = _holdings(context, catalogue, service)
    if not (holdings.stored or holdings.snapshots or holdings.releases):
        raise Unknown("service", service, "Nothing of it was ever built here.")
    fates = retain(holdings, keep, context.clock.now())
    doomed = [fate for fate in fates if isinstance(fate, Deletable)]
    late = {fate.version for fate in doomed[most:]}
    ended: list[Retention] = []
    for fate in fates:
        if dry_run or isinstance(fate, Retained):
            ended.append(fate)
        elif fate.version not in late:
            holdings = _reread(context, catalogue, service, holdings)
            ended.append(_collect(context, service, holdings, fate, keep, by))
    return _summary(service, ended, 0 if dry_run else len(late), dry_run=dry_run)


def _collect(
    context: Context, service: str, holdings: Inventory, fate: Deletable, keep: RetentionRules, by: str
) -> Retention:
    """Delete one version, unless a fresh look keeps it."""
    again = retain(holdings, keep, context.clock.now())
    now = next(each for each in again if each.version == fate.version)
    if isinstance(now, Deletable):
        for environment in ENVIRONMENTS:
            context.record(Cluster(environment, service), f"collect {now.version}", by, now.why)
        context.artifacts.delete(service, now.version)
    return now


def _summary(service: str, ended: Iterable[Retention], left: int, *, dry_run: bool) -> Collected:
    kept = tuple(fate for fate in ended if isinstance(fate, Retained))
    deleted = tuple(fate for fate in ended if isinstance(fate, Deletable))
    return Collected(service, dry_run, kept, deleted, sum(fate.bytes for fate in deleted), left)


def _holdings(context: Context, catalogue: Catalogue, service: str) -> Inventory:
    # In this order: a promotion that ends while they are read looks unfinished, never as if it did not exist.
    stored = context.artifacts.stored(service_name(service))
    return Inventory(
        stored=stored,
        releases=catalogue.releases(service),
        snapshots=frozenset(catalogue.snapshots(service)),
        uses=[_use(context, Cluster(environment, service)) for environment in ENVIRONMENTS],
    )


def _reread(context: Context, catalogue: Catalogue, service: str, before: Inventory) -> Inventory:
    """The same, with everything that can give a version a use read again; what was stored at first stays listed."""
    uses = [_use(context, use.cluster, use) for use in before.uses]
    return replace(before, releases=catalogue.releases(service), uses=uses)


def _use(
    context: Context, cluster: Cluster, before: ClusterUse | Unreadable | None = None
) -> ClusterUse | Unreadable:
    try:
        return _read(context, cluster, before if isinstance(before, ClusterUse) else None)
    except (StoreRefused, InvalidValue) as error:
        return Unreadable(cluster, str(error))


def _read(context: Context, cluster: Cluster, before: ClusterUse | None) -> ClusterUse:
    # In the order in which a request moves on: what leaves one place in between is found in the next.
    waiting = context.queue.waiting(cluster)
    lease = context.leases.current(cluster)
    desired = context.registry.desired(cluster)
    fresh = context.deployments.recent(cluster, RECHECKED if before else HISTORY)
    names = {each.id for each in fresh}
    older = [each for each in before.deployments if each.id not in names] if before else []
    return ClusterUse(
        cluster=cluster,
        desired=desired,
        lease=lease,
        waiting=waiting.request.version if waiting else None,
        deployments=[*fresh, *older],
        complete=before.complete if before else len(fresh) < HISTORY,
        reports=context.fleet.reports(cluster),
        quarantined=context.fleet.quarantined(cluster),
    )
