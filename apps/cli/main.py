"""`lifecycle`: the commands, by what an operator wants to do. Each is a function in apps/cli/commands.

A command's module is imported when the command runs, so that --help is quick: the domain's dataclasses alone
take a tenth of a second.
"""

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from apps.cli.command import edge


@dataclass(frozen=True, slots=True)
class Listed:
    """A command as the root's help lists it, and the module of apps.cli that has it."""

    panel: str
    module: str
    help: str


COMMANDS = {
    "validate": Listed(
        "Your service", "commands.service", "Check a lifecycle.toml, and say all that is wrong."
    ),
    "build": Listed(
        "Your service", "commands.service", "Build, test and pack here; or do a push's run again."
    ),
    "snapshots": Listed("Versions", "commands.versions", "What was built."),
    "promote": Listed("Versions", "commands.versions", "Make a snapshot the next release."),
    "releases": Listed("Versions", "commands.versions", "What may go to production."),
    "gc": Listed("Versions", "commands.garbage", "Delete what nothing needs any more."),
    "plan": Listed("Deploying", "commands.deploy", "What a deployment would do, and what stands against it."),
    "deploy": Listed("Deploying", "commands.deploy", "Roll a version out, one host at a time."),
    "watch": Listed("Deploying", "commands.watch", "What is being built or deployed, live."),
    "rollback": Listed("Deploying", "commands.deploy", "Go back to the version before."),
    "approve": Listed("Answering", "commands.decisions", "Let a deployment that waits at a gate go on."),
    "reject": Listed("Answering", "commands.decisions", "Do not let it go on."),
    "extend": Listed("Answering", "commands.decisions", "Let an undecided test bed bake longer."),
    "decide": Listed("Answering", "commands.decisions", "Say what becomes of a failed host."),
    "pause": Listed("Answering", "commands.pause", "Stop a deployment before its next host."),
    "resume": Listed("Answering", "commands.pause", "Let a paused deployment go on, or abort it."),
    "cancel": Listed("Answering", "commands.cancel", "End a deployment that waits for another one."),
    "status": Listed("Looking", "commands.status", "What runs where, and what waits for whom."),
    "hosts": Listed("Looking", "commands.hosts", "Each host against what is desired."),
    "history": Listed("Looking", "commands.history", "What was deployed; who did what, and why."),
    "converge": Listed("Looking", "commands.hosts", "Repair drift now."),
    "freeze": Listed(
        "Keeping out", "commands.freeze", "Let no new version be deployed, anywhere or somewhere."
    ),
    "unfreeze": Listed("Keeping out", "commands.freeze", "Lift a freeze."),
    "freezes": Listed("Keeping out", "commands.freeze", "What is frozen, since when, by whom and why."),
    "quarantine": Listed("Keeping out", "commands.quarantine", "Keep a bad version or a bad host out."),
    "unquarantine": Listed("Keeping out", "commands.quarantine", "Let it in again."),
    "quarantined": Listed(
        "Keeping out", "commands.quarantine", "Which versions and hosts are kept out, and why."
    ),
    "remove-host": Listed("Keeping out", "commands.remove_host", "Forget a host that is gone."),
    "local": Listed("This machine", "local", "The environment on this machine."),
}


class _Commands(TyperGroup):
    """Knows every command's name and help line, and imports the one that is run."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        if "_LIFECYCLE_COMPLETE" in os.environ:  # a shell completes the command's own options
            return command(cmd_name)
        listed = COMMANDS[cmd_name]
        return TyperCommand(cmd_name, help=listed.help, rich_help_panel=listed.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, command(str(name)), rest


def command(name: str) -> Any:
    """A command itself, with its options."""
    module = import_module(f"apps.cli.{COMMANDS[name].module}")
    made = typer.Typer(add_completion=False)
    made.callback()(lifecycle)
    if name == "local":
        made.add_typer(module.app, name=name)
    else:
        made.command(name)(getattr(module, name.replace("-", "_")))
    return typer.main.get_group(made).commands[name]


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Talks to the laptop's environment, or to AWS with --profile NAME (LIFECYCLE_PROFILE).",
)


@app.callback()
def lifecycle() -> None:
    """From a Git push to production, one host at a time."""


def main() -> Any:
    """The entry point; returns the exit code."""
    try:
        with edge(debug="--debug" in sys.argv):
            return app()
    except typer.Exit as left:
        return left.exit_code


if __name__ == "__main__":
    sys.exit(main())
