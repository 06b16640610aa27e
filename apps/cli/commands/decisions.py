"""`lifecycle approve`, `reject`, `extend` and `decide`: an operator's answer to a waiting rollout.

An answer is valid for one deployment, and a decision also for one host and attempt. The function refuses any other.
"""

from enum import StrEnum
from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.cluster_operations import answer_payload
from apps.cli.command import ServiceName, Yes, connected
from apps.cli.errors import Ambiguous
from apps.cli.known_names import one_of
from apps.cli.options import DeploymentId, DeploymentName, Environment, MaybeWhy, OnlyIn, ThenWatch, Why, text_of
from apps.cli.output.commit_view import show_note
from apps.cli.output.decision_view import effect, question_facts, question_lines
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from apps.cli.resolve import PendingQuestion
from apps.cli.watch.deployment import after_answer
from lifecycle.domain.errors import Refused
from lifecycle.domain.rollout.decision import Choice, QuestionKind
from lifecycle.domain.rollout.deployment import cluster_of


class Decision(StrEnum):
    """The choices for a failed host, and for a release command."""

    RETRY = "RETRY"
    SKIP_HOST = "SKIP_HOST"
    FORCE_NEXT = "FORCE_NEXT"
    ROLL_BACK = "ROLL_BACK"
    GO_ON = "GO_ON"
    ABORT = "ABORT"


def choice_named(text: str) -> Decision:
    """Return the choice that was typed; raises Unknown."""
    return Decision(one_of("choice", [str(each) for each in Decision], text.replace("-", "_")))


@connected("approve hello --why 'checked the first host'")
def approve(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    why: Why,
    deployment: DeploymentId = "",
    environment: OnlyIn = None,
    *,
    watch: ThenWatch = False,
) -> int:
    """Approve the deployment that waits for an approval, so that it goes on."""
    found = _approval(connection, service, deployment, environment)
    _show(printer, connection, found)
    return _answer(printer, connection, found, Choice.APPROVE, why, watch=watch)


@connected("reject hello --why 'the first host is slow'")
def reject(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    why: Why,
    deployment: DeploymentId = "",
    environment: OnlyIn = None,
    *,
    yes: Yes = False,
    watch: ThenWatch = False,
) -> int:
    """Reject the deployment that waits for an approval; updated hosts get the previous version back."""
    found = _approval(connection, service, deployment, environment)
    _show(printer, connection, found)
    printer.line(f"{Choice.REJECT}: {effect(found.question, Choice.REJECT)}", "bold")
    if not yes and not printer.confirm_end(f"Reject {found.deployment.id}?"):
        printer.line("no decision was recorded")
        return 1
    return _answer(printer, connection, found, Choice.REJECT, why, watch=watch)


@connected("extend hello --why 'too few requests at night'")
def extend(
    printer: Printer,
    connection: Connection,
    service: ServiceName,
    why: Why,
    deployment: DeploymentId = "",
    environment: OnlyIn = None,
    *,
    watch: ThenWatch = False,
) -> int:
    """Let an undecided test bed bake for as long again, then judge it again."""
    found = _approval(connection, service, deployment, environment)
    _offered(found, Choice.EXTEND)
    return _answer(printer, connection, found, Choice.EXTEND, why, watch=watch)


