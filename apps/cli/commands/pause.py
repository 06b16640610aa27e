"""`lifecycle pause` and `resume`: pause a deployment before its next host, then resume or abort it."""

from typing import Annotated

import typer

from apps.cli import resolve
from apps.cli.cluster_operations import answer_payload
from apps.cli.command import Yes, connected
from apps.cli.options import DeploymentName, OnlyIn, ThenWatch, Why, text_of
from apps.cli.output.decision_view import choice_lines, effect, question_lines
from apps.cli.output.live import headline
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from apps.cli.watch.deployment import after_answer
from apps.cli.watch.deployment_view import Poller
from lifecycle.domain.rollout.decision import Choice, QuestionKind, latest_attempts, open_questions
from lifecycle.domain.rollout.deployment import Deployment

Abort = Annotated[bool, typer.Option("--abort", help="Abort the deployment instead; every host stays as it is.")]


@connected("pause hello --why 'latency rises'", "pause hello-production-20261123014630-ab12 --why 'too slow'")
def pause(
    printer: Printer, connection: Connection, deployment: DeploymentName, why: Why, environment: OnlyIn = None
) -> int:
    """Pause a deployment before its next host. Hosts that are being updated are finished first."""
    found = resolve.running_deployment(connection, deployment, text_of(environment))
    payload = answer_payload(connection, found.cluster, found.id, Choice.PAUSE, why)
    connection.functions.call("decide", payload)
    updating = _hosts_in_update(connection, found)
    printer.facts({**payload, "state": str(found.state), "under_way": updating})
    printer.line(_progress(connection, found))
    first = f"; finished first: {', '.join(updating)}" if updating else ""
    printer.line(f"recorded: PAUSE by {connection.by}: no further host is updated{first}", "bold green")
    for question in open_questions(found, connection.context.deployments.questions(found.id)):
        if question.kind is QuestionKind.RESUME:
            for line in choice_lines(question, connection.command):
                printer.line(line)
    _show_other_questions(printer, connection, found)
    return 0


@connected("resume hello --why 'latency is back'", "resume hello --abort --why 'latency stays high'")
def resume(
    printer: Printer,
    connection: Connection,
    deployment: DeploymentName,
    why: Why,
    environment: OnlyIn = None,
    *,
    abort: Abort = False,
    yes: Yes = False,
    watch: ThenWatch = False,
) -> int:
    """Resume a paused deployment with its next host, or abort it and leave every host as it is."""
    found = resolve.pending_question(connection, deployment, text_of(environment), QuestionKind.RESUME)
    choice, question = Choice.ABORT if abort else Choice.RESUME, found.question
    printer.line(_progress(connection, found.deployment))
    for line in question_lines(question, connection.context.clock.now()):
        printer.line(line)
    printer.line(f"{choice}: {effect(question, choice)}", "bold")
    if abort and not yes and not printer.confirm_end(f"Abort {found.deployment.id}?"):
        printer.line("not aborted")
        return 1
    payload = answer_payload(connection, found.deployment.cluster, found.deployment.id, choice, why)
    connection.functions.call("decide", payload)
    printer.line(f"recorded: {choice} by {connection.by}", "bold green")
    _show_other_questions(printer, connection, found.deployment)
    code, endings = after_answer(printer, connection, found.deployment.id, watch=watch)
    printer.facts({**payload, "endings": endings})
    return code


def _show_other_questions(printer: Printer, connection: Connection, found: Deployment) -> None:
    """Show the other answers that the deployment waits for: a pause neither gives nor withdraws them."""
    for question in open_questions(found, connection.context.deployments.questions(found.id)):
        if question.kind is not QuestionKind.RESUME:
            see = connection.command(f"status {found.cluster.service}")
            printer.line(f"also waits for {question.kind.in_words}: {see}", "yellow")


def _progress(connection: Connection, found: Deployment) -> str:
    return f"{found.id}: {headline(Poller(connection, found.cluster, found.id).poll())}"


def _hosts_in_update(connection: Connection, found: Deployment) -> list[str]:
    newest = latest_attempts(connection.context.deployments.attempts(found.id))
    return [host for host, attempt in newest.items() if not attempt.state.ended]
