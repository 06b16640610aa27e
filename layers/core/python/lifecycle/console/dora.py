"""The widget of DORA figures: four for each service in production, with their definitions.

Drawn for functions/console/show_dora.
"""

from datetime import timedelta

from lifecycle.application.queries.dora import DoraView, ServiceDora
from lifecycle.console.components import filters, soft, unreadable_rows, widget
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Child, Markup, tag
from lifecycle.domain.time_format import lasting

MEANINGS = (
    ("Deployment frequency", "deployments that ended DONE in production, per week; no rollbacks, no repairs"),
    (
        "Lead time",
        "from a version's build, which follows its push at once, until every host served it; the median",
    ),
    (
        "Change failure rate",
        "the share of deployments that were rolled back, on the way or later, or were aborted, of those that ended",
    ),
    (
        "Time to restore",
        "from a failed deployment's begin (or its later rollback's) until every host served a good version; median",
    ),
)


def draw_dora(found: DoraView, context: ViewContext) -> Markup:
    """Draw a card for each service."""
    cards: list[Child] = [_card(each, found.days) for each in found.figures]
    if not cards:
        cards = [tag("p", "No service has a production cluster yet.")]
    meaning = tag("dl", ([tag("dt", tag("strong", name)), tag("dd", what)] for name, what in MEANINGS))
    docs = tag("details", tag("summary", "What these figures are"), meaning)
    return widget(context, filters(context, found.page, environments=False), cards, docs)


def _card(each: ServiceDora, days: int) -> Markup:
    found = each.dora
    rate = found.failure_rate
    failed = f"{found.failed} of {found.ended}"
    still = f", {found.open} not restored yet" if found.open else ""
    figures = (
        _figure("Deployment frequency", f"{found.per_week:.1f} per week", f"{found.deployed} in {days} days"),
        _figure("Lead time", _time(found.lead_time), "median, from build to every host"),
        _figure("Change failure rate", f"{rate:.0%}" if rate is not None else "no data", failed),
        _figure("Time to restore", _time(found.restore_time), f"median of {found.restored}{still}"),
    )
    cut = tag("p", soft("Only its newest 100 deployments are counted.")) if each.cut else None
    row = tag("div", figures, class_="lc-row")
    inside = (tag("h2", each.service), row, cut, unreadable_rows(each.unreadable))
    return tag("section", *inside, class_="lc-card", aria_label=f"DORA of {each.service}")


def _figure(title: str, value: str, beside: str) -> Markup:
    return tag("div", tag("span", title), tag("strong", value), soft(beside), class_="lc-figure")


def _time(found: timedelta | None) -> str:
    return lasting(found.total_seconds()) if found is not None else "no data"
