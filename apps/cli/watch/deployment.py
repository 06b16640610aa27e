"""Follow a deployment to its end, then the rollback deployment that took over, and print the outcome of each.

Used by every command with --watch. Ctrl-C ends the command only; the deployment goes on.
"""

import sys
from contextlib import nullcontext
from typing import Any

from apps.cli.output.decision_view import choice_lines, next_commands, question_facts, question_lines
from apps.cli.output.link_view import deployment_links, show_links
from apps.cli.output.live import SilentScreen, screen_for
from apps.cli.output.printer import Printer
from apps.cli.output.text import one_line, took
from apps.cli.ports import Connection
from apps.cli.watch.follow import follow
from apps.cli.watch.outcome import Outcome
from lifecycle.domain.rollout.deployment import cluster_of

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
    """Follow a deployment and its rollback; returns the exit code, and each outcome for programs.

    `quiet` prints nothing. A deployment that was rolled back is a failure unless `rollback_is_fine`.
    `begun` means that the caller knows of the deployment, even if no record of it can be read yet.
    """
    code, endings = 0, []
    cluster = cluster_of(name)
    try:
        while name:
            with nullcontext(SilentScreen()) if quiet else screen_for(printer, connection) as screen:
                found = follow(connection, cluster, name, screen, begun=begun)
            endings.append(outcome_facts(name, found, connection))
            if not quiet:
                show_outcome(printer, connection, name, found)
            code = max(code, 0 if found.rollback and rollback_is_fine else found.code)
            name, begun = found.rollback, True
    except KeyboardInterrupt:
        print(f"\nthe deployment goes on; watch it again: {connection.command(f'watch {name}')}", file=sys.stderr)
        return INTERRUPTED, endings
    return code, endings


def after_answer(
    printer: Printer, connection: Connection, name: str, *, watch: bool, rollback_is_fine: bool = False
) -> tuple[int, list[dict[str, Any]]]:
    """Follow a started or answered deployment if `watch`, else print the command for it."""
    if not watch:
        printer.line(f"next: {connection.command(f'watch {name}')}")
        return 0, []
    return watch_deployment(
        printer, connection, name, quiet=printer.as_json, rollback_is_fine=rollback_is_fine, begun=True
    )


def outcome_facts(name: str, found: Outcome, connection: Connection) -> dict[str, Any]:
    """Return the outcome for programs."""
    question = question_facts(found.question, connection.command) if found.question else None
    return {
        "event": "end",
        "deployment": name,
        "state": found.state,
        "reason": found.reason,
        "code": found.code,
        "rollback": found.rollback or None,
        "question": question,
        "links": deployment_links(connection, found.deployment) if found.deployment else {},
    }


def show_outcome(printer: Printer, connection: Connection, name: str, found: Outcome) -> None:
    """Print the state, its reason, and the commands that follow."""
    printer.event(outcome_facts(name, found, connection))
    # The reason of a halt follows with its question.
    ended = found.deployment
    duration = took(ended.started_at, ended.finished_at) if ended else ""
    reason = "" if found.question else f": {one_line(found.reason, 2000)}{duration}"
    printer.line(f"{name}: {found.state}{reason}", "bold red" if found.code else "bold green")
    if found.question:
        now = connection.context.clock.now()
        for line in (*question_lines(found.question, now), *choice_lines(found.question, connection.command)):
            printer.line(line)
    elif found.rollback:
        printer.line(f"rollback deployment: {found.rollback}")
    elif found.state == "ROLLED_BACK":
        converge = connection.command(f"converge {cluster_of(name).service}")
        printer.line(f"its rollback has not begun; start it: {converge}")
    elif found.deployment and found.state != "LOST":
        printer.line(f"next: {'  or  '.join(next_commands(found.deployment, connection.command))}")
    if ended:
        show_links(printer, connection, ended)
