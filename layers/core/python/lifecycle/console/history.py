"""What happened lately: deployments, and the trail of who did what and why."""

from lifecycle.application.queries.history import HistoryView
from lifecycle.console.components import filters, soft, table, widget
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.status_styles import deployment_badge, kind_of
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.time_format import lasting, moment


def draw_history(found: HistoryView, context: ViewContext) -> Markup:
    """The newest first."""
    parts: list[Child] = [filters(context, found.page)]
    if not found.deployments and not found.audit_entries:
        return widget(context, parts, tag("p", "Nothing was deployed yet."))
    columns = ("began (UTC)", "cluster", "kind", "version", "state", "took", "by", "why")
    parts.append(table("Deployments", columns, [_deployment(each) for each in found.deployments]))
    told = ("time (UTC)", "cluster", "what", "by", "why")
    parts.append(table("Trail: who did what, and why", told, [_entry(each) for each in found.audit_entries]))
    return widget(context, parts)


def _deployment(each: Deployment) -> list[Child]:
    took = lasting((each.finished_at - each.started_at).total_seconds()) if each.finished_at else "-"
    asked, ended = each.request.reason, each.reason
    why: list[Child] = [asked, tag("p", soft(ended)) if ended else None]
    return [
        moment(each.started_at),
        str(each.cluster),
        kind_of(each),
        each.target.version,
        deployment_badge(each),
        took,
        each.request.requested_by,
        why,
    ]


def _entry(each: AuditEntry) -> list[Child]:
    what = f"{each.host}: {each.what}" if each.host else each.what
    return [moment(each.at), each.cluster, [what, tag("p", soft(each.deployment))], each.who, each.why or "-"]
