"""`lifecycle hosts` and `lifecycle converge`: hosts, their drift from the desired version, and repairs."""

from datetime import datetime
from typing import Any

from apps.cli import resolve
from apps.cli.command import MaybeService, Redraw, connected
from apps.cli.options import environment_flag
from apps.cli.output.cluster_view import ClusterStatus, cluster_statuses, desired_quarantined_words
from apps.cli.output.layout import Cell
from apps.cli.output.printer import Printer
from apps.cli.output.text import ago, one_line, when
from apps.cli.output.unreadable import show_unreadable
from apps.cli.ports import Connection
from apps.cli.watch.redraw import redraw
from lifecycle.application.queries.host_status import host_status
from lifecycle.application.queries.hosts import HostView
from lifecycle.application.queries.state_words import CONVERGENCES, SELF_TESTS, TARGETS, Status
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.names import logs_command

# The first to go on a narrow terminal.
_DROP = ("zone", "address", "self-test", "drift", "agent seen")


@connected("hosts", "hosts hello --watch", "hosts hello --json")
def hosts(printer: Printer, connection: Connection, service: MaybeService = "", *, watch: Redraw = False) -> int:
    """Show every host: installed version, rotation, self-test, agent, drift and state."""
    if watch:
        return redraw(printer, connection, lambda picture: _show(picture, connection, service))
    return _show(printer, connection, service)


def _show(printer: Printer, connection: Connection, service: str) -> int:
    clusters = cluster_statuses(connection, resolve.known_clusters(connection, service), (), in_full=True)
    found = [_cluster(connection, each) for each in clusters]
    printer.facts({"clusters": found})
    columns = ("host", "address", "zone", "installed", "rotation", "self-test", "agent seen", "drift", "state")
    for each, cluster in zip(found, clusters, strict=True):
        desired = cluster.desired.target.in_words if cluster.desired else "nothing yet"
        printer.line(f"\n{each['cluster']}, desired: {desired}", "bold")
        printer.table(columns, [_row(*both) for both in zip(each["hosts"], cluster.hosts, strict=True)], _DROP)
        if not each["hosts"]:
            printer.line("no hosts: start an agent on each")
        if each["desired_quarantined"]:
            printer.line(desired_quarantined_words(cluster), "bold red")
        if each["trouble"]:
            printer.line(f"the load balancer could not be read: {each['trouble']}", "yellow")
        for host in each["hosts"]:
            _show_trouble(printer, connection, each["cluster"], host)
        show_unreadable(printer, cluster.unreadable)
    if any(each["deployment"] for each in found):
        printer.line(f"\nnext: {connection.command(f'status {service}'.strip())}")
    elif any(_repairable(host) for each in found for host in each["hosts"]):
        printer.line(f"\nnext: {connection.command(f'converge {service}'.strip())}")
    return 0


def _repairable(host: dict[str, Any]) -> bool:
    """Return True if convergence would repair the host's drift."""
    return bool(host["drift"]) and not (host["quarantined"] or host["skipped_hosts"])


def _cluster(connection: Connection, found: ClusterStatus) -> dict[str, Any]:
    return {
        "cluster": str(found.view.cluster),
        "desired": found.desired.version if found.desired else None,
        "config": found.desired.config if found.desired else None,
        "deployment": found.view.lease.deployment or None,
        "desired_quarantined": found.desired_quarantined or None,
        "trouble": found.trouble or None,
        "unreadable": list(found.unreadable),
        "hosts": [_host(connection, host) for host in found.hosts],
    }


