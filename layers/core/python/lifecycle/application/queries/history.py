"""The view of past deployments and audit entries.

Drawn by functions/console/show_history; reads only.
"""

from dataclasses import dataclass
from itertools import chain

from lifecycle.application.queries.context import Console, in_parallel
from lifecycle.application.queries.scope import Page, Wanted, chosen, paged
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.deployment import Deployment

SHOWN = 25


@dataclass(frozen=True, slots=True)
class Past:
    """The newest deployments, the newest first; and the newest lines of the trail of what is looked at."""

    deployments: tuple[Deployment, ...]
    trail: tuple[AuditEntry, ...]
    page: Page


def past(console: Console, wanted: Wanted) -> Past:
    """A page of clusters, whose histories are told as one; those whose lease is held come first.

    Raises Unknown, InvalidName.
    """
    clusters, services = chosen(console, wanted)
    held = console.sights.held(clusters)
    ordered = sorted(clusters, key=lambda each: (not held[each].lease.deployment, each.service, each))
    shown, page = paged(ordered, wanted, services)
    context = console.context
    recent = in_parallel(lambda each: context.deployments.recent(each, SHOWN), shown)
    trails = in_parallel(lambda each: context.audit_log.read(each, limit=SHOWN), shown)
    deployments = sorted(
        chain.from_iterable(recent), key=lambda each: (each.started_at, each.id), reverse=True
    )
    entries = sorted(chain.from_iterable(trails), key=lambda each: each.at, reverse=True)
    return Past(tuple(deployments[:SHOWN]), tuple(entries[: 2 * SHOWN]), page)
