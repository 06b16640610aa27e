"""`lifecycle pause` and `resume`: stop a deployment before its next host, and let it go on or abort it."""

from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.cluster_operations import deployment_answer
from apps.cli.command import Yes, connected
from apps.cli.options import Named, OnlyIn, Stay, Why, text_of
from apps.cli.output.decision_view import choice_lines, effect, question_lines
from apps.cli.output.live import headline
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from apps.cli.watch.deployment import after_answer
from apps.cli.watch.deployment_view import Poller
from lifecycle.domain.rollout.decision import Choice, QuestionKind, latest_attempts, open_questions
from lifecycle.domain.rollout.deployment import Deployment

Abort = Annotated[
    bool, typer.Option("--abort", help="End it here instead: every host stays as it is, nothing goes on.")
]


@connected("pause hello --why 'latency rises'", "pause hello-production-20261123014630-ab12 --why 'latency'")
def pause(
    printer: Printer, connection: Connection, deployment: Named, why: Why, environment: OnlyIn = None
) -> int:
    """Stop a deployment before its next host, until somebody resumes; hosts under way are finished first."""
    found = resolve.the_running(connection, deployment, text_of(environment))
    given = deployment_answer(connection, found.cluster, found.id, Choice.PAUSE, why)
    connection.functions.call("decide", given)
    busy = _under_way(connection, found)
    printer.facts({**given, "state": str(found.state), "under_way": busy})
    printer.line(_standing(connection, found))
    first = f"; finished first: {', '.join(busy)}" if busy else ""
    printer.line(f"recorded: PAUSE by {connection.by}: no further host is begun{first}", "bold green")
    for question in open_questions(found, connection.context.deployments.questions(found.id)):
        if question.kind is QuestionKind.RESUME:
            for line in choice_lines(question, connection.command):
                printer.line(line)
    _tell_others(printer, connection, found)
    return 0


@connected("resume hello --why 'latency is back'", "resume hello --abort --why 'it will not get better'")
def resume(
    printer: Printer,
    connection: Connection,
    deployment: Named,
    why: Why,
    environment: OnlyIn = None,
    *,
    abort: Abort = False,
    yes: Yes = False,
    watch: Stay = False,
) -> int:
    """Let a paused deployment go on with its next host; or abort it, and leave every host as it is."""
    found = resolve.waiting(connection, deployment, text_of(environment), QuestionKind.RESUME)
    choice, question = Choice.ABORT if abort else Choice.RESUME, found.question
    printer.line(_standing(connection, found.deployment))
    for line in question_lines(question, connection.context.clock.now()):
        printer.line(line)
    printer.line(f"{choice}: {effect(question, choice)}", "bold")
    if abort and not yes and not printer.confirm(f"Abort {found.deployment.id}?"):
        printer.line("nothing was done")
        return 1
    given = deployment_answer(connection, found.deployment.cluster, found.deployment.id, choice, why)
    connection.functions.call("decide", given)
    printer.line(f"recorded: {choice} by {connection.by}", "bold green")
    _tell_others(printer, connection, found.deployment)
    code, endings = after_answer(printer, connection, found.deployment.id, watch=watch)
    printer.facts({**given, "endings": endings})
    return code


def _tell_others(printer: Printer, connection: Connection, found: Deployment) -> None:
    """What else it waits for: a pause neither answers a question nor takes one back."""
    for question in open_questions(found, connection.context.deployments.questions(found.id)):
        if question.kind is not QuestionKind.RESUME:
            see = connection.command(f"status {found.cluster.service}")
            printer.line(f"it waits for {question.kind.in_words} too: {see}", "yellow")


def _standing(connection: Connection, found: Deployment) -> str:
    return f"{found.id}: {headline(Poller(connection, found.cluster, found.id).poll())}"


def _under_way(connection: Connection, found: Deployment) -> list[str]:
    newest = latest_attempts(connection.context.deployments.attempts(found.id))
    return [host for host, attempt in newest.items() if not attempt.state.ended]
