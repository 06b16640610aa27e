"""Options that several commands share: environment, deployment, reason; and the flag that names a cluster."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from apps.cli.known_names import one_of
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import needs_reason

LONGEST_WHY = 1000  # lifecycle/entrypoints/events.py


class Environment(StrEnum):
    """The environments that --environment accepts."""

    STAGING = "staging"
    PRODUCTION = "production"


def _check_reason(why: str) -> str:
    if not why.strip() or len(why) > LONGEST_WHY:
        raise typer.BadParameter(f"give a reason of 1 to {LONGEST_WHY} characters; the audit log records it")
    return why


def environment_named(text: str) -> Environment:
    """Return the environment that was typed; raises Unknown."""
    return Environment(one_of("environment", [str(each) for each in Environment], text))


def _environment(help_text: str, name: str = "--environment", *short: str) -> Any:
    return typer.Option(
        *(name, *short),
        parser=environment_named,
        metavar="NAME",
        help=help_text,
        autocompletion=lambda: [str(each) for each in Environment],
    )


InEnvironment = Annotated[Environment, _environment("staging or production.", "--environment", "-e")]
OnlyIn = Annotated[Environment | None, _environment("Only in staging, or in production.", "--environment", "-e")]
AgainstEnvironment = Annotated[Environment | None, _environment("Compare with this environment.", "--against")]
_WHY = "The reason, for the audit log."
# Former spellings stay: --reason of deploy, promote and rollback is --why everywhere.
_WHY_NAMES = ("--why", "--reason")
MaybeWhy = Annotated[str, typer.Option(*_WHY_NAMES, metavar="TEXT", help=_WHY)]
Why = Annotated[str, typer.Option(*_WHY_NAMES, metavar="TEXT", help=_WHY, callback=_check_reason)]
DeploymentId = Annotated[
    str, typer.Option("--deployment", metavar="ID", help="The deployment, if more than one waits.")
]
ThenWatch = Annotated[bool, typer.Option("--watch/--no-watch", help="Then follow it live until it ends or halts.")]
DeploymentName = Annotated[str, typer.Argument(metavar="DEPLOYMENT|SERVICE", help="The deployment, or its service.")]


def check_explained(what: str, option: str, reason: str, *, given: bool) -> None:
    """Raise Refused for an override without a reason, before anything is asked for or read."""
    if given and not reason.strip():
        raise Refused(what, [needs_reason(option)])


def text_of(environment: Environment | None) -> str:
    """Return the name of the environment; "" if it was left out."""
    return environment.value if environment else ""


def environment_flag(cluster: Cluster) -> str:
    """Return the option that a suggested command needs to name this cluster; production needs none."""
    return "" if cluster.environment == Environment.PRODUCTION else f" --environment {cluster.environment}"
