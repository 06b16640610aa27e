"""`lifecycle plan`, `deploy` and `rollback`: show what a deployment would do, and start it."""

from dataclasses import replace
from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.cluster_operations import answer_payload
from apps.cli.command import ServiceName, Watch, Yes, connected
from apps.cli.known_names import check_version
from apps.cli.options import Environment, InEnvironment, MaybeWhy, check_explained, environment_flag
from apps.cli.output.plan_view import plan_facts, read_preview, show_plan
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from apps.cli.start import StartOptions, deploy_command, new_request, start_rollout, watch_started
from lifecycle.application.queries.permissions import rollback_facts
from lifecycle.application.readable import readable
from lifecycle.application.rollout.rollback import rollback_target
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster, service_name
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Override
from lifecycle.domain.rollout.lease import UnreadableLease
from lifecycle.domain.rollout.plan import NO_ROLLBACK_TARGET

Version = Annotated[
    str,
    typer.Argument(
        metavar="VERSION",
        help="A release or a snapshot. Default: production's newest release, staging's snapshot of the head.",
    ),
]
Quarantined = Annotated[
    bool, typer.Option("--even-if-quarantined", help="Deploy a version although it is quarantined here.")
]
Frozen = Annotated[bool, typer.Option("--despite-freeze", help="Deploy despite a freeze; deploy also needs a --why.")]
NewConfig = Annotated[
    bool,
    typer.Option("--config", help="Deploy the newest configuration with the version that is desired now."),
]
NoRollbackTarget = Annotated[
    bool, typer.Option("--without-rollback-target", help="Deploy although no version could be rolled back to.")
]
DespiteStaging = Annotated[
    bool,
    typer.Option("--despite-staging", help="Deploy a version that staging did not verify; needs a --why."),
]


def _overrides(*, quarantine: bool, freeze: bool, no_rollback_target: bool, staging: bool) -> tuple[Override, ...]:
    flags = {
        Override.QUARANTINE: quarantine,
        Override.FREEZE: freeze,
        Override.NO_ROLLBACK_TARGET: no_rollback_target,
        Override.STAGING: staging,
    }
    return tuple(override for override, given in flags.items() if given)


@connected("plan hello", "plan hello 1.4.2", "plan hello -e staging --json")
def plan(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    version: Version = "",
    environment: InEnvironment = Environment.PRODUCTION,
    *,
    config: NewConfig = False,
    even_if_quarantined: Quarantined = False,
    despite_freeze: Frozen = False,
    without_rollback_target: NoRollbackTarget = False,
    despite_staging: DespiteStaging = False,
) -> int:
    """Show what a deployment would do: host order, checks, expected time and blockers."""
    cluster = resolve.existing_cluster(connection, service, environment)
    wanted = resolve.version_for(connection, cluster, version, keep=config)
    overrides = _overrides(
        quarantine=even_if_quarantined,
        freeze=despite_freeze,
        no_rollback_target=without_rollback_target,
        staging=despite_staging,
    )
    request = new_request(connection, cluster, wanted, "", overrides=overrides)
    preview = read_preview(connection, request)
    printer.facts(plan_facts(preview))
    show_plan(printer, preview)
    if preview.plan.blockers:
        return 1
    if not preview.nothing_to_do:
        printer.line(f"next: {connection.command(deploy_command(request))}")
    return 0


@connected(
    "deploy hello",
    "deploy hello 1.4.2 --why 'new prices'",
    "deploy hello --environment staging --yes --no-watch",
    "deploy hello 1.4.3 --despite-freeze --why 'it repairs the checkout'",
)
def deploy(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    version: Version = "",
    environment: InEnvironment = Environment.PRODUCTION,
    *,
    config: NewConfig = False,
    why: MaybeWhy = "",
    even_if_quarantined: Quarantined = False,
    despite_freeze: Frozen = False,
    without_rollback_target: NoRollbackTarget = False,
    despite_staging: DespiteStaging = False,
    yes: Yes = False,
    watch: Watch = True,
) -> int:
    """Show the plan, ask, and roll out the version one host at a time; watch it until it ends or halts.

    It is queued while another deployment runs in the cluster. A newer deployment replaces it in the queue.
    """
    check_explained("the deployment", "--despite-freeze", why, given=despite_freeze)
    check_explained("the deployment", "--despite-staging", why, given=despite_staging)
    cluster = resolve.existing_cluster(connection, service, environment)
    wanted = resolve.version_for(connection, cluster, version, keep=config)
    overrides = _overrides(
        quarantine=even_if_quarantined,
        freeze=despite_freeze,
        no_rollback_target=without_rollback_target,
        staging=despite_staging,
    )
    request = new_request(connection, cluster, wanted, why, overrides=overrides)
    return start_rollout(printer, connection, request, StartOptions(yes, watch))


