"""`lifecycle plan`, `deploy` and `rollback`: what would be done to a cluster, and doing it."""

from enum import StrEnum
from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.command import ServiceName, Watch, Yes, connected
from apps.cli.page import Page
from apps.cli.plans import plan_facts, previewed, show_plan
from apps.cli.ports import Connection
from apps.cli.starting import How, finish, request_for, start
from lifecycle.application.observe import REMEMBERED
from lifecycle.domain.deployment import Deployment, DeploymentState, Kind, Obstacle
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet import Cluster, service_name
from lifecycle.domain.questions import Choice


class Environment(StrEnum):
    """Where to."""

    STAGING = "staging"
    PRODUCTION = "production"


Version = Annotated[
    str,
    typer.Argument(
        metavar="VERSION",
        help="A release or a snapshot; the newest release in production, the newest snapshot in staging.",
    ),
]
Where = Annotated[Environment, typer.Option("--environment", "-e", help="Which cluster.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the trail.")]
Quarantined = Annotated[
    bool, typer.Option("--even-if-quarantined", help="Even a version that was rolled back here.")
]


def _despite(*, quarantine: bool) -> tuple[Obstacle, ...]:
    return (Obstacle.QUARANTINE,) if quarantine else ()


@connected("plan hello", "plan hello 1.4.2", "plan hello -e staging --json")
def plan(
    page: Page,
    here: Connection,
    service: ServiceName,
    version: Version = "",
    environment: Where = Environment.PRODUCTION,
    *,
    even_if_quarantined: Quarantined = False,
) -> int:
    """Show what a deployment would do: host order, checks, expected time, and what stands against it."""
    cluster = Cluster(environment.value, service_name(service))
    wanted = resolve.version_for(here, cluster, version)
    asked = request_for(here, cluster, wanted, "", despite=_despite(quarantine=even_if_quarantined))
    seen = previewed(here, asked)
    page.facts(plan_facts(seen))
    show_plan(page, seen)
    if seen.plan.refusals:
        return 1
    if not seen.nothing_to_do:
        page.say(f"next: {here.command(f'deploy {service} {wanted} --environment {environment.value}')}")
    return 0


@connected(
    "deploy hello",
    "deploy hello 1.4.2 --reason 'new prices'",
    "deploy hello --environment staging --yes --no-watch",
)
def deploy(
    page: Page,
    here: Connection,
    service: ServiceName,
    version: Version = "",
    environment: Where = Environment.PRODUCTION,
    *,
    reason: Reason = "",
    even_if_quarantined: Quarantined = False,
    yes: Yes = False,
    watch: Watch = True,
) -> int:
    """Show the plan, ask, and roll the version out one host at a time; watch it until it ends or halts."""
    cluster = Cluster(environment.value, service_name(service))
    wanted = resolve.version_for(here, cluster, version)
    request = request_for(here, cluster, wanted, reason, despite=_despite(quarantine=even_if_quarantined))
    return start(page, here, request, How(yes, watch))


@connected("rollback hello --reason 'prices are wrong'", "rollback hello --environment staging --yes")
def rollback(
    page: Page,
    here: Connection,
    service: ServiceName,
    environment: Where = Environment.PRODUCTION,
    *,
    reason: Reason = "",
    yes: Yes = False,
    watch: Watch = True,
) -> int:
    """Go back: a running deployment before its next host, else to the version verified before this one."""
    cluster, how = Cluster(environment.value, service_name(service)), How(yes, watch)
    lease = here.world.leases.current(cluster)
    if not lease.deployment:
        return _to_previous(page, here, cluster, reason, how)
    running = here.world.deployments.get(cluster, lease.deployment)
    if running is None:
        raise Refused("the rollback", [f"{lease.deployment} is only being planned; try again in a moment"])
    return _of_running(page, here, running, reason, how)


def _of_running(page: Page, here: Connection, running: Deployment, reason: str, how: How) -> int:
    back = running.previous.version if running.previous else "nothing"
    page.say(f"running: {running.id}, {running.target.version}, {running.state}; it goes back to {back}")
    if not how.yes and not page.confirm(f"Roll {running.id} back?"):
        page.say("nothing was done")
        return 1
    asked = {
        "deployment": running.id,
        "service": running.cluster.service,
        "environment": running.cluster.environment,
        "choice": str(Choice.ROLL_BACK),
        "by": here.by,
        "why": reason,
    }
    here.functions.call("decide", asked)
    page.say(f"recorded: ROLL_BACK of {running.id} by {here.by}; it takes effect before the next host")
    return finish(page, here, running.id, {"rollback_of": running.id}, how, rollback=True)


def _to_previous(page: Page, here: Connection, cluster: Cluster, reason: str, how: How) -> int:
    recent = list(here.world.deployments.recent(cluster, REMEMBERED))
    bad = _standing(here, cluster, recent)
    if bad is None:
        raise Refused(f"the rollback of {cluster}", ["nothing was ever deployed there"])
    quarantined = here.world.fleet.quarantined(cluster)
    good = [
        each.target.version
        for each in recent
        if each.state is DeploymentState.DONE
        and each.target.version not in {bad.target.version, *quarantined}
    ]
    if not good:
        why = f"no version but {bad.target.version} was ever verified there, or it is quarantined"
        raise Refused(f"the rollback of {cluster}", [why])
    page.say(f"roll back: {bad.id}, {bad.target.version}, {bad.state}")
    request = request_for(here, cluster, good[0], reason, kind=Kind.ROLLBACK, rollback_of=bad.id)
    return start(page, here, request, how)


def _standing(here: Connection, cluster: Cluster, recent: list[Deployment]) -> Deployment | None:
    """The deployment whose version is desired now; an aborted one too, for it is what has to be undone."""
    desired = here.world.registry.desired(cluster)
    named = here.world.deployments.get(cluster, desired.deployment) if desired else None
    return named or next(iter(recent), None)
