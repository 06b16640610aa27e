"""Follow the run of a push to its snapshot, then the staging rollout that it started.

A push to a repository with several services may leave some unchanged, and start a run for each of the others.

Used by the command watch. Ctrl-C ends the command only; the run goes on.
"""

import sys
from collections.abc import Mapping

from apps.cli.output.printer import Printer
from apps.cli.output.text import indented, lasting, took
from apps.cli.ports import Connection, Run
from apps.cli.watch.build_log import FollowedLog
from apps.cli.watch.deployment import INTERRUPTED, watch_deployment
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster


def watch_run(printer: Printer, connection: Connection, name: str) -> int:
    """Follow a run and then its staging rollout, if there is one; returns the exit code, raises Unknown."""
    try:
        run = _follow_run(printer, connection, name)
    except KeyboardInterrupt:
        print(f"\nthe run goes on; watch it again: {connection.command(f'watch --run {name}')}", file=sys.stderr)
        return INTERRUPTED
    if run.status != "SUCCEEDED":
        return _failed(printer, connection, run)
    unchanged = str(run.output.get("unchanged") or "")
    if unchanged:
        printer.event({"event": "unchanged", "run": name, "services": unchanged.split(", ")})
        printer.line(f"unchanged since the newest snapshot, not built: {unchanged}")
    if nothing := run.output.get("nothing"):
        printer.event({"event": "nothing", "run": name, "reason": nothing})
        printer.line(str(nothing))
        return 0
    if runs := run.output.get("runs"):
        return _watch_services(printer, connection, name, runs)
    return _watch_snapshot(printer, connection, run)


def _watch_services(printer: Printer, connection: Connection, name: str, runs: Mapping[str, str]) -> int:
    """Follow the run of each service that a push changed, one after the other; returns the highest exit code."""
    printer.event({"event": "services", "run": name, "runs": dict(runs)})
    for service, run in runs.items():
        printer.line(f"{service}: changed, built in run {run}")
    codes = []
    for run in runs.values():
        codes.append(watch_run(printer, connection, run))
        if codes[-1] == INTERRUPTED:
            break
    return max(codes, default=0)


def _watch_snapshot(printer: Printer, connection: Connection, run: Run) -> int:
    """Show the snapshot of a run, and follow its staging rollout, if there is one; returns the exit code."""
    name = run.name
    service, version = run.output.get("service", ""), run.output.get("version", "")
    staging = str(run.output.get("staging") or "")
    printer.event(
        {"event": "snapshot", "run": name, "service": service, "version": version, "staging": staging or None}
    )
    printer.line(f"snapshot: {service} {version}{took(run.started_at, run.stopped_at)}", "bold green")
    if superseded := str(run.output.get("superseded") or ""):
        printer.event({"event": "superseded", "run": name, "reason": superseded})
        printer.line(f"not deployed automatically: {superseded}")
    code = 0
    if staging:
        printer.line(f"staging rollout: {staging}")
        code, _ = watch_deployment(printer, connection, staging, begun=True)
    if code == 0:
        first = not staging and Cluster("staging", service) in connection.context.registry.clusters()
        after = f"deploy {service} {version} --environment staging" if first else f"promote {service} {version}"
        printer.line(f"next: {connection.command(after)}")
    return code


def _follow_run(printer: Printer, connection: Connection, name: str) -> Run:
    shown, log = "", FollowedLog(printer, connection, name)
    printer.line(f"run: {name}")
    while True:
        run = connection.runs.delivery(name)
        if run is None:
            raise Unknown("run", name, f"List the runs with `{connection.command('status')}`.")
        if not run.running:
            log.show_new(only_if_begun=True)
            return run
        if (step := connection.runs.current_step(name)) != shown:
            shown = step
            elapsed = lasting(max(0.0, (connection.context.clock.now() - run.started_at).total_seconds()))
            printer.event({"event": "build", "run": name, "doing": step})
            printer.line(f"  {elapsed}: {step}")
        log.show_new()
        connection.context.clock.sleep(connection.poll_seconds)


def _failed(printer: Printer, connection: Connection, run: Run) -> int:
    printer.event({"event": "end", "run": run.name, "state": run.status, "error": run.error, "cause": run.cause})
    printer.line(
        f"{run.name}: {run.error or run.status}: no snapshot{took(run.started_at, run.stopped_at)}", "bold red"
    )
    for line in indented(run.cause):
        printer.line(line)
    printer.line(f"log: {connection.command(f'build --log {run.name}')}")
    again = connection.command(f"build --again {run.name}")
    printer.line(f"next: fix it and push again, or repeat the build: {again}")
    return 1
