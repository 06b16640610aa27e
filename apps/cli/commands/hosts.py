"""`lifecycle hosts` and `lifecycle converge`: each host against what is desired, and repairing what drifted."""

from datetime import datetime
from typing import Any

from apps.cli import resolve
from apps.cli.command import MaybeService, connected
from apps.cli.output.printer import Page
from apps.cli.output.text import ago, moment, one_line
from apps.cli.ports import Connection
from lifecycle.application.rollout import observe
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import TargetState, state_of
from lifecycle.domain.service.target import Target


@connected("hosts", "hosts hello --json")
def hosts(page: Page, here: Connection, service: MaybeService = "") -> int:
    """Show every host: what is installed, its state in the load balancer, its self-test, its agent, its drift."""
    found = [_cluster(here, cluster) for cluster in resolve.known_clusters(here, service)]
    page.facts({"clusters": found})
    columns = ("host", "address", "zone", "installed", "balancer", "self-test", "agent seen", "drift")
    for each in found:
        page.say("")
        page.say(f"{each['cluster']}, desired: {each['desired'] or 'nothing yet'}", "bold")
        page.table(columns, [_row(host) for host in each["hosts"]])
        if not each["hosts"]:
            page.say("no hosts: start an agent on each")
        for host in each["hosts"]:
            _show_trouble(page, here, each["cluster"], host)
    if any(each["deployment"] for each in found):
        page.say("")
        page.say(f"next: {here.command(f'status {service}'.strip())}")
    elif any(_repairable(host) for each in found for host in each["hosts"]):
        page.say("")
        page.say(f"next: {here.command(f'converge {service}'.strip())}")
    return 0


def _repairable(host: dict[str, Any]) -> bool:
    """Whether convergence would look after its drift."""
    return bool(host["drift"]) and not (host["quarantined"] or host["skipped_hosts"])


def _cluster(here: Connection, cluster: Cluster) -> dict[str, Any]:
    context = here.context
    reports = context.fleet.reports(cluster)
    rotation = observe.rotation(context, cluster, reports)
    desired = context.registry.desired(cluster)
    target = Target(desired.version, desired.digest) if desired else None
    last = context.deployments.get(cluster, desired.deployment) if desired else None
    aside, bad = last.skipped_hosts if last else (), context.fleet.quarantined_hosts(cluster)
    return {
        "cluster": str(cluster),
        "desired": desired.version if desired else None,
        "deployment": context.leases.current(cluster).deployment or None,
        "hosts": [
            {
                **_host(here, report),
                "balancer": str(state_of(rotation, name)),
                "drift": drift_reason(report, state_of(rotation, name), target) if target else None,
                "skipped_hosts": name in aside,
                "quarantined": bad.get(name),
            }
            for name, report in sorted(reports.items())
        ],
    }


def _host(here: Connection, report: HostReport) -> dict[str, Any]:
    now = here.context.clock.now()
    test = report.self_test
    # A self-test counts for the bytes and the start of the service that it tested, for no other.
    current = test is not None and (test.digest, test.boot) == (report.digest, report.boot)
    silent = report.unreachable_since(now, here.context.heartbeat_timeout)
    return {
        "host": report.host,
        "address": f"{report.address}:{report.port}",
        "zone": report.zone,
        "installed": report.installed or None,
        "digest": report.digest or None,
        "running": report.running,
        "self_test": ("passed" if test.passed else "failed") if test and current else None,
        "seen_at": report.seen_at.isoformat(),
        "seen": ("silent, " if silent else "") + ago(report.seen_at, now),
        "silent": silent is not None,
        "silent_since": silent.isoformat() if silent else None,
        "stage": str(report.stage),
    }


def _row(host: dict[str, Any]) -> list[str]:
    drift = host["drift"] or "-"
    if host["quarantined"]:
        drift = "quarantined"
    elif host["skipped_hosts"]:
        drift = f"left out by a decision; {drift}"
    installed = f"{host['installed'] or 'nothing'}{'' if host['running'] else ' (stopped)'}"
    test = host["self_test"] or "-"
    return [
        host["host"],
        host["address"],
        host["zone"] or "-",
        installed,
        host["balancer"],
        test,
        host["seen"],
        drift,
    ]


def _show_trouble(page: Page, here: Connection, cluster: str, host: dict[str, Any]) -> None:
    """Why a host is left out or not heard, and what can be typed."""
    found = Cluster.parse(cluster)
    environment = "" if found.environment == "production" else f" --environment {found.environment}"
    typed = f"{found.service} {host['host']}{environment} --why '...'"
    if host["quarantined"]:
        page.say(f"{host['host']} is quarantined: {one_line(host['quarantined'], 1000)}", "yellow")
        page.say(f"  {here.command(f'unquarantine {typed}')}")
    elif host["skipped_hosts"] and host["drift"]:
        page.say(f"{host['host']} was left out by a decision; the next deployment takes it in again")
    if host["silent"]:
        since = moment(datetime.fromisoformat(host["silent_since"]))
        serves = "; its service is healthy all the same" if TargetState(host["balancer"]).serves else ""
        page.say(f"{host['host']}: agent silent since {since} UTC{serves}", "yellow")
        page.say(f"  start the agent; or, if the machine is gone: {here.command(f'remove-host {typed}')}")


@connected("converge", "converge hello")
def converge(page: Page, here: Connection, service: MaybeService = "") -> int:
    """Compare desired with installed now, and start what repairs the drift."""
    asked: list[dict[str, str]] = [{"requested_by": here.by}]
    if service:
        clusters = resolve.known_clusters(here, service)
        asked = [{**asked[0], "service": each.service, "environment": each.environment} for each in clusters]
    results = [each for payload in asked for each in here.functions.call("converge", payload)]
    page.facts({"results": results})
    page.table(("cluster", "result", "why"), [_result(each) for each in results])
    if not results:
        page.say("nothing was ever deployed, so there is nothing to converge to")
    for each in results:
        if each.get("deployment"):
            page.say(f"next: {here.command('watch ' + each['deployment'])}")
    return 0


def _result(found: dict[str, str]) -> list[str]:
    return [found["cluster"], found["kind"], one_line(found["reason"], 400)]
