"""Hosts as tiles, a cluster a section; many clusters at once as rows that name the hosts with something amiss."""

from collections import Counter

from lifecycle.application.queries.hosts import ClusterHosts, HostsView, HostView
from lifecycle.console.components import badge, filters, show_button, soft, table, widget
from lifecycle.console.context import ViewContext
from lifecycle.console.html import Child, Markup, tag
from lifecycle.console.status_styles import cluster_state, host_tone
from lifecycle.console.theme import Tone
from lifecycle.domain.time_format import ago, time_of_day

# Tiles of one cluster; a larger one is told by its numbers, with the tiles of those that are not as they should be.
_TILES = 60
_NAMED = 5


def draw_hosts(found: HostsView, context: ViewContext) -> Markup:
    """The clusters of a page, in full where they are few."""
    parts: list[Child] = [filters(context, found.page)]
    in_full = [each for each in found.clusters if each.in_full]
    summed = [each for each in found.clusters if not each.in_full]
    parts += [_section(each, context) for each in in_full]
    if summed:
        columns = ("cluster", "version", "deployment", "hosts", "not as they should be", "")
        parts.append(table("Clusters", columns, [_row(each, context) for each in summed]))
        parts.append(tag("p", soft("The load balancer is asked when a service is chosen.")))
    if not found.clusters:
        parts.append(
            tag("p", "There is no cluster yet: deploy the stack of one, and start an agent on each host.")
        )
    return widget(context, parts)


def _section(each: ClusterHosts, context: ViewContext) -> Markup:
    hosts = sorted(each.hosts, key=lambda host: host.report.host)
    shown = (
        hosts
        if len(hosts) <= _TILES
        else [host for host in hosts if host_tone(host)[0] is not Tone.GOOD][:_TILES]
    )
    tiles = tag("div", (_tile(host, each, context) for host in shown), class_="lc-row", role="list")
    more: Child = None
    if len(shown) < len(hosts):
        more = tag(
            "p", soft(f"{len(hosts) - len(shown)} of {len(hosts)} hosts are not shown: {_counts(each)}")
        )
    return tag(
        "section",
        tag("h2", str(each.view.cluster)),
        tag("p", _headline(each)),
        tag("p", badge(Tone.WARN, "frozen"), " ", each.frozen) if each.frozen else None,
        tag("p", badge(Tone.WARN, "load balancer"), " ", each.trouble) if each.trouble else None,
        tiles if hosts else tag("p", "It has no hosts: start an agent on each."),
        more,
        class_="lc-card",
        aria_label=f"Hosts of {each.view.cluster}",
    )


def _headline(each: ClusterHosts) -> list[Child]:
    state, view = cluster_state(each.view), each.view
    verified = f"{view.verified.version} verified" if view.verified else "no version verified yet"
    to = f" {view.running.target.version}" if view.running else ""
    return [verified, "; ", state, to, "; " if state else None, _counts(each)]


def _counts(each: ClusterHosts) -> str:
    found = Counter(host_tone(host)[1] for host in each.hosts)
    told = ", ".join(f"{count} {word}" for word, count in found.most_common())
    return f"{len(each.hosts)} hosts: {told}" if told else "no hosts"


def _tile(host: HostView, each: ClusterHosts, context: ViewContext) -> Markup:
    tone, word = host_tone(host)
    report = host.report
    lines: list[Child] = [
        tag("p", tag("strong", report.host)),
        tag("p", badge(tone, word)),
        tag("p", report.installed or "nothing installed"),
        tag("p", soft(f"zone {report.zone or 'unknown'}, heard {ago(report.seen_at, context.now)}")),
    ]
    if turn := _turn(host, each):
        lines.append(tag("p", soft(turn)))
    lines += [tag("p", tag("small", why)) for why in _whys(host)]
    return tag("div", lines, class_=f"lc-tile lc-{tone}", role="listitem")


def _turn(host: HostView, each: ClusterHosts) -> str:
    """Its turn in the deployment that runs, and how far its agent is."""
    report, running = host.report, each.view.running
    if running is None or report.deployment != running.id:
        return ""
    return f"turn: {report.order}, attempt {report.attempt}, {report.stage}"


def _whys(host: HostView) -> list[str]:
    whys = []
    if host.quarantined:
        whys.append(host.quarantined)
    if host.unreachable_since:
        whys.append(f"agent silent since {time_of_day(host.unreachable_since)} UTC")
    if host.attempt and host.attempt.reason:
        whys.append(host.attempt.reason)
    elif host.drift:
        whys.append(f"it {host.drift}")
    return whys


def _row(each: ClusterHosts, context: ViewContext) -> list[Child]:
    view = each.view
    amiss = [host for host in each.hosts if host_tone(host)[0] in (Tone.BAD, Tone.WARN)]
    named = ", ".join(f"{host.report.host} ({host_tone(host)[1]})" for host in amiss[:_NAMED])
    more = f" and {len(amiss) - _NAMED} more" if len(amiss) > _NAMED else ""
    cluster = view.cluster
    versions = Counter(host.report.installed or "nothing" for host in each.hosts)
    told = ", ".join(f"{version} on {count}" for version, count in versions.most_common(3))
    return [
        [str(cluster), tag("p", badge(Tone.WARN, "frozen")) if each.frozen else None],
        told or "-",
        cluster_state(view) or "-",
        str(len(each.hosts)),
        f"{named}{more}" or "-",
        show_button(context, "Hosts", service=cluster.service, environment=cluster.environment),
    ]
