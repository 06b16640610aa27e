"""Garbage collection: delete the snapshots and releases of a service that nothing uses any more.

Called by functions/delivery/gc. domain/delivery/retention.py decides what may be deleted. It decides again,
on facts read again, right before each deletion. A run that stops in the middle is continued by the next one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lifecycle.application.context import Context
from lifecycle.application.delivery.cluster_use import read_use
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.domain.delivery.retention import (
    Deletable,
    Inventory,
    Retained,
    Retention,
    RetentionRules,
    retain,
)
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster, service_name
from lifecycle.domain.service.withdrawal import done

# Deployments of a cluster that are read at first, and those that are read again before each deletion.
HISTORY = 500
RECHECKED = 20
# A deletion reads each cluster again, about 0.2 s on AWS. So a run ends before its caller's timeout of 60 s.
MAXIMUM_DELETIONS = 200


@dataclass(frozen=True, slots=True)
class Collected:
    """The deleted and the retained versions with the reasons; in a dry run, those that would be deleted.

    `left` is the number of versions for the next run. `freed` is in bytes, although the bucket retains
    deleted versions for a while (infra/constructs/storage.py).
    """

    service: str
    dry_run: bool
    retained: tuple[Retained, ...]
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
    """Delete unused versions, at most `most`, the oldest first; safe to repeat. Raises Unknown, InvalidValue."""
    holdings = _holdings(context, catalogue, service)
    if not (holdings.stored or holdings.snapshots or holdings.releases):
        raise Unknown("service", service, "Nothing of it was ever built here.")
    fates = retain(holdings, keep, context.clock.now())
    unused = [fate for fate in fates if isinstance(fate, Deletable)]
    left = {fate.version for fate in unused[most:]}
    ended: list[Retention] = []
    for fate in fates:
        if dry_run or isinstance(fate, Retained):
            ended.append(fate)
        elif fate.version not in left:
            holdings = _reread(context, catalogue, service, holdings)
            ended.append(_collect(context, service, holdings, fate, keep, by))
    return _summary(service, ended, 0 if dry_run else len(left), dry_run=dry_run)


def _collect(
    context: Context, service: str, holdings: Inventory, fate: Deletable, keep: RetentionRules, by: str
) -> Retention:
    """Delete one version, unless the facts that were read again retain it."""
    again = retain(holdings, keep, context.clock.now())
    now = next(each for each in again if each.version == fate.version)
    if isinstance(now, Deletable):
        for environment in ENVIRONMENTS:
            context.record(Cluster(environment, service), f"collect {now.version}", by, now.why)
        context.artifacts.delete(service, now.version)
    return now


def _summary(service: str, ended: Iterable[Retention], left: int, *, dry_run: bool) -> Collected:
    retained = tuple(fate for fate in ended if isinstance(fate, Retained))
    deleted = tuple(fate for fate in ended if isinstance(fate, Deletable))
    return Collected(service, dry_run, retained, deleted, sum(fate.bytes for fate in deleted), left)


def _holdings(context: Context, catalogue: Catalogue, service: str) -> Inventory:
    # The order matters: a promotion that ends between these reads seems unfinished, never absent.
    stored = context.artifacts.stored(service_name(service))
    return Inventory(
        stored=stored,
        releases=catalogue.releases(service),
        snapshots=frozenset(catalogue.snapshots(service)),
        uses=[read_use(context, Cluster(environment, service), HISTORY) for environment in ENVIRONMENTS],
        withdrawn=frozenset(done(catalogue.withdrawals(service))),
    )


def _reread(context: Context, catalogue: Catalogue, service: str, before: Inventory) -> Inventory:
    """Read everything again that can give a version a use; the list of stored versions stays as first read."""
    uses = [read_use(context, use.cluster, RECHECKED, use) for use in before.uses]
    withdrawn = frozenset(done(catalogue.withdrawals(service)))
    return replace(before, releases=catalogue.releases(service), uses=uses, withdrawn=withdrawn)
