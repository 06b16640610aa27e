"""Starting a rollout: a name, a last look at the plan, a question, an execution, and then watching it.

Used by deploy and rollback.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from apps.cli.output.plan_view import Preview, plan_facts, read_preview, show_plan
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from apps.cli.watch.deployment import after_answer
from lifecycle.application.rollout.requests import payload
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Kind, Override, Request, deployment_id


@dataclass(frozen=True, slots=True)
class How:
    """How to go about it: ask first, and stay to watch?"""

    yes: bool
    watch: bool


def new_request(
    connection: Connection,
    cluster: Cluster,
    version: str,
    reason: str,
    *,
    kind: Kind = Kind.DEPLOY,
    rollback_of: str | None = None,
    overrides: tuple[Override, ...] = (),
) -> Request:
    """A request under a new name."""
    return Request(
        deployment=deployment_id(cluster, connection.context.clock.now(), secrets.token_hex(2)),
        service=cluster.service,
        environment=cluster.environment,
        version=version,
        requested_by=connection.by,
        reason=reason,
        kind=kind,
        rollback_of=rollback_of,
        overrides=overrides,
    )


def start(printer: Printer, connection: Connection, request: Request, how: How) -> int:
    """Show what would be done, ask, do it, and watch it; the exit code."""
    seen = read_preview(connection, request)
    show_plan(printer, seen)
    if seen.plan.blockers:
        return _not_started(printer, seen, 1)
    if seen.nothing_to_do and request.kind is not Kind.ROLLBACK:
        return _not_started(printer, seen, 0)
    if not how.yes and not printer.confirm(_question(seen)):
        printer.line("nothing was started")
        return _not_started(printer, seen, 1)
    if not connection.context.executions.start_rollout(request.deployment, payload(request)):
        raise Refused(f"the start of {request.deployment}", ["an execution of that name exists; try again"])
    printer.line(f"started: {request.deployment}")
    return finish(printer, connection, request.deployment, {"plan": plan_facts(seen)}, how)


def deploy_command(request: Request) -> str:
    """The command that asks for the same deployment, with what it overrides."""
    said = {
        Override.QUARANTINE: " --even-if-quarantined",
        Override.FREEZE: " --despite-freeze --reason '...'",
        Override.NO_ROLLBACK_TARGET: " --without-way-back",
    }
    overrides = "".join(said[override] for override in request.overrides)
    return f"deploy {request.service} {request.version} --environment {request.environment}{overrides}"


def _question(seen: Preview) -> str:
    request, found = seen.request, seen.plan
    if found.waits_for:
        return f"Let {request.version} wait for {request.cluster}?"
    return f"{request.kind.lower().capitalize()} {request.version} to {request.cluster}?"


def _not_started(printer: Printer, seen: Preview, code: int) -> int:
    printer.facts({"plan": plan_facts(seen), "deployment": None, "started": False})
    return code


def finish(
    printer: Printer,
    connection: Connection,
    name: str,
    facts: dict[str, Any],
    how: How,
    *,
    rollback: bool = False,
) -> int:
    """Watch what was started, or say how to; with --json one object tells all of it, however watching ends."""
    endings: list[dict[str, Any]] = []
    try:
        code, endings = after_answer(printer, connection, name, watch=how.watch, rollback_is_fine=rollback)
    finally:
        printer.facts({**facts, "deployment": name, "started": True, "endings": endings})
    return code
