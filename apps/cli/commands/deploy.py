"""`lifecycle plan`, `deploy` and `rollback`: what would be done to a cluster, and doing it."""

from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.command import ServiceName, Watch, Yes, connected
from apps.cli.options import Environment, InEnvironment, Reason
from apps.cli.output.plan_view import plan_facts, read_preview, show_plan
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from apps.cli.start import How, deploy_command, finish, new_request, start
from lifecycle.application.rollout.rollback import rollback_target
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster, service_name
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Override

Version = Annotated[
    str,
    typer.Argument(
        metavar="VERSION",
        help="A release or a snapshot; the newest release in production, the newest snapshot in staging.",
    ),
]
Quarantined = Annotated[
    bool, typer.Option("--even-if-quarantined", help="Even a version that was rolled back here.")
]
DespiteFreeze = Annotated[
    bool, typer.Option("--despite-freeze", help="Even where it is frozen; deploy wants a --reason with it.")
]
NoWayBack = Annotated[
    bool, typer.Option("--without-way-back", help="Even if the version before cannot be deployed again.")
]


def _despite(*, quarantine: bool, freeze: bool, no_rollback_target: bool) -> tuple[Override, ...]:
    said = {
        Override.QUARANTINE: quarantine,
        Override.FREEZE: freeze,
        Override.NO_ROLLBACK_TARGET: no_rollback_target,
    }
    return tuple(override for override, told in said.items() if told)


@connected("plan hello", "plan hello 1.4.2", "plan hello -e staging --json")
def plan(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    version: Version = "",
    environment: InEnvironment = Environment.PRODUCTION,
    *,
    even_if_quarantined: Quarantined = False,
    despite_freeze: DespiteFreeze = False,
    without_way_back: NoWayBack = False,
) -> int:
    """Show what a deployment would do: host order, checks, expected time, and what stands against it."""
    cluster = Cluster(environment.value, service_name(service))
    wanted = resolve.version_for(connection, cluster, version)
    overrides = _despite(
        quarantine=even_if_quarantined, freeze=despite_freeze, no_rollback_target=without_way_back
    )
    asked = new_request(connection, cluster, wanted, "", overrides=overrides)
    seen = read_preview(connection, asked)
    printer.facts(plan_facts(seen))
    show_plan(printer, seen)
    if seen.plan.blockers:
        return 1
    if not seen.nothing_to_do:
        printer.line(f"next: {connection.command(deploy_command(asked))}")
    return 0


@connected(
    "deploy hello",
    "deploy hello 1.4.2 --reason 'new prices'",
    "deploy hello --environment staging --yes --no-watch",
    "deploy hello 1.4.3 --despite-freeze --reason 'checkout is down, this mends it'",
)
def deploy(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    version: Version = "",
    environment: InEnvironment = Environment.PRODUCTION,
    *,
    reason: Reason = "",
    even_if_quarantined: Quarantined = False,
    despite_freeze: DespiteFreeze = False,
    without_way_back: NoWayBack = False,
    yes: Yes = False,
    watch: Watch = True,
) -> int:
    """Show the plan, ask, and roll the version out one host at a time; watch it until it ends or halts.

    While another deployment runs there it waits, and a newer one takes its place.
    """
    if despite_freeze and not reason.strip():
        why = "--despite-freeze needs a --reason: say why it cannot wait; the trail keeps it beside the override"
        raise Refused("the deployment", [why])
    cluster = Cluster(environment.value, service_name(service))
    wanted = resolve.version_for(connection, cluster, version)
    overrides = _despite(
        quarantine=even_if_quarantined, freeze=despite_freeze, no_rollback_target=without_way_back
    )
    request = new_request(connection, cluster, wanted, reason, overrides=overrides)
    return start(printer, connection, request, How(yes, watch))


@connected("rollback hello --reason 'prices are wrong'", "rollback hello --environment staging --yes")
def rollback(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    environment: InEnvironment = Environment.PRODUCTION,
    *,
    reason: Reason = "",
    yes: Yes = False,
    watch: Watch = True,
) -> int:
    """Go back: a running deployment before its next host, else to the version verified before this one."""
    cluster, how = Cluster(environment.value, service_name(service)), How(yes, watch)
    lease = connection.context.leases.current(cluster)
    if not lease.deployment:
        return _to_previous(printer, connection, cluster, reason, how)
    running = connection.context.deployments.get(cluster, lease.deployment)
    if running is None or running.state is DeploymentState.QUEUED:
        raise Refused("the rollback", [f"{lease.deployment} is only being planned; try again in a moment"])
    return _of_running(printer, connection, running, reason, how)


def _of_running(printer: Printer, connection: Connection, running: Deployment, reason: str, how: How) -> int:
    back = running.previous.version if running.previous else "nothing"
    printer.line(f"running: {running.id}, {running.target.version}, {running.state}; it goes back to {back}")
    if waiting := connection.context.queue.waiting(running.cluster):
        printer.line(f"waiting: {waiting.request.deployment}, {waiting.request.version}: {_after(running)}")
    if not how.yes and not printer.confirm(f"Roll {running.id} back?"):
        printer.line("nothing was done")
        return 1
    asked = {
        "deployment": running.id,
        "service": running.cluster.service,
        "environment": running.cluster.environment,
        "choice": str(Choice.ROLL_BACK),
        "by": connection.by,
        "why": reason,
    }
    connection.functions.call("decide", asked)
    printer.line(
        f"recorded: ROLL_BACK of {running.id} by {connection.by}; it takes effect before the next host"
    )
    return finish(printer, connection, running.id, {"rollback_of": running.id}, how, rollback=True)


def _after(running: Deployment) -> str:
    """What a rollback means for the deployment that waits (domain/rollout/queue.py)."""
    return "begins after it" if running.policy.automatic else "does not begin by itself after a rollback"


def _to_previous(printer: Printer, connection: Connection, cluster: Cluster, reason: str, how: How) -> int:
    back = rollback_target(connection.context, cluster)
    bad = back.bad
    printer.line(f"roll back: {bad.id}, {bad.target.version}, {bad.state}")
    request = new_request(connection, cluster, back.version, reason, kind=Kind.ROLLBACK, rollback_of=bad.id)
    return start(printer, connection, request, how)
