"""A plan as an operator reads it: which hosts in which order, what is checked, how long, and what stands against it.

Used by plan, deploy and rollback.
"""

from dataclasses import dataclass
from typing import Any

from apps.cli.output.printer import Printer
from apps.cli.output.text import lasting, names_or_none
from apps.cli.ports import Connection
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Deployment, Request
from lifecycle.domain.rollout.plan import Plan
from lifecycle.domain.service.host_count import at_most
from lifecycle.domain.service.policy import ApprovalGate, Policy

_GATES = {
    ApprovalGate.NONE: "none",
    ApprovalGate.BEFORE_FIRST_HOST: "before the first host",
    ApprovalGate.AFTER_FIRST_HOST: "after the first host",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan, the policy that it would run under, what is desired now, and the deployment that it waits for."""

    request: Request
    plan: Plan
    policy: Policy
    desired: Desired | None
    before: Deployment | None = None

    @property
    def at_a_time(self) -> int:
        """How many hosts are taken out at once."""
        return at_most(self.policy.max_unavailable, len(self.plan.hosts) + len(self.plan.in_place))

    @property
    def nothing_to_do(self) -> bool:
        """Every host serves the version, and it is what is desired."""
        stands = self.desired is not None and self.desired.version == self.request.version
        return self.plan.nothing_to_do and stands


def read_preview(connection: Connection, request: Request) -> Preview:
    """What the deployment would do; reads only. Raises Unknown."""
    found = preview(connection.context, request)
    policy = connection.context.artifacts.manifest(request.service, request.version).policy(
        request.environment
    )
    before = connection.context.deployments.get(request.cluster, found.waits_for) if found.waits_for else None
    return Preview(request, found, policy, connection.context.registry.desired(request.cluster), before)


def plan_facts(seen: Preview) -> dict[str, Any]:
    """A plan for programs."""
    found = seen.plan
    return {
        "service": seen.request.service,
        "environment": seen.request.environment,
        "version": found.target.version,
        "digest": found.target.digest,
        "desired": seen.desired.version if seen.desired else None,
        "previous": found.previous.version if found.previous else None,
        "hosts": [
            {"host": each.host, "zone": each.zone, "installed": each.installed, "why": each.why}
            for each in found.hosts
        ],
        "in_place": list(found.in_place),
        "checks": list(found.checks),
        "max_unavailable": seen.policy.max_unavailable,
        "at_a_time": seen.at_a_time,
        "approval": str(seen.policy.approval),
        "expected_seconds": round(found.expected_seconds, 1),
        "expected_from": found.expected_from,
        "nothing_to_do": seen.nothing_to_do,
        "refusals": list(found.blockers),
        "notes": list(found.notes),
        "waits_for": found.waits_for or None,
        "supersedes": found.supersedes or None,
        "overrides": [str(override) for override in seen.request.overrides],
    }


def show_plan(printer: Printer, seen: Preview) -> None:
    """The plan for a person."""
    found, cluster = seen.plan, seen.request.cluster
    now = f" (desired now: {seen.desired.version})" if seen.desired else " (nothing was deployed here yet)"
    printer.line(f"plan: {cluster.service} {found.target.version} to {cluster.environment}{now}", "bold")
    rows = [
        [str(number), each.host, each.zone or "-", each.installed or "nothing", each.why]
        for number, each in enumerate(found.hosts, start=1)
    ]
    printer.table(("#", "host", "zone", "installed", "to change"), rows)
    if found.in_place:
        printer.line(f"in place already: {', '.join(found.in_place)}")
    for check in found.checks if found.hosts else ():
        printer.line(f"check: {check}")
    if found.hosts:
        printer.line(f"at a time: {_hosts(seen)}; approval: {_GATES[seen.policy.approval]}")
        printer.line(f"expected time: about {lasting(found.expected_seconds)}, {found.expected_from}")
        printer.line(
            f"to go back to: {found.previous.version if found.previous else 'nothing, it is the first'}"
        )
    for note in found.notes:
        printer.line(f"note: {note}", "yellow")
    if found.waits_for:
        _show_queue(printer, seen)
    for reason in found.blockers:
        printer.line(f"refused: {reason}", "bold red")
    if seen.nothing_to_do:
        printer.line(f"nothing to do: {names_or_none(found.in_place)} serve {found.target.version}", "green")


def _show_queue(printer: Printer, seen: Preview) -> None:
    found, before = seen.plan, seen.before
    state = f" ({before.target.version}, {before.state})" if before else ""
    printer.line(f"it will wait for {found.waits_for}{state}", "yellow")
    if before and not before.policy.automatic:
        printer.line("it begins if that one ends well; after a rollback or an abort, deploy it again")
    if found.supersedes:
        printer.line(
            f"{found.supersedes}, which waits now, will be SUPERSEDED: it will never begin", "bold yellow"
        )


def _hosts(seen: Preview) -> str:
    count, allowed = seen.at_a_time, seen.policy.max_unavailable
    told = "one host" if count == 1 else f"up to {count} hosts"
    return (
        f"{told} ({allowed} of {len(seen.plan.hosts) + len(seen.plan.in_place)})"
        if isinstance(allowed, str)
        else told
    )
