"""Start a rollout: show its plan, ask for confirmation, start the execution, and watch it.

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
from lifecycle.gateways.serialization import to_plain


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The flags --yes, which skips the confirmation, and --watch."""

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
    """Return a request with a new deployment name."""
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


def start_rollout(
    printer: Printer, connection: Connection, request: Request, options: StartOptions, *, question: str = ""
) -> int:
    """Show the plan, ask, start the rollout and watch it; returns the exit code.

    `question` is that of a rollback, which names what goes and what comes.
    """
    preview = read_preview(connection, request)
    show_plan(printer, preview)
    if preview.plan.blockers:
        return _not_started(printer, preview, 1)
    if preview.nothing_to_do and request.kind is not Kind.ROLLBACK:
        return _not_started(printer, preview, 0)
    if not options.yes and not printer.confirm(question or _question(preview)):
        printer.line("not started")
        return _not_started(printer, preview, 1)
    request = preview.plan.config.pinned(request)  # what was shown is what is deployed
    connection.functions.call("request", request_payload(request))
    if not connection.context.executions.start_rollout(request.deployment, payload(request)):
        raise Refused(f"the start of {request.deployment}", ["an execution with this name exists; try again"])
    printer.line(f"started: {request.deployment}")
    return watch_started(printer, connection, request.deployment, {"plan": plan_facts(preview)}, options)


def request_payload(request: Request) -> dict[str, Any]:
    """Return what the function `request` records, without the fields that are empty."""
    return {name: value for name, value in to_plain(request).items() if value not in (None, [], ())}


def deploy_command(request: Request) -> str:
    """Return the command that requests the same deployment with the same overrides."""
    options = {
        Override.QUARANTINE: " --even-if-quarantined",
        Override.FREEZE: " --despite-freeze",
        Override.NO_ROLLBACK_TARGET: " --without-rollback-target",
        Override.STAGING: " --despite-staging",
    }
    overrides = "".join(options[override] for override in request.overrides)
    if {Override.FREEZE, Override.STAGING} & set(request.overrides):
        overrides += " --why '...'"
    return f"deploy {request.service} {request.version} --environment {request.environment}{overrides}"


def _question(preview: Preview) -> str:
    request = preview.request
    if preview.plan.waits_for:
        return f"Queue {request.version} for {request.cluster}?"
    return f"Deploy {preview.plan.target.in_words} to {request.cluster}?"


def _not_started(printer: Printer, preview: Preview, code: int) -> int:
    printer.facts({"plan": plan_facts(preview), "deployment": None, "started": False})
    return code


def watch_started(
    printer: Printer,
    connection: Connection,
    name: str,
    facts: dict[str, Any],
    options: StartOptions,
    *,
    rollback: bool = False,
) -> int:
    """Watch a started rollout, or print the command for it; returns the exit code.

    With --json one object has everything, however watching ends.
    """
    endings: list[dict[str, Any]] = []
    try:
        code, endings = after_answer(printer, connection, name, watch=options.watch, rollback_is_fine=rollback)
    finally:
        printer.facts({**facts, "deployment": name, "started": True, "endings": endings})
    return code
