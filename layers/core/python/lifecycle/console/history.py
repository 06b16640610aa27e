"""The widget of history: deployments, and the trail of who did what and why.

Drawn for functions/console/show_history.
"""

from lifecycle.application.queries.history import HistoryView
from lifecycle.application.queries.state_words import KINDS
from lifecycle.console.components import filters, rows_of, soft, unreadable_rows, widget
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.status_styles import deployment_badge
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.time_format import lasting, moment


def draw_history(found: HistoryView, context: ViewContext) -> Markup:
    """Draw the newest deployments, then the newest lines of the trail."""
    parts: list[Child] = [filters(context, found.page), unreadable_rows(found.unreadable)]
    if not found.deployments and not found.audit_entries:
        return widget(context, parts, tag("p", "Nothing was deployed yet."))
    columns = ("began (UTC)", "cluster", "kind", "version", "state", "took", "by", "why")
    parts.append(rows_of(context, "Deployments", columns, [_deployment(each) for each in found.deployments]))
    trail = ("time (UTC)", "cluster", "what", "by", "why")
    parts.append(
        rows_of(context, "Trail: who did what, and why", trail, [_entry(each) for each in found.audit_entries])
    )
    return widget(context, parts)


def _deployment(each: Deployment) -> list[Child]:
    took = lasting((each.finished_at - each.started_at).total_seconds()) if each.finished_at else "-"
    why: list[Child] = [each.request.reason, tag("p", soft(each.reason)) if each.reason else None]
    why.append(tag("p", soft(f"release command: {each.release_words}")) if each.release_words else None)
    return [
        moment(each.started_at),
        str(each.cluster),
        KINDS[each.request.kind],
        each.target.in_words,
        deployment_badge(each),
        took,
        each.request.requested_by,
        why,
    ]


def _entry(each: AuditEntry) -> list[Child]:
    what = f"{each.host}: {each.what}" if each.host else each.what
    return [moment(each.at), each.cluster, [what, tag("p", soft(each.deployment))], each.who, each.why or "-"]
