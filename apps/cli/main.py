"""`lifecycle`: the list of commands, grouped by what an operator wants to do.

Each command is a function in apps/cli/commands. Its module is imported when the command runs, so that --help
is quick: the domain's dataclasses alone take a tenth of a second.
"""

import os
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from apps.cli.command import error_boundary
from apps.cli.output.screen import visible_streams


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command in the help of the root, and the module of apps.cli that defines it."""

    panel: str
    module: str
    help: str


COMMANDS = {
    "validate": CommandEntry("Build", "commands.service", "Check a lifecycle.toml and list every problem."),
    "build": CommandEntry(
        "Build", "commands.service", "Build, test and pack a service here, or repeat a push's build."
    ),
    "snapshots": CommandEntry("Versions", "commands.versions", "List the snapshots of a service."),
    "promote": CommandEntry("Versions", "commands.versions", "Make a snapshot the next release."),
    "releases": CommandEntry("Versions", "commands.versions", "List the releases of a service."),
    "withdraw": CommandEntry("Versions", "commands.withdraw", "Take back a release that was never deployed."),
    "verify": CommandEntry("Versions", "commands.verify", "Check a version from its commit to its hosts."),
    "gc": CommandEntry("Versions", "commands.garbage", "Delete unused versions."),
    "plan": CommandEntry("Deploy", "commands.deploy", "Show what a deployment would do, and its blockers."),
    "deploy": CommandEntry("Deploy", "commands.deploy", "Roll out a version, one host at a time."),
    "watch": CommandEntry("Deploy", "commands.watch", "Follow a build or a deployment live."),
    "rollback": CommandEntry("Deploy", "commands.deploy", "Deploy the previous verified version again."),
    "approve": CommandEntry("Decide", "commands.decisions", "Approve a deployment that waits for an approval."),
    "reject": CommandEntry("Decide", "commands.decisions", "Reject a deployment that waits for an approval."),
    "extend": CommandEntry("Decide", "commands.decisions", "Let an undecided test bed bake longer."),
    "decide": CommandEntry("Decide", "commands.decisions", "Decide what to do with a failed host."),
    "assign": CommandEntry("Decide", "commands.assign", "Say that you are on a question, so that others see it."),
    "pause": CommandEntry("Decide", "commands.pause", "Pause a deployment before its next host."),
    "resume": CommandEntry("Decide", "commands.pause", "Resume a paused deployment."),
    "abort": CommandEntry("Decide", "commands.abort", "Abort a halted or paused deployment."),
    "cancel": CommandEntry("Decide", "commands.cancel", "Cancel a queued deployment, or the run of a push."),
    "config": CommandEntry(
        "Configuration", "commands.config", "List and change the environment variables of a cluster's hosts."
    ),
    "status": CommandEntry(
        "Inspect", "commands.status", "Show every cluster: versions, deployments and pending decisions."
    ),
    "hosts": CommandEntry("Inspect", "commands.hosts", "Compare each host with the desired version."),
    "history": CommandEntry("Inspect", "commands.history", "List deployments, or the audit log."),
    "logs": CommandEntry("Inspect", "commands.logs", "Show what a service wrote on its hosts."),
    "converge": CommandEntry("Repair", "commands.hosts", "Repair drift now."),
    "bind-host": CommandEntry("Repair", "commands.bind_host", "Name the hosts of a cluster and their addresses."),
    "forget-cluster": CommandEntry("Repair", "commands.forget_cluster", "Remove a cluster that is gone."),
    "remove-host": CommandEntry("Repair", "commands.remove_host", "Remove a host that is gone."),
    "freeze": CommandEntry("Freeze and quarantine", "commands.freeze", "Block new deployments in a scope."),
    "unfreeze": CommandEntry("Freeze and quarantine", "commands.freeze", "Lift a freeze."),
    "freezes": CommandEntry("Freeze and quarantine", "commands.freeze", "List the freezes."),
    "policy": CommandEntry(
        "Freeze and quarantine", "commands.policy", "Show and set the minimum for deployment policies."
    ),
    "quarantine": CommandEntry(
        "Freeze and quarantine", "commands.quarantine", "Exclude a bad version or host from deployments."
    ),
    "unquarantine": CommandEntry("Freeze and quarantine", "commands.quarantine", "Lift a quarantine."),
    "quarantined": CommandEntry(
        "Freeze and quarantine", "commands.quarantine", "List the quarantined versions and hosts."
    ),
    "doctor": CommandEntry("Repair", "commands.doctor", "Check an account before and after the installation."),
    "service": CommandEntry(
        "Repair", "commands.ownership", "Hand a service over to another repository, or retire it."
    ),
    "local": CommandEntry("Local environment", "local", "Manage the environment on this machine."),
}

# Former spellings of options. The help does not list them; scripts may still use them.
RENAMED_OPTIONS = {"--without-way-back": "--without-rollback-target"}


class _Commands(TyperGroup):
    """The group of all commands; it imports only the one that runs."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        if "_LIFECYCLE_COMPLETE" in os.environ:  # a shell completes the command's own options
            return command(cmd_name)
        entry = COMMANDS[cmd_name]
        return TyperCommand(cmd_name, help=entry.help, rich_help_panel=entry.panel)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands under what an operator wants to do."""
        del ctx
        for panel in dict.fromkeys(each.panel for each in COMMANDS.values()):
            with formatter.section(panel):
                formatter.write_dl([(name, each.help) for name, each in COMMANDS.items() if each.panel == panel])

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an unknown name in its options is one message, as in the command itself."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            from lifecycle.domain.errors import LifecycleError  # noqa: PLC0415 (help needs no domain)

            if not isinstance(error, LifecycleError):
                raise
            with error_boundary(debug="--debug" in sys.argv):
                raise error from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and (close := get_close_matches(args[0], COMMANDS, 1)):
            ctx.fail(f"no such command '{args[0]}'; did you mean '{close[0]}'?")
        name, _, rest = super().resolve_command(ctx, args)
        return name, command(str(name)), [RENAMED_OPTIONS.get(each, each) for each in rest]


def command(name: str) -> Any:
    """Import a command and return it with its options."""
    module = import_module(f"apps.cli.{COMMANDS[name].module}")
    group = typer.Typer(add_completion=False, rich_markup_mode=None)
    group.callback()(lifecycle)
    if hasattr(module, "app"):  # a group of commands
        group.add_typer(module.app, name=name)
    else:
        group.command(name)(getattr(module, name.replace("-", "_")))
    return typer.main.get_group(group).commands[name]


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: Rich's boxes cut the names of options at 80 columns
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Commands use the environment on this machine, or AWS with --profile NAME or LIFECYCLE_PROFILE.",
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 (the callback of an option)
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"lifecycle {version('lifecycle')}, Python {sys.version.partition(' ')[0]}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
]


@app.callback()
def lifecycle(*, version: Version = False) -> None:
    """Take a service from a Git push to production, one host at a time."""
    del version


def main() -> Any:
    """Run the command line and return the exit code."""
    try:
        with visible_streams(), error_boundary(debug="--debug" in sys.argv):
            return app()
    except typer.Exit as exited:
        return exited.exit_code


if __name__ == "__main__":
    sys.exit(main())
