"""`lifecycle doctor`: check an account before and after the installation."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from apps.cli.command import Connector, optionally_connected
from apps.cli.doctor.agents import agents
from apps.cli.doctor.checks import findings, must_mend
from apps.cli.doctor.findings import Finding, Level
from apps.cli.doctor.unreachable import unreachable
from apps.cli.doctor.wanted import read_wanted
from apps.cli.output.printer import Printer
from apps.cli.output.text import one_line
from lifecycle.domain.listing import counted

_CDK_JSON = Path(__file__).resolve().parents[3] / "cdk.json"
_MARKS = {
    Level.MEND: ("✗", "bold red"),
    Level.WARNING: ("!", "yellow"),
    Level.UNSEEN: ("?", "dim"),
    Level.FINE: ("✓", "green"),
}


@optionally_connected("doctor --profile prod", "doctor --profile prod --json")
def doctor(
    printer: Printer,
    connect: Connector,
    cdk_json: Annotated[Path, typer.Option("--cdk-json", help="The file that lists the clusters.")] = _CDK_JSON,
) -> int:
    """Check the account of a profile: bootstrap, quotas, rights, network, names, clocks, stacks and agents.

    It reads only. Each finding has the command that mends it. The exit code is 1 if something must be mended.
    """
    wanted = read_wanted(cdk_json)
    try:
        connection = connect()
        facts = connection.account.facts(wanted)
    except Exception as error:  # noqa: BLE001 (an account that cannot be reached is a finding)
        _print(printer, found := [unreachable(error, connect.options.profile)])
        return int(must_mend(found))
    found = findings(replace(facts, agents=agents(connection.context)), wanted)
    _print(printer, found)
    return int(must_mend(found))


def _print(printer: Printer, found: list[Finding]) -> None:
    printer.facts({"mend": must_mend(found), "findings": [asdict(each) for each in found]})
    width = max(len(each.topic) for each in found)
    for each in found:
        mark, style = _MARKS[each.level]
        printer.line(f"{mark} {each.topic:<{width}}  {one_line(each.text, 2000)}", style)
        if each.mend:
            printer.line(f"  {'':<{width}}  → {one_line(each.mend, 2000)}")
    wrong = sum(each.level is Level.MEND for each in found)
    warnings = sum(each.level is Level.WARNING for each in found)
    hidden = sum(each.level is Level.UNSEEN for each in found)
    more = f"; {counted(warnings, 'warning')}, {hidden} could not be looked at" if warnings or hidden else ""
    printer.line(f"{wrong} must be mended{more}" if wrong else f"nothing must be mended{more}", "bold")
