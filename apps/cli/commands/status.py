"""`lifecycle status`: what runs where, who deploys it, what waits for whom, and what is frozen."""

from typing import Any

from apps.cli import resolve
from apps.cli.command import MaybeService, connected
from apps.cli.freeze_scope import lift_line
from apps.cli.output.decision_view import answers, asked, what_now
from apps.cli.output.printer import Page
from apps.cli.output.text import ahead, moment, one_line
from apps.cli.ports import Connection, Run
from apps.cli.standing import Standing, facts, standing
from lifecycle.domain.service.policy import OnAlarm


@connected("status", "status hello", "status --json")
def status(page: Page, here: Connection, service: MaybeService = "") -> int:
    """Show every cluster: what is desired, what runs, what is deployed, and what waits for an answer."""
    clusters, freezes = resolve.known_clusters(here, service), here.context.freezes.standing()
    found = [standing(here, cluster, freezes) for cluster in clusters]
    runs = [
        run for run in here.runs.deliveries(running=True) if not service or run.name.startswith(f"{service}-")
    ]
    page.facts({"clusters": [facts(each, here) for each in found], "runs": [_run_facts(run) for run in runs]})
    if not found:
        page.say("there is no cluster yet")
    page.table(("cluster", "desired", "running", "healthy", "deployment"), [_row(each) for each in found])
    _show_frozen(page, here, found)
    for each in found:
        _show_cluster(page, here, each)
    for run in runs:
        page.say(f"\nbuilding: {run.name}, since {moment(run.started_at)} UTC")
        page.say(f"  {here.command(f'watch --run {run.name}')}")
    return 0


def _row(found: Standing) -> list[str]:
    runs = ", ".join(f"{version} on {count}" for version, count in sorted(found.runs.items()))
    state = f"{found.unsettled.state}" if found.unsettled else "-"
    if found.lease.deployment:
        state = str(found.deployment.state) if found.deployment else "planning"
    desired = found.desired.version if found.desired else "-"
    return [
        str(found.cluster),
        desired,
        runs or "no hosts",
        f"{found.healthy} of {len(found.reports)}",
        state,
    ]


def _show_frozen(page: Page, here: Connection, found: list[Standing]) -> None:
    """Each reason once, however many clusters it freezes."""
    reasons = {why: scope for each in found for why, scope in each.frozen.items()}
    if reasons:
        page.say("")
    for why, scope in reasons.items():
        page.say(why, "bold yellow")
        if scope:
            page.say(f"  {here.command(lift_line(scope))}")


def _show_cluster(page: Page, here: Connection, found: Standing) -> None:
    """What ended badly, what runs, what waits behind it, and who is left out: with what can be typed."""
    if ended := found.unsettled:
        page.say("")
        page.say(f"{ended.id}: {ended.target.version}, {ended.state}: {one_line(ended.reason, 2000)}", "bold")
        for line in what_now(ended, here.command)[1:]:  # the first is this command
            page.say(f"  {line}")
    if (until := found.watched(here)) and found.last:
        does = "rolls it back" if found.last.policy.on_alarm is OnAlarm.ROLL_BACK else "is told of"
        page.say("")
        page.say(f"{found.last.id} is watched until {moment(until)} UTC: an alarm {does}")
    if found.lease.deployment:
        page.say("")
        _show_deployment(page, here, found)
    if found.waiting:
        request = found.waiting.request
        page.say("")
        told = f"{request.deployment}: {request.version}, QUEUED, since {moment(found.waiting.since)} UTC"
        why = f": {one_line(request.reason, 400)}" if request.reason else ""
        page.say(f"{told}, asked for by {request.requested_by}{why}", "bold")
        page.say(f"  {here.command(f'watch {request.deployment}')}")
    asked_about = {question.host for question in found.questions}
    for host, why in found.bad_hosts.items():
        if host in asked_about:
            continue
        page.say("")
        page.say(f"{host} of {found.cluster} is quarantined: {one_line(why, 1000)}", "bold")
        page.say(f"  {here.command(f'hosts {found.cluster.service}')}")


def _show_deployment(page: Page, here: Connection, found: Standing) -> None:
    current, lease, now = found.deployment, found.lease, here.context.clock.now()
    if current is None:
        page.say(f"{found.cluster}: {lease.deployment} is being planned", "bold")
    else:
        told = (
            f"{current.id}: {current.target.version}, {current.state}, since {moment(current.started_at)} UTC"
        )
        page.say(f"{told}, asked for by {current.request.requested_by}", "bold")
    until = (
        f"; the lease ends {ahead(lease.expires_at, now)}, unless it is renewed" if lease.expires_at else ""
    )
    page.say(f"  has the lease since {moment(lease.since)} UTC{until}")
    if current and not found.questions:
        page.say(f"  {one_line(current.reason, 400)}" if current.reason else "  begins")
    for question in found.questions:
        for line in (*asked(question, now), *answers(question, here.command)):
            page.say(line)
    if not found.questions:
        page.say(f"  {here.command(f'watch {lease.deployment}')}")


def _run_facts(run: Run) -> dict[str, Any]:
    return {"run": run.name, "status": run.status, "started_at": run.started_at.isoformat()}