@connected(
    "decide hello RETRY --why 'the disk was full'",
    "decide hello-production-20261123014630-ab12 ROLL_BACK --host h1 --attempt 1 --why 'bad version'",
)
def decide(
    printer: Printer,
    connection: Connection,
    deployment: DeploymentName,
    choice: Annotated[
        Decision,
        typer.Argument(
            metavar="CHOICE",
            parser=choice_named,
            help="What `lifecycle status` offers: RETRY, SKIP_HOST, FORCE_NEXT, ROLL_BACK or ABORT, and GO_ON "
            "where a release command may have run.",
        ),
    ],
    host: Annotated[str, typer.Option(help="The failed host; the decision is refused if another one failed.")] = "",
    attempt: Annotated[
        int, typer.Option(min=0, help="The failed attempt; the decision is refused if another one failed.")
    ] = 0,
    why: MaybeWhy = "",
    environment: OnlyIn = None,
    *,
    yes: Yes = False,
    watch: ThenWatch = False,
) -> int:
    """Decide what to do with a failed host. The decision is valid for this attempt only."""
    found = resolve.pending_question(connection, deployment, text_of(environment), QuestionKind.DECISION)
    taken = Choice(choice.value)
    _check(found, taken, host, attempt)
    _show(printer, connection, found)
    printer.line(f"{taken}: {effect(found.question, taken)}", "bold")
    if not yes and not _confirmed(printer, found, taken, asked=not host):
        printer.line("no decision was recorded")
        return 1
    return _answer(printer, connection, found, taken, why, watch=watch)


def _confirmed(printer: Printer, found: PendingQuestion, taken: Choice, *, asked: bool) -> bool:
    """Ask where the host was not named, and always before the deployment is aborted."""
    if taken is Choice.ABORT:
        return printer.confirm_end(f"Abort {found.deployment.id}?")
    return not asked or printer.confirm(f"{taken} for {found.question.host}?")


def _approval(
    connection: Connection, service: str, deployment: str, environment: Environment | None
) -> PendingQuestion:
    """Return the approval that a deployment of a service waits for; raises Ambiguous for one of another service."""
    if resolve.is_deployment(deployment) and cluster_of(deployment).service != service:
        raise Ambiguous(f"expected a deployment of {service}, found {deployment}: name its own service")
    wanted = deployment or service
    return resolve.pending_question(connection, wanted, text_of(environment), QuestionKind.APPROVAL)


def _check(found: PendingQuestion, choice: Choice, host: str, attempt: int) -> None:
    question = found.question
    if (host or question.host, attempt or question.attempt) != (question.host, question.attempt):
        named = f"{host or question.host}, attempt {attempt or question.attempt}"
        waiting = f"{question.host}, attempt {question.attempt}"
        raise Refused("the decision", [f"{question.deployment} waits for one on {waiting}, not on {named}"])
    _offered(found, choice)


def _offered(found: PendingQuestion, choice: Choice) -> None:
    question = found.question
    if choice not in question.choices:
        raise Refused(str(choice), [f"{question.deployment} offers {', '.join(question.choices)}"])


def _show(printer: Printer, connection: Connection, found: PendingQuestion) -> None:
    printer.line(f"{found.deployment.id}: {found.deployment.target.in_words}, {found.deployment.state}")
    for line in question_lines(found.question, connection.context.clock.now()):
        printer.line(line)
    if found.question.kind is QuestionKind.APPROVAL:
        show_note(printer, found.deployment.changes, "  ")


def _answer(
    printer: Printer, connection: Connection, found: PendingQuestion, choice: Choice, why: str, *, watch: bool
) -> int:
    """Record the answer to exactly the question that was shown."""
    cluster, question = found.deployment.cluster, found.question
    answer = answer_payload(connection, cluster, found.deployment.id, choice, why)
    payload = {**answer, "host": question.host, "attempt": question.attempt}
    if question.host:
        connection.functions.call("decide", payload)
    else:
        connection.functions.call("approve", {**payload, "question": question.id})
    about = f" for {question.host}, attempt {question.attempt}," if question.host else ""
    printer.line(f"recorded: {choice}{about} by {connection.by}: {effect(question, choice)}", "bold green")
    rolls_back = choice in (Choice.ROLL_BACK, Choice.REJECT)
    code, endings = after_answer(printer, connection, found.deployment.id, watch=watch, rollback_is_fine=rolls_back)
    printer.facts({**payload, "question": question_facts(question, connection.command), "endings": endings})
    return code
