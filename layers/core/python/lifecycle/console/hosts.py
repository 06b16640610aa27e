"""The widget of services and hosts: a section of tiles for each cluster, or the matrix where there are many.

Drawn for functions/console/show_clusters.
"""

from collections import Counter

from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.queries.fact_words import attention_words, command_words
from lifecycle.application.queries.hand_made_words import interruption_words, strays_words
from lifecycle.application.queries.host_status import host_status
from lifecycle.application.queries.hosts import ClusterHosts, HostsView, HostView, remove_permission
from lifecycle.application.queries.matrix import Cell
from lifecycle.application.queries.state_words import Tone
from lifecycle.console.components import (
    badge,
    confirm_button,
    filters,
    refused_button,
    soft,
    unreadable_rows,
    widget,
)
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.matrix import back_to_all, cell_sentence, draw_matrix
from lifecycle.console.status_styles import permission_badge, status_badge
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.listing import counted
from lifecycle.domain.time_format import ago, time_of_day

# The most tiles of one cluster. A larger one shows its numbers, and the tiles of hosts that need attention.
_TILES = 60


def draw_hosts(found: HostsView, context: ViewContext) -> Markup:
    """Draw the clusters of a page, host by host where they are few."""
    if found.cells and not found.clusters:
        return widget(context, draw_matrix(found, context), unreadable_rows(found.unreadable))
    parts: list[Child] = [back_to_all(found, context), filters(context, found.page)]
    parts += [_section(each, found.cells[each.view.cluster], context) for each in found.clusters]
    if not found.clusters:
        parts.append(tag("p", "There is no cluster yet: deploy the stack of one, and start an agent on each host."))
    return widget(context, parts)


def _section(each: ClusterHosts, cell: Cell, context: ViewContext) -> Markup:
    hosts = each.hosts
    shown = (
        hosts
        if len(hosts) <= _TILES
        else [host for host in hosts if host_status(host).tone is not Tone.GOOD][:_TILES]
    )
    tiles = tag("div", (_tile(host, each, context) for host in shown), class_="lc-row", role="list")
    more: Child = None
    if len(shown) < len(hosts):
        more = tag(
            "p", soft(f"{len(hosts) - len(shown)} of {counted(len(hosts), 'host')} are not shown: {_counts(each)}")
        )
    return tag(
        "section",
        tag("h2", str(each.view.cluster)),
        tag("p", cell_sentence(cell, context)),
        tag("p", _headline(each)),
        [tag("p", badge(Tone.WARN, "frozen"), " ", why) for why in each.frozen],
        tag("p", badge(Tone.WARN, "load balancer"), " ", each.trouble) if each.trouble else None,
        tag("p", badge(Tone.BAD, "held"), " ", each.nobodys.held) if each.nobodys else None,
        _interruption(each.view),
        _strays(each),
        unreadable_rows(each.unreadable),
        tiles if hosts else tag("p", "no hosts: start an agent on each"),
        more,
        _quarantines(each, context),
        tag("div", confirm_button(context, "Converge", {"action": "converge", **_of(each)}), class_="lc-bar"),
        class_="lc-card",
        aria_label=f"Hosts of {each.view.cluster}",
    )


def _of(each: ClusterHosts) -> dict[str, str]:
    """Return the parameters by which a button names its cluster."""
    return {"service": each.view.cluster.service, "environment": each.view.cluster.environment}


def _quarantines(each: ClusterHosts, context: ViewContext) -> Child:
    """Draw the quarantined versions and configurations; a host's quarantine is on its tile."""
    rows = [
        tag("li", badge(Tone.BAD, "quarantined"), f" {name}: {why} ", _unquarantine(each, name, context))
        for name, why in sorted(each.quarantined_versions.items())
    ]
    return tag("ul", rows) if rows else None


def _unquarantine(each: ClusterHosts, name: str, context: ViewContext) -> Markup:
    return confirm_button(context, "Unquarantine", {"action": "unquarantine", "subject": name, **_of(each)})


def _host_actions(host: HostView, each: ClusterHosts, context: ViewContext) -> Markup:
    """Draw what an operator may do about one host; its removal only where the host shows no sign of life."""
    name = host.report.host
    params = {"subject": name, **_of(each)}
    if host.quarantined:
        buttons: list[Child] = [_unquarantine(each, name, context)]
    else:
        buttons = [confirm_button(context, "Quarantine", {"action": "quarantine", **params})]
    if host.unreachable_since or isinstance(host.report, UnreadableReport):
        may = remove_permission(context.now, host)
        text, remove = "Remove host", {"action": "remove_host", **params}
        why: list[Child] = [permission_badge(may), " ", soft(may.why)]
        buttons.append(confirm_button(context, text, remove) if may.allowed else refused_button(text, why))
    return tag("details", tag("summary", f"Actions on {name}"), tag("div", buttons, class_="lc-row"))


def _interruption(view: ClusterView) -> Child:
    if view.running is None or view.interrupted is None:
        return None
    return tag("p", interruption_words(view.running, view.interrupted))


def _strays(each: ClusterHosts) -> Child:
    if not each.strays.targets:
        return None
    return tag("p", badge(Tone.BAD, "unknown targets"), " ", strays_words(each.strays))


def _headline(each: ClusterHosts) -> str:
    verified = "" if each.view.verified else "no version verified yet; "
    attention = attention_words(each)
    return f"{verified}{_counts(each)}{f'; attention: {attention}' if attention else ''}"


def _counts(each: ClusterHosts) -> str:
    found = Counter(host_status(host).word for host in each.hosts)
    counts = ", ".join(f"{count} {word}" for word, count in found.most_common())
    strange = f", and {each.answering_strays} more answer" if each.answering_strays else ""
    hosts = counted(len(each.hosts), "host")
    return f"{hosts}: {counts}{strange}" if counts else f"no hosts{strange}"


def _tile(host: HostView, each: ClusterHosts, context: ViewContext) -> Markup:
    status, report = host_status(host), host.report
    lines: list[Child] = [
        tag("p", tag("strong", report.host)),
        tag("p", status_badge(status)),
        tag("p", report.installed or _nothing(report)),
    ]
    if not isinstance(report, UnreadableReport):
        seen = f"zone {report.zone or 'unknown'}, last report {ago(report.seen_at, context.now)}"
        lines.append(tag("p", soft(seen)))
    if turn := command_words(report, each.view.running):
        lines.append(tag("p", soft(turn)))
    lines += [tag("p", tag("small", why)) for why in _whys(host)]
    lines.append(_host_actions(host, each, context))
    return tag("div", lines, class_=f"lc-tile lc-{status.tone}", role="listitem")


def _nothing(report: HostReport) -> str:
    return "unknown" if isinstance(report, UnreadableReport) else "nothing installed"


def _whys(host: HostView) -> list[str]:
    whys = []
    if host.quarantined:
        whys.append(host.quarantined)
    if isinstance(host.report, UnreadableReport):
        return [*whys, host.report.why]
    if host.unreachable_since:
        whys.append(f"agent unreachable since {time_of_day(host.unreachable_since)} UTC")
    if host.clock_problem:
        whys.append(host.clock_problem)
    if host.attempt and host.attempt.reason:
        whys.append(host.attempt.reason)
    elif host.drift:
        whys.append(f"it {host.drift}")
    return whys
