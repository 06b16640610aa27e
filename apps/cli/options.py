"""Options that several groups of commands share: which environment, which deployment, and why."""

from enum import StrEnum
from typing import Annotated

import typer

LONGEST_WHY = 1000  # lifecycle/entrypoints/events.py


class Environment(StrEnum):
    """Where."""

    STAGING = "staging"
    PRODUCTION = "production"


def _said(why: str) -> str:
    if not why.strip() or len(why) > LONGEST_WHY:
        raise typer.BadParameter(f"expected a reason of 1 to {LONGEST_WHY} characters: the trail keeps it")
    return why


InEnvironment = Annotated[Environment, typer.Option("--environment", "-e", help="Which cluster.")]
OnlyIn = Annotated[Environment | None, typer.Option("--environment", "-e", help="Only in this environment.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the trail.")]
MaybeWhy = Annotated[str, typer.Option("--why", help="Why; kept in the trail.")]
Why = Annotated[str, typer.Option("--why", help="Why; kept in the trail.", callback=_said)]
Which = Annotated[str, typer.Option("--deployment", metavar="ID", help="Which one, when more than one fits.")]
Stay = Annotated[bool, typer.Option("--watch/--no-watch", help="Then show it live until it ends or halts.")]
Named = Annotated[
    str, typer.Argument(metavar="DEPLOYMENT|SERVICE", help="The deployment, or the service that it is of.")
]


def text_of(environment: Environment | None) -> str:
    """An environment that may have been left out."""
    return environment.value if environment else ""
