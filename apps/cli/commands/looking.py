"""`lifecycle status` and `lifecycle history`: what runs where, what waits for whom, and what happened."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from apps.cli import resolve
from apps.cli.command import MaybeService, ServiceName, connected
from apps.cli.page import Page
from apps.cli.ports import Connection, Run
from apps.cli.questions import answers, asked, question_facts, what_now
from apps.cli.screen import trail_facts
from apps.cli.words import lasting, moment, one_line
from lifecycle.application import observe
from lifecycle.domain.capacity import TargetState
from lifecycle.domain.deployment import Deployment, DeploymentState, Desired, Lease
from lifecycle.domain.fleet import Cluster, HostReport
from lifecycle.domain.questions import Question


@dataclass(frozen=True, slots=True)
class Standing:
    """How one cluster stands."""

    cluster: Cluster
    desired: Desired | None
    reports: tuple[HostReport, ...]
    healthy: int
    lease: Lease
    deployment: Deployment | None
    question: Question | None
    last: Deployment | None = None

    @property
    def unsettled(self) -> Deployment | None:
        """What ended last, if it did not end well: the cluster may be left between two versions."""
        free = not self.lease.deployment
        return self.last if free and self.last and self.last.state is not DeploymentState.DONE else None

    @property
    def runs(self) -> dict[str, int]:
        """How many hosts run each version."""
        return dict(Counter(r.installed if r.running and r.installed else "nothing" for r in self.reports))


@connected("status", "status hello", "status --json")
def status(page: Page, here: Connection, service: MaybeService = "") -> int:
    """Show every cluster: what is desired, what runs, what is deployed, and what waits for an answer."""
    clusters = resolve.known_clusters(here, service)
    found = [_standing(here, cluster) for cluster in clusters]
    runs = [
        run for run in here.runs.deliveries(running=True) if not service or run.name.startswith(f"{service}-")
    ]
    page.facts(
        {"clusters": [_facts(each, here) for each in found], "runs": [_run_facts(run) for run in runs]}
    )
    if not found:
        page.say("there is no cluster yet")
    page.table(("cluster", "desired", "running", "healthy", "deployment"), [_row(each) for each in found])
    for each in found:
        _show_deployment(page, here, each)
    for run in runs:
        page.say(f"\nbuilding: {run.name}, since {moment(run.started_at)} UTC")
        page.say(f"  {here.command(f'watch --run {run.name}')}")
    return 0


def _standing(here: Connection, cluster: Cluster) -> Standing:
    world = here.world
    reports = world.fleet.reports(cluster)
    rotation = observe.rotation(world, cluster, reports)
    lease = world.leases.current(cluster)
    running = world.deployments.get(cluster, lease.deployment) if lease.deployment else None
    desired = world.registry.desired(cluster)
    return Standing(
        cluster=cluster,
        desired=desired,
        reports=tuple(reports.values()),
        healthy=sum(state is TargetState.HEALTHY for state in rotation.values()),
        lease=lease,
        deployment=running,
        question=resolve.open_question(world.deployments.questions(running.id)) if running else None,
        last=world.deployments.get(cluster, desired.deployment) if desired else None,
    )


def _row(standing: Standing) -> list[str]:
    runs = ", ".join(f"{version} on {count}" for version, count in sorted(standing.runs.items()))
    state = f"{standing.unsettled.state}" if standing.unsettled else "-"
    if standing.lease.deployment:
        state = str(standing.deployment.state) if standing.deployment else "planning"
    desired = standing.desired.version if standing.desired else "-"
    return [
        str(standing.cluster),
        desired,
        runs or "no hosts",
        f"{standing.healthy} of {len(standing.reports)}",
        state,
    ]


def _show_deployment(page: Page, here: Connection, standing: Standing) -> None:
    """What runs, and when it waits: for what, and what can be typed."""
    if ended := standing.unsettled:
        page.say("")
        page.say(f"{ended.id}: {ended.target.version}, {ended.state}: {one_line(ended.reason, 2000)}", "bold")
        for line in what_now(ended, here.command):
            page.say(f"  {line}")
    if not standing.lease.deployment:
        return
    current = standing.deployment
    page.say("")
    if current is None:
        page.say(f"{standing.cluster}: {standing.lease.deployment} is being planned", "bold")
    else:
        told = (
            f"{current.id}: {current.target.version}, {current.state}, since {moment(current.started_at)} UTC"
        )
        page.say(f"{told}, asked for by {current.request.requested_by}", "bold")
    if standing.question:
        for line in (*asked(standing.question), *answers(standing.question, here.command)):
            page.say(line)
    else:
        page.say(f"  {here.command(f'watch {standing.lease.deployment}')}")


def _facts(standing: Standing, here: Connection) -> dict[str, Any]:
    current, question = standing.deployment, standing.question
    return {
        "cluster": str(standing.cluster),
        "service": standing.cluster.service,
        "environment": standing.cluster.environment,
        "desired": standing.desired.version if standing.desired else None,
        "hosts": len(standing.reports),
        "healthy": standing.healthy,
        "running": standing.runs,
        "epoch": standing.lease.epoch,
        "deployment": _deployment_facts(current) if current else None,
        "lease": standing.lease.deployment or None,
        "last": _deployment_facts(standing.last) if standing.last else None,
        "question": question_facts(question, here.command) if question else None,
    }


def _run_facts(run: Run) -> dict[str, Any]:
    return {"run": run.name, "status": run.status, "started_at": run.started_at.isoformat()}


def _deployment_facts(each: Deployment) -> dict[str, Any]:
    return {
        "deployment": each.id,
        "cluster": str(each.cluster),
        "kind": str(each.request.kind),
        "version": each.target.version,
        "previous": each.previous.version if each.previous else None,
        "state": str(each.state),
        "why": each.reason,
        "epoch": each.epoch,
        "hosts": list(each.hosts),
        "set_aside": list(each.set_aside),
        "requested_by": each.request.requested_by,
        "reason": each.request.reason,
        "rollback_of": each.request.rollback_of,
        "started_at": each.started_at.isoformat(),
        "finished_at": each.finished_at.isoformat() if each.finished_at else None,
    }


@connected("history hello", "history hello --trail --limit 50")
def history(
    page: Page,
    here: Connection,
    service: ServiceName,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest.")] = 20,
    *,
    trail: Annotated[
        bool, typer.Option("--trail", help="Every recorded event, not only deployments.")
    ] = False,
) -> int:
    """List a service's deployments, the newest first; or the whole trail of who did what and why."""
    clusters = resolve.known_clusters(here, service)
    if trail:
        return _trail(page, here, clusters, limit)
    every = [each for cluster in clusters for each in here.world.deployments.recent(cluster, limit)]
    newest = sorted(every, key=lambda each: each.started_at, reverse=True)[:limit]
    page.facts({"service": service, "deployments": [_deployment_facts(each) for each in newest]})
    columns = ("began (utc)", "environment", "kind", "version", "state", "took", "by")
    page.table(columns, [_history_row(each) for each in newest])
    for each in newest[:1]:
        page.say(f"last: {each.id}: {one_line(each.reason or each.state, 400)}")
    if not newest:
        page.say(f"nothing of {service} was deployed yet")
    return 0


def _history_row(each: Deployment) -> list[str]:
    took = lasting((each.finished_at - each.started_at).total_seconds()) if each.finished_at else "-"
    environment, who = each.cluster.environment, each.request.requested_by
    kind, version = str(each.request.kind), each.target.version
    return [moment(each.started_at), environment, kind, version, str(each.state), took, one_line(who, 40)]


def _trail(page: Page, here: Connection, clusters: list[Cluster], limit: int) -> int:
    every = [entry for cluster in clusters for entry in here.world.trail.read(cluster, limit=limit)]
    newest = sorted(every, key=lambda entry: entry.at)[-limit:]
    page.facts({"trail": [{**trail_facts(entry), "cluster": entry.cluster} for entry in newest]})
    for entry in newest:
        who = "" if entry.who == "lifecycle" else f" by {one_line(entry.who, 60)}"
        why = f": {one_line(entry.why, 400)}" if entry.why else ""
        where = f"{entry.cluster} {entry.host}".strip()
        page.say(f"{moment(entry.at)}  {where}  {entry.what}{who}{why}")
    return 0
