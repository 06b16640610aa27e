"""`lifecycle approve`, `reject` and `decide`: a human's answer to what a rollout waits for.

An answer is bound to the deployment, and a decision also to its host and attempt: the function refuses any other.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer

from apps.cli import resolve
from apps.cli.command import ServiceName, Yes, connected
from apps.cli.commands.deploying import Environment
from apps.cli.page import Page
from apps.cli.ports import Connection
from apps.cli.questions import asked, question_facts
from apps.cli.resolve import Waiting
from apps.cli.watching import watch_deployment
from lifecycle.domain.errors import Refused
from lifecycle.domain.questions import CONSEQUENCES, Choice


class Decision(StrEnum):
    """What may be decided on a failed host."""

    RETRY = "RETRY"
    SKIP_HOST = "SKIP_HOST"
    FORCE_NEXT = "FORCE_NEXT"
    ROLL_BACK = "ROLL_BACK"
    ABORT = "ABORT"


Why = Annotated[str, typer.Option("--why", help="Why; kept in the trail.")]
Which = Annotated[
    str, typer.Option("--deployment", metavar="ID", help="Which one, when more than one waits.")
]
Where = Annotated[Environment | None, typer.Option("--environment", "-e", help="Only in this environment.")]
Stay = Annotated[bool, typer.Option("--watch/--no-watch", help="Then show it live until it ends or halts.")]


@connected("approve hello --why 'checked the first host'")
def approve(
    page: Page,
    here: Connection,
    service: ServiceName,
    why: Why,
    deployment: Which = "",
    environment: Where = None,
    *,
    watch: Stay = False,
) -> int:
    """Approve the deployment that waits at a gate; it goes on."""
    found = resolve.waiting(here, deployment or service, _text(environment), decision=False)
    return _answer(page, here, found, Choice.APPROVE, why, watch=watch)


@connected("reject hello --why 'the first host is slow'")
def reject(
    page: Page,
    here: Connection,
    service: ServiceName,
    why: Why,
    deployment: Which = "",
    environment: Where = None,
    *,
    watch: Stay = False,
) -> int:
    """Reject the deployment that waits at a gate; hosts already updated get the previous version back."""
    found = resolve.waiting(here, deployment or service, _text(environment), decision=False)
    return _answer(page, here, found, Choice.REJECT, why, watch=watch)


@connected(
    "decide hello RETRY --why 'disk was full, now it is not'",
    "decide hello-production-20261123014630-ab12 ROLL_BACK --host h1 --attempt 1 --why 'self-test is right'",
)
def decide(
    page: Page,
    here: Connection,
    deployment: Annotated[
        str, typer.Argument(metavar="DEPLOYMENT|SERVICE", help="The halted deployment, or its service.")
    ],
    choice: Annotated[
        Decision,
        typer.Argument(metavar="CHOICE", case_sensitive=False, help="What becomes of the failed host."),
    ],
    host: Annotated[str, typer.Option(help="The host that is asked about; refused if it is another.")] = "",
    attempt: Annotated[int, typer.Option(min=0, help="The attempt; refused if it is another.")] = 0,
    why: Why = "",
    environment: Where = None,
    *,
    yes: Yes = False,
    watch: Stay = False,
) -> int:
    """Decide on a failed host: RETRY, SKIP_HOST, FORCE_NEXT, ROLL_BACK or ABORT, for that attempt only."""
    found = resolve.waiting(here, deployment, _text(environment), decision=True)
    _check(found, host, attempt)
    _show(page, found)
    taken = Choice(choice.value)
    page.say(f"{taken}: {CONSEQUENCES[taken]}", "bold")
    if not yes and not host and not page.confirm(f"{taken} for {found.question.host}?"):
        page.say("nothing was decided")
        return 1
    return _answer(page, here, found, taken, why, watch=watch)


def _text(environment: Environment | None) -> str:
    return environment.value if environment else ""


def _check(found: Waiting, host: str, attempt: int) -> None:
    question = found.question
    if (host or question.host, attempt or question.attempt) != (question.host, question.attempt):
        asked_about = f"{question.host}, attempt {question.attempt}"
        raise Refused(
            "the decision", [f"{question.deployment} asks about {asked_about}, not {host} {attempt}"]
        )


def _show(page: Page, found: Waiting) -> None:
    page.say(f"{found.deployment.id}: {found.deployment.target.version}, {found.deployment.state}")
    for line in asked(found.question):
        page.say(line)


def _answer(page: Page, here: Connection, found: Waiting, choice: Choice, why: str, *, watch: bool) -> int:
    """Call the function that records it, for exactly the question that was shown."""
    cluster, question = found.deployment.cluster, found.question
    payload = {
        "deployment": found.deployment.id,
        "service": cluster.service,
        "environment": cluster.environment,
        "choice": str(choice),
        "by": here.by,
        "why": why,
        "host": question.host,
        "attempt": question.attempt,
    }
    here.functions.call("decide" if question.host else "approve", payload)
    about = f" for {question.host}, attempt {question.attempt}," if question.host else ""
    page.say(f"recorded: {choice}{about} by {here.by}: {CONSEQUENCES[choice]}", "bold green")
    code = 0
    endings: list[dict[str, Any]] = []
    if watch:
        fine = choice in (Choice.ROLL_BACK, Choice.REJECT)
        code, endings = watch_deployment(
            page, here, found.deployment.id, quiet=page.as_json, rollback_is_fine=fine
        )
    else:
        page.say(f"next: {here.command(f'watch {found.deployment.id}')}")
    page.facts({**payload, "question": question_facts(question, here.command), "endings": endings})
    return code