@connected(
    "rollback hello --why 'prices are wrong'",
    "rollback hello --to 1.4.0 --why '1.4.1 has the fault too'",
    "rollback hello -e staging --yes",
)
def rollback(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    environment: InEnvironment = Environment.PRODUCTION,
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="VERSION", help="A version that was verified here before; else the newest.")
    ] = "",
    why: MaybeWhy = "",
    yes: Yes = False,
    watch: Watch = True,
) -> int:
    """Roll back the running deployment, or deploy the version verified before the current one.

    With --to it is deployed if it is another one than that: freezes and approvals hold for it then.
    """
    cluster, options = Cluster(environment.value, service_name(service)), StartOptions(yes, watch)
    to = check_version(connection, service, to) if to else ""
    lease = connection.context.leases.current(cluster)
    if not lease.deployment:
        resolve.existing_cluster(connection, service, environment)
        return _to_previous(printer, connection, cluster, to, why, options)
    if isinstance(lease, UnreadableLease):
        raise Refused("the rollback", [lease.why])
    running = connection.context.deployments.get(cluster, lease.deployment)
    if running is None or running.state is DeploymentState.QUEUED:
        raise Refused("the rollback", [f"{lease.deployment} is still being planned; try again in a few seconds"])
    if to and not (running.previous and running.previous.version == to):
        found = running.previous.version if running.previous else "nothing"
        again = connection.command(f"rollback {service}{environment_flag(cluster)} --to {to}")
        reason = f"{running.id} runs, and its rollback goes to {found}; roll it back first, then `{again}`"
        raise Refused(f"the rollback to {to}", [reason])
    return _of_running(printer, connection, running, why, options)


def _of_running(
    printer: Printer, connection: Connection, running: Deployment, reason: str, options: StartOptions
) -> int:
    previous = running.previous.in_words if running.previous else NO_ROLLBACK_TARGET
    printer.line(f"running: {running.id}, {running.target.in_words}, {running.state}")
    printer.line(f"rollback target: {previous}")
    waiting, _ = readable(lambda: connection.context.queue.waiting(running.cluster), None)
    if waiting:
        printer.line(f"queued: {waiting.request.deployment}, {waiting.request.version}: {_after_rollback(running)}")
    question = f"Roll {running.id} back?"
    if running.previous:
        facts = rollback_facts(connection.context, running, running.previous)
        printer.line(facts.consequences)
        question = facts.question
    if not options.yes and not printer.confirm(question):
        printer.line("not rolled back")
        return 1
    payload = answer_payload(connection, running.cluster, running.id, Choice.ROLL_BACK, reason)
    connection.functions.call("decide", payload)
    printer.line(f"recorded: ROLL_BACK of {running.id} by {connection.by}; it takes effect before the next host")
    return watch_started(printer, connection, running.id, {"rollback_of": running.id}, options, rollback=True)


def _after_rollback(running: Deployment) -> str:
    """Describe what a rollback does to the queued deployment (domain/rollout/queue.py)."""
    return "begins after the rollback" if running.policy.automatic else "is refused after a rollback"


def _to_previous(
    printer: Printer, connection: Connection, cluster: Cluster, to: str, reason: str, options: StartOptions
) -> int:
    target = rollback_target(connection.context, cluster)
    bad = target.bad
    if to and to != target.to.version:
        # A rollback passes freezes and gates, so it goes to nothing but the version verified last.
        printer.line(f"a rollback goes to {target.to.in_words}, verified last before {bad.target.in_words}", "yellow")
        printer.line(f"{to} is deployed instead: freezes, staging and approvals hold", "yellow")
        return start_rollout(printer, connection, new_request(connection, cluster, to, reason), options)
    printer.line(f"roll back: {bad.id}, {bad.target.in_words}, {bad.state}")
    facts = rollback_facts(connection.context, bad, target.to)
    printer.line(facts.consequences)
    request = new_request(connection, cluster, target.to.version, reason, kind=Kind.ROLLBACK, rollback_of=bad.id)
    wanted = replace(request, config=target.to.config)
    return start_rollout(printer, connection, wanted, options, question=facts.question)
