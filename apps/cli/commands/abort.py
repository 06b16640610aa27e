"""`lifecycle abort`: end a halted or paused deployment and leave every host as it is."""

from typing import Any

from apps.cli import resolve
from apps.cli.cluster_operations import answer_payload
from apps.cli.command import Yes, connected
from apps.cli.options import DeploymentName, OnlyIn, ThenWatch, Why, text_of
from apps.cli.output.decision_view import effect, question_lines
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from apps.cli.watch.deployment import after_answer
from lifecycle.domain.errors import Refused
from lifecycle.domain.rollout.decision import Choice, Question, open_questions
from lifecycle.domain.rollout.deployment import Deployment


@connected("abort hello --why 'it will not get better'", "abort hello -e staging --why 'wrong branch' --yes")
def abort(
    printer: Printer,
    connection: Connection,
    deployment: DeploymentName,
    why: Why,
    environment: OnlyIn = None,
    *,
    yes: Yes = False,
    watch: ThenWatch = False,
) -> int:
    """Abort a halted or paused deployment; every host stays as it is, some with the new version.

    One that runs is paused first, or rolled back. One that is queued is cancelled.
    """
    found = resolve.running_deployment(connection, deployment, text_of(environment))
    question = _question(connection, found)
    printer.line(f"{found.id}: {found.target.in_words}, {found.state}")
    for line in question_lines(question, connection.context.clock.now()):
        printer.line(line)
    printer.line(f"{Choice.ABORT}: {effect(question, Choice.ABORT)}", "bold")
    if not yes and not printer.confirm_end(f"Abort {found.id}?"):
        printer.line("not aborted")
        return 1
    answer = answer_payload(connection, found.cluster, found.id, Choice.ABORT, why)
    about = {"host": question.host, "attempt": question.attempt} if question.host else {}
    payload: dict[str, Any] = {**answer, **about}
    connection.functions.call("decide", payload)
    printer.line(f"recorded: {Choice.ABORT} by {connection.by}", "bold green")
    code, endings = after_answer(printer, connection, found.id, watch=watch)
    printer.facts({**payload, "endings": endings})
    return code


def _question(connection: Connection, found: Deployment) -> Question:
    """Return the question that ABORT answers; raises Refused if the deployment waits for none."""
    asked = open_questions(found, connection.context.deployments.questions(found.id))
    if question := next((each for each in asked if Choice.ABORT in each.choices), None):
        return question
    service = found.cluster.service
    ways = ("pause", "rollback", "reject", "cancel")
    commands = ", ".join(f"`{connection.command(f'{way} {service}')}`" for way in ways)
    reason = f"{found.id} is {found.state} and waits for no decision that could end it; {commands} are the other ways"
    raise Refused("the abort", [reason])
