"""The plan of a deployment as an operator reads it: host order, checks, expected time, warnings and blockers.

Used by plan, deploy and rollback.
"""

from dataclasses import dataclass
from typing import Any

from apps.cli.output.commit_view import changes_facts, commit_words
from apps.cli.output.printer import Printer
from apps.cli.output.text import lasting, names_or_none, one_line
from apps.cli.ports import Connection
from lifecycle.application.readable import readable
from lifecycle.application.rollout import plan
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.listing import counted
from lifecycle.domain.rollout.deployment import Deployment, Request
from lifecycle.domain.rollout.plan import Plan
from lifecycle.domain.rollout.policy_floor import SETTINGS
from lifecycle.domain.service.commits import Changes
from lifecycle.domain.service.host_count import at_most
from lifecycle.domain.service.policy import ApprovalGate, Policy
from lifecycle.domain.service.version import is_older

_COMMITS = 10
_GATES = {
    ApprovalGate.NONE: "none",
    ApprovalGate.BEFORE_FIRST_HOST: "before the first host",
    ApprovalGate.AFTER_FIRST_HOST: "after the first host",
    ApprovalGate.BEFORE_AND_AFTER_FIRST_HOST: "before and after the first host",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan, its policy, the version desired now, and the running deployment that it waits for, if any."""

    request: Request
    plan: Plan
    policy: Policy
    desired: Desired | None
    before: Deployment | None = None

    @property
    def at_a_time(self) -> int:
        """Return the number of hosts that are updated at once."""
        return at_most(self.policy.max_unavailable, len(self.plan.hosts) + len(self.plan.in_place))

    @property
    def nothing_to_do(self) -> bool:
        """Return whether every host serves the version, and it was verified as the desired one."""
        return self.plan.nothing_to_do and self.plan.is_verified


def read_preview(connection: Connection, request: Request) -> Preview:
    """Read what the deployment would do; raises Unknown."""
    found = plan.preview(connection.context, request)
    desired, _ = readable(lambda: connection.context.registry.desired(request.cluster), None)
    before, _ = readable(lambda: _waits_for(connection, request, found), None)
    return Preview(request, found, found.policy, desired, before)


def _waits_for(connection: Connection, request: Request, found: Plan) -> Deployment | None:
    return connection.context.deployments.get(request.cluster, found.waits_for) if found.waits_for else None


def plan_facts(preview: Preview) -> dict[str, Any]:
    """Return a plan for programs."""
    found = preview.plan
    return {
        "service": preview.request.service,
        "environment": preview.request.environment,
        "version": found.target.version,
        "digest": found.target.digest,
        "config": found.config.revision,
        "config_before": found.config.running,
        "config_changed": list(found.config.changed),
        "desired": preview.desired.version if preview.desired else None,
        "desired_config": preview.desired.config if preview.desired else None,
        "previous": found.previous.version if found.previous else None,
        "previous_config": found.previous.config if found.previous else None,
        "rollback_target": found.rollback_words or None,
        "going_backwards": _backwards(preview) or None,
        "hosts": [
            {"host": each.host, "zone": each.zone, "installed": each.installed, "why": each.why}
            for each in found.hosts
        ],
        "in_place": list(found.in_place),
        "checks": list(found.checks),
        "release_command": _release_facts(found),
        "max_unavailable": preview.policy.max_unavailable,
        "at_a_time": preview.at_a_time,
        "approval": str(preview.policy.approval),
        "approval_by_another": preview.policy.approval_by_another,
        "whose": {name: whose for name in SETTINGS if (whose := found.whose(name))},
        "settle_seconds": found.settle_seconds,
        "expected_seconds": round(found.expected_seconds, 1),
        "expected_from": found.expected_from,
        "nothing_to_do": preview.nothing_to_do,
        "refusals": list(found.blockers),
        "notes": list(found.warnings),
        "waits_for": found.waits_for or None,
        "queue": _queue_facts(preview),
        "supersedes": found.supersedes or None,
        "staging": _earlier_facts(found),
        "changes": changes_facts(found.changes, found.compare),
        "overrides": [str(override) for override in preview.request.overrides],
    }


def _release_facts(found: Plan) -> dict[str, Any] | None:
    if found.release is None or not found.hosts:
        return None
    command, seconds = found.release.command, found.release.timeout_seconds
    return {"command": command, "timeout_seconds": seconds, "host": found.hosts[0].host}


def _show_new(printer: Printer, preview: Preview) -> None:
    """Print what the deployment brings, and what the environment before this one says of it."""
    found = preview.plan
    if changed := found.config.in_words:
        printer.line(f"configuration: {changed}")
    if found.changes:
        _show_changes(printer, found.changes, found.compare)
    if words := _backwards(preview):
        printer.line(words, "bold yellow")
    if found.earlier:
        printer.line(f"{found.earlier.environment}: {found.earlier.sentence}")


def _backwards(preview: Preview) -> str:
    """Return that the version is older than the desired one, where its commits do not say so; else empty."""
    found, now = preview.plan, preview.desired
    reported = found.changes is not None and found.changes.takes_back
    if now is None or reported or not is_older(found.target.version, now.version):
        return ""
    return f"going backwards: {found.target.version} is older than {now.version}, desired now"


def _show_changes(printer: Printer, changes: Changes, compare: str) -> None:
    style = "bold yellow" if changes.takes_back else ""
    printer.line(f"changes: {changes.sentence}{f': {compare}' if compare else ''}", style)
    for each in changes.commits[:_COMMITS]:
        printer.line(f"  {commit_words(each)}")
    if (rest := (changes.count or len(changes.commits)) - _COMMITS) > 0:
        printer.line(f"  and {rest} more")


def _earlier_facts(found: Plan) -> dict[str, Any] | None:
    if (earlier := found.earlier) is None:
        return None
    facts = {"outcome": str(earlier.outcome), "deployment": earlier.deployment or None, "blame": str(earlier.blame)}
    return {**facts, "at": earlier.at and earlier.at.isoformat(), "blocks": earlier.blocks, "text": earlier.sentence}


def show_plan(printer: Printer, preview: Preview) -> None:
    """Print a plan for a person."""
    found, cluster = preview.plan, preview.request.cluster
    now = f" (desired now: {preview.desired.target.in_words})" if preview.desired else " (first deployment)"
    printer.line(f"plan: {cluster.service} {found.target.in_words} to {cluster.environment}{now}", "bold")
    rows = [
        [str(number), each.host, each.zone or "-", each.installed or "nothing", each.why]
        for number, each in enumerate(found.hosts, start=1)
    ]
    printer.table(("#", "host", "zone", "installed", "reason"), rows, ("zone", "#"))
    if found.in_place:
        printer.line(f"already in place: {', '.join(found.in_place)}")
    if found.release and found.hosts:
        where = f"once, on {found.hosts[0].host}, before any host is changed"
        limit = lasting(found.release.timeout_seconds)
        printer.line(f"release command: {one_line(found.release.command)}: {where}, within {limit}")
    for check in found.checks if found.hosts else ():
        printer.line(f"check: {check}")
    if found.hosts:
        _show_how(printer, preview)
    _show_new(printer, preview)
    for note in found.warnings:
        printer.line(f"warning: {note}", "yellow")
    if queue := _queue_facts(preview):
        _show_queue(printer, preview, queue)
    for reason in found.blockers:
        printer.line(f"blocked: {reason}", "bold red")
    if preview.nothing_to_do:
        serve = "serves" if len(found.in_place) == 1 else "serve"
        printer.line(f"nothing to do: {names_or_none(found.in_place)} {serve} {found.target.in_words}", "green")


def _show_how(printer: Printer, preview: Preview) -> None:
    found = preview.plan
    printer.line(f"batch size: {_batch_size(preview)}; approval: {_approval(preview)}")
    _show_raised(printer, found)
    if found.settle_seconds:
        printer.line(f"settle time: a host serves on for {lasting(found.settle_seconds)} after its drain")
    printer.line(f"expected time: about {lasting(found.expected_seconds)}, {found.expected_from}")
    if found.rollback_words:
        printer.line(f"rollback target: {found.rollback_words}")


def _queue_facts(preview: Preview) -> dict[str, Any] | None:
    """Return what the deployment waits for, and what follows; None where it waits for nothing."""
    found, before = preview.plan, preview.before
    if not found.waits_for:
        return None
    begins = "it begins if that deployment ends DONE; after a rollback or an abort, deploy it again"
    return {
        "deployment": found.waits_for,
        "version": before.target.version if before else None,
        "config": before.target.config if before else None,
        "state": str(before.state) if before else None,
        "begins": begins if before and not before.policy.automatic else None,
    }


def _show_queue(printer: Printer, preview: Preview, queue: dict[str, Any]) -> None:
    state = f" ({queue['version']}, {queue['state']})" if queue["state"] else ""
    printer.line(f"queued behind {queue['deployment']}{state}", "yellow")
    if queue["begins"]:
        printer.line(queue["begins"])
    if superseded := preview.plan.supersedes:
        printer.line(f"{superseded}, which is queued now, becomes SUPERSEDED and never begins", "bold yellow")


def _show_raised(printer: Printer, found: Plan) -> None:
    """Show what a policy floor adds beside the approval and the batch size."""
    if whose := found.whose("bake_minutes"):
        printer.line(f"bake: {counted(found.policy.bake_minutes, 'minute')} ({whose})")
    if whose := found.whose("frozen"):
        printer.line(f"frozen: {', '.join(found.policy.frozen)} ({whose})")


def _approval(preview: Preview) -> str:
    """Return the approval that is needed, and whose requirement it is where a policy floor raised it."""
    found, policy = preview.plan, preview.policy
    who = ", by another person" if policy.approval_by_another and policy.approval is not ApprovalGate.NONE else ""
    whose = dict.fromkeys(filter(None, (found.whose("approval"), found.whose("approval_by_another") if who else "")))
    note = f" ({', '.join(whose)})" if whose else ""
    return f"{_GATES[policy.approval]}{who}{note}"


def _batch_size(preview: Preview) -> str:
    count, allowed, found = preview.at_a_time, preview.policy.max_unavailable, preview.plan
    of = [f"{allowed} of {len(found.hosts) + len(found.in_place)}"] if isinstance(allowed, str) else []
    notes = [*of, *filter(None, [found.whose("max_unavailable")])]
    return f"{count} ({'; '.join(notes)})" if notes else str(count)
