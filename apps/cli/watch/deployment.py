"""Watching to the end: the deployment, then the rollback that it was handed over to; and a push's run before both.

Used by the commands watch, deploy and rollback. Ctrl-C leaves the deployment alone, and says how to come back.
"""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeAlias

from apps.cli.output.decision_view import choice_lines, next_commands, question_facts, question_lines
from apps.cli.output.live import SilentScreen, screen_for
from apps.cli.output.printer import Page
from apps.cli.output.text import indented, lasting, one_line
from apps.cli.ports import Connection, Run
from apps.cli.watch.follow import follow
from apps.cli.watch.outcome import Ending
from lifecycle.domain.errors import Unknown
from lifecycle.domain.rollout.deployment import cluster_of

Tell: TypeAlias = Callable[[str, Ending], None]
INTERRUPTED = 130


def watch_deployment(
    page: Page,
    here: Connection,
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
            with nullcontext(SilentScreen()) if quiet else screen_for(page, here) as screen:
                found = follow(here, cluster, name, screen, begun=begun)
            endings.append(ending_facts(name, found, here))
            if not quiet:
                conclude(page, here, name, found)
            code = max(code, 0 if found.heir and rollback_is_fine else found.code)
            name, begun = found.heir, True
    except KeyboardInterrupt:
        print(
            f"\nthe deployment goes on without you; come back: {here.command(f'watch {name}')}",
            file=sys.stderr,
        )
        return INTERRUPTED, endings
    return code, endings


def after_answer(
    page: Page, here: Connection, name: str, *, watch: bool, rollback_is_fine: bool = False
) -> tuple[int, list[dict[str, Any]]]:
    """Watch what was started or answered, if that was asked for, or say how to."""
    if not watch:
        page.say(f"next: {here.command(f'watch {name}')}")
        return 0, []
    quiet, fine = page.as_json, rollback_is_fine
    return watch_deployment(page, here, name, quiet=quiet, rollback_is_fine=fine, begun=True)


def ending_facts(name: str, found: Ending, here: Connection) -> dict[str, Any]:
    """How watching ended, for programs."""
    question = question_facts(found.question, here.command) if found.question else None
    return {
        "event": "end",
        "deployment": name,
        "state": found.state,
        "reason": found.reason,
        "code": found.code,
        "rollback": found.heir or None,
        "question": question,
    }


def conclude(page: Page, here: Connection, name: str, found: Ending) -> None:
    """What happened, what the state is, what can be typed now."""
    page.event(ending_facts(name, found, here))
    # A halt's reason follows with its question.
    reason = "" if found.question else f": {one_line(found.reason, 2000)}{_took(found)}"
    page.say(f"{name}: {found.state}{reason}", _style(found))
    if found.question:
        now = here.context.clock.now()
        for line in (*question_lines(found.question, now), *choice_lines(found.question, here.command)):
            page.say(line)
    elif found.heir:
        page.say(f"it is rolled back by {found.heir}, which is followed now")
    elif found.state == "ROLLED_BACK":
        page.say(f"its rollback has not begun: {here.command(f'converge {cluster_of(name).service}')}")
    elif found.deployment and found.state != "LOST":
        page.say(f"next: {'  or  '.join(next_commands(found.deployment, here.command))}")


def _took(found: Ending) -> str:
    if found.deployment is None or found.deployment.finished_at is None:
        return ""
    return f" ({lasting((found.deployment.finished_at - found.deployment.started_at).total_seconds())})"


def _style(found: Ending) -> str:
    return "bold green" if found.code == 0 else "bold red"


def watch_run(page: Page, here: Connection, name: str) -> int:
    """Follow a push's run, then the staging rollout that it started, if it did; raises Unknown."""
    try:
        run = _follow_run(page, here, name)
    except KeyboardInterrupt:
        print(
            f"\nthe run goes on without you; come back: {here.command(f'watch --run {name}')}",
            file=sys.stderr,
        )
        return INTERRUPTED
    if run.status != "SUCCEEDED":
        return _failed(page, here, run)
    service, version = run.output.get("service", ""), run.output.get("version", "")
    staging = str(run.output.get("staging") or "")
    page.event(
        {"event": "snapshot", "run": name, "service": service, "version": version, "staging": staging or None}
    )
    page.say(f"snapshot: {service} {version}{_lasted(run)}", "bold green")
    code = 0
    if staging:
        page.say(f"staging follows: {staging}")
        code, _ = watch_deployment(page, here, staging, begun=True)
    if code == 0:
        page.say(f"next: {here.command(f'promote {service} {version}')}")
    return code


def _follow_run(page: Page, here: Connection, name: str) -> Run:
    told = ""
    page.say(f"run: {name}")
    while True:
        run = here.runs.delivery(name)
        if run is None:
            raise Unknown("run", name, "a push starts one; it is named after repository and commit")
        if not run.running:
            return run
        if (doing := here.runs.doing(name)) != told:
            told = doing
            since = lasting(max(0.0, (here.context.clock.now() - run.started_at).total_seconds()))
            page.event({"event": "build", "run": name, "doing": doing})
            page.say(f"  {since}: {doing}")
        here.context.clock.sleep(here.poll_seconds)


def _failed(page: Page, here: Connection, run: Run) -> int:
    page.event({"event": "end", "run": run.name, "state": run.status, "error": run.error, "cause": run.cause})
    page.say(f"{run.name}: {run.error or run.status}: no snapshot was made{_lasted(run)}", "bold red")
    for line in indented(run.cause):
        page.say(line)
    page.say(
        f"next: mend it and push again, or build the same commit again: {here.command(f'build --again {run.name}')}"
    )
    return 1


def _lasted(run: Run) -> str:
    return f" ({lasting((run.stopped_at - run.started_at).total_seconds())})" if run.stopped_at else ""