def _host(connection: Connection, host: HostView) -> dict[str, Any]:
    now = connection.context.clock.now()
    report, unreachable = host.report, host.unreachable_since
    known = not isinstance(report, UnreadableReport)
    test = _self_test(report)
    return {
        "host": report.host,
        "address": (f"{report.address}:{report.port}" if report.port else report.address) if known else "-",
        "zone": report.zone,
        "installed": report.installed or None,
        "digest": report.digest or None,
        "config": report.config,
        "running": report.running if known else None,
        "self_test": test.word if test else None,
        "seen_at": report.seen_at.isoformat() if known else None,
        "seen": ("unreachable, " if unreachable else "") + ago(report.seen_at, now) if known else "unknown",
        "silent": unreachable is not None and known,
        "silent_since": unreachable.isoformat() if unreachable and known else None,
        "clock": host.clock_problem or None,
        "stage": str(report.stage),
        "balancer": str(host.state) if host.state else None,
        "drift": host.drift or None,
        "skipped_hosts": host.skipped,
        "quarantined": host.quarantined or None,
        "state": host_status(host).word,
    }


def _self_test(report: HostReport) -> Status | None:
    """Return the result of the self-test, if it tested the installed bytes since the service started."""
    test = report.self_test
    if test is None or (test.digest, test.boot) != (report.digest, report.boot):
        return None
    return SELF_TESTS[test.passed]


def _row(host: dict[str, Any], view: HostView) -> list[Cell]:
    config = f" with config {host['config']}" if host["config"] and host["running"] else ""
    installed = f"{host['installed'] or 'nothing'}{config}{'' if host['running'] else ' (stopped)'}"
    if host["running"] is None:
        installed = "unknown"
    return [
        host["host"],
        host["address"],
        host["zone"] or "-",
        installed,
        TARGETS[view.state] if view.state else "-",
        _self_test(view.report) or "-",
        host["seen"],
        host["drift"] or "-",
        host_status(view),
    ]


def _show_trouble(printer: Printer, connection: Connection, cluster: str, host: dict[str, Any]) -> None:
    """Show why a host is left out or unreachable, and the commands for it."""
    found = Cluster.parse(cluster)
    arguments = f"{found.service} {host['host']}{environment_flag(found)} --why '...'"
    if host["installed"] and host["running"] is False:
        shown = logs_command(found.environment, found.service, host["host"])
        printer.line(f"{host['host']}: its service does not run; its log: {connection.command(shown)}", "yellow")
    if host["quarantined"]:
        printer.line(f"{host['host']} is quarantined: {one_line(host['quarantined'], 1000)}", "yellow")
        printer.line(f"  {connection.command(f'unquarantine {arguments}')}")
    elif host["skipped_hosts"] and host["drift"]:
        printer.line(f"{host['host']} was left out by a decision; the next deployment includes it again")
    if host["clock"]:
        printer.line(f"{host['host']}: {host['clock']}: set it", "yellow")
    if host["silent"]:
        since = when(datetime.fromisoformat(host["silent_since"]), connection.context.clock.now())
        healthy = host["balancer"] is not None and TargetState(host["balancer"]).serves
        serves = "; its service is still healthy" if healthy else ""
        printer.line(f"{host['host']}: agent unreachable since {since}{serves}", "yellow")
        printer.line(
            "  start the agent, or remove the host if its machine is gone: "
            f"{connection.command(f'remove-host {arguments}')}"
        )


@connected("converge", "converge hello")
def converge(printer: Printer, connection: Connection, service: MaybeService = "") -> int:
    """Compare desired with installed versions now, and start a repair of any drift."""
    asked: list[dict[str, str]] = [{"requested_by": connection.by}]
    if service:
        clusters = resolve.known_clusters(connection, service)
        asked = [{**asked[0], "service": each.service, "environment": each.environment} for each in clusters]
    results = [each for payload in asked for each in connection.functions.call("repair", payload)]
    printer.facts({"results": results})
    printer.table(("cluster", "result", "why"), [_result(each) for each in results])
    if not results:
        printer.line("nothing to converge: no version was ever deployed")
    for each in results:
        if each.get("deployment"):
            printer.line(f"next: {connection.command('watch ' + each['deployment'])}")
    return 0


def _result(found: dict[str, str]) -> list[Cell]:
    return [found["cluster"], CONVERGENCES.get(found["kind"], found["kind"]), one_line(found["reason"], 400)]
