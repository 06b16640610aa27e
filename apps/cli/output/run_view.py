"""Runs of pushes that failed, as status and history show them."""

from collections.abc import Sequence
from typing import Any

from apps.cli.output.printer import Printer
from apps.cli.output.text import moment
from apps.cli.ports import Connection, Run
from lifecycle.application.queries.state_words import Tone, delivery_status
from lifecycle.domain.delivery.delivery_name import DeliveryName


def failed_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs, the newest first, that failed and that no later run of the same service has followed."""
    newest: dict[tuple[str, str], Run] = {}
    for run in runs:
        name = DeliveryName.parse(run.name)
        newest.setdefault((name.repository, name.service) if name else (run.name, ""), run)
    return [run for run in newest.values() if failed(run)]


def failed(run: Run) -> bool:
    """Return whether a run has failed, or was stopped."""
    return delivery_status(run.status).tone is Tone.BAD


def run_facts(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return runs for programs."""
    return [{"run": each.name, "status": each.status, "started_at": each.started_at.isoformat()} for each in runs]


def show_failed_runs(printer: Printer, connection: Connection, runs: Sequence[Run]) -> None:
    """Print each failed run, and the command for its log."""
    for run in runs:
        began = moment(run.started_at)
        printer.line(f"\nrun {run.name}: {delivery_status(run.status)}, began {began} UTC", "bold red")
        printer.line(f"  {connection.command(f'build --log {run.name}')}")
