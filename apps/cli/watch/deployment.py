"""Watching to the end: the deployment, then the rollback that it was handed over to; and a push's run before both.

Used by the commands watch, deploy and rollback. Ctrl-C leaves the deployment alone, and says how to come back.
"""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeAlias

from apps.cli.output.decision_view import choice_lines, next_commands, question_facts, question_lines
from apps.cli.output.live import SilentScreen, screen_for
from apps.cli.output.printer import Printer
from apps.cli.output.text import indented, lasting, one_line
from apps.cli.ports import Connection, Run
from apps.cli.watch.follow import follow
from apps.cli.watch.outcome import Outcome
from lifecycle.domain.errors import Unknown
from lifecycle.domain.rollout.deployment import cluster_of

Tell: TypeAlias = Callable[[str, Outcome], None]
INTERRUPTED = 130


def watch_deployment(
    printer: Printer,
    connection: Connection,
    name: str,
    *,
    quiet: bool = False,
    rollback_is_fine: bool = False,
    begun: bool = False,
) -> tuple[int, list[dict[str, Any]]]:
    """Follow a deployment and its rollback; the exit code, and each ending for programs.

    `quiet` shows only the endings' facts that are returned. A deployment that was rolled back is a failure,
    unless that is what was asked for. `begun` says that there is such a deployment, seen or not.
    """
    code, endings = 0, []
    cluster = cluster_of(name)
    try:
        while name:
            with nullcontext(SilentScreen()) if quiet else screen_for(printer, connection) as screen:
                found = follow(connection, cluster, name, screen, begun=begun)
            endings.append(outcome_facts(name, found, connection))
            if not quiet:
                conclude(printer, connection, name, found)
            code = max(code, 0 if found.heir and rollback_is_fine else found.code)
            name, begun = found.heir, True
    except KeyboardInterrupt:
        print(
            f"\nthe deployment goes on without you; come back: {connection.command(f'watch {name}')}",
            file=sys.stderr,
        )
        return INTERRUPTED, endings
    return code, endings


def after_answer(
    printer: Printer, connection: Connection, name: str, *, watch: bool, rollback_is_fine: bool = False
) -> tuple[int, list[dict[str, Any]]]:
    """Watch what was started or answered, if that was asked for, or say how to."""
    if not watch:
        printer.line(f"next: {connection.command(f'watch {name}')}")
        return 0, []
    quiet, fine = printer.as_json, rollback_is_fine
    return watch_deployment(printer, connection, name, quiet=quiet, rollback_is_fine=fine, begun=True)


def outcome_facts(name: str, found: Outcome, connection: Connection) -> dict[str, Any]:
    """How watching ended, for programs."""
    question = question_facts(found.question, connection.command) if found.question else None
    return {
        "event": "end",
        "deployment": name,
        "state": found.state,
        "reason": found.reason,
        "code": found.code,
        "rollback": found.heir or None,
        "question": question,
    }


def conclude(printer: Printer, connection: Connection, name: str, found: Outcome) -> None:
    """What happened, what the state is, what can be typed now."""
    printer.event(outcome_facts(name, found, connection))
    # A halt's reason follows with its question.
    reason = "" if found.question else f": {one_line(found.reason, 2000)}{_took(found)}"
    printer.line(f"{name}: {found.state}{reason}", _style(found))
    if found.question:
        now = connection.context.clock.now()
        for line in (*question_lines(found.question, now), *choice_lines(found.question, connection.command)):
            printer.line(line)
    elif found.heir:
        printer.line(f"it is rolled back by {found.heir}, which is followed now")
    elif found.state == "ROLLED_BACK":
        printer.line(
            f"its rollback has not begun: {connection.command(f'converge {cluster_of(name).service}')}"
        )
    elif found.deployment and found.state != "LOST":
        printer.line(f"next: {'  or  '.join(next_commands(found.deployment, connection.command))}")


def _took(found: Outcome) -> str:
    if found.deployment is None or found.deployment.finished_at is None:
        return ""
    return f" ({lasting((found.deployment.finished_at - found.deployment.started_at).total_seconds())})"


def _style(found: Outcome) -> str:
    return "bold green" if found.code == 0 else "bold red"


def watch_run(printer: Printer, connection: Connection, name: str) -> int:
    """Follow a push's run, then the staging rollout that it started, if it did; raises Unknown."""
    try:
        run = _follow_run(printer, connection, name)
    except KeyboardInterrupt:
        print(
            f"\nthe run goes on without you; come back: {connection.command(f'watch --run {name}')}",
            file=sys.stderr,
        )
        return INTERRUPTED
    if run.status != "SUCCEEDED":
        return _failed(printer, connection, run)
    service, version = run.output.get("service", ""), run.output.get("version", "")
    staging = str(run.output.get("staging") or "")
    printer.event(
        {"event": "snapshot", "run": name, "service": service, "version": version, "staging": staging or None}
    )
    printer.line(f"snapshot: {service} {version}{_lasted(run)}", "bold green")
    code = 0
    if staging:
        printer.line(f"staging follows: {staging}")
        code, _ = watch_deployment(printer, connection, staging, begun=True)
    if code == 0:
        printer.line(f"next: {connection.command(f'promote {service} {version}')}")
    return code


def _follow_run(printer: Printer, connection: Connection, name: str) -> Run:
    told = ""
    printer.line(f"run: {name}")
    while True:
        run = connection.runs.delivery(name)
        if run is None:
            raise Unknown("run", name, "a push starts one; it is named after repository and commit")
        if not run.running:
            return run
        if (doing := connection.runs.doing(name)) != told:
            told = doing
            since = lasting(max(0.0, (connection.context.clock.now() - run.started_at).total_seconds()))
            printer.event({"event": "build", "run": name, "doing": doing})
            printer.line(f"  {since}: {doing}")
        connection.context.clock.sleep(connection.poll_seconds)


def _failed(printer: Printer, connection: Connection, run: Run) -> int:
    printer.event(
        {"event": "end", "run": run.name, "state": run.status, "error": run.error, "cause": run.cause}
    )
    printer.line(f"{run.name}: {run.error or run.status}: no snapshot was made{_lasted(run)}", "bold red")
    for line in indented(run.cause):
        printer.line(line)
    printer.line(
        f"next: mend it and push again, or build the same commit again: {connection.command(f'build --again {run.name}')}"
    )
    return 1


def _lasted(run: Run) -> str:
    return f" ({lasting((run.stopped_at - run.started_at).total_seconds())})" if run.stopped_at else ""
