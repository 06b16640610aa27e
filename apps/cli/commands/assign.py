"""`lifecycle assign`: say that you are on what a deployment asks, so that others see it."""

from apps.cli import resolve
from apps.cli.cluster_operations import answer_payload
from apps.cli.command import connected
from apps.cli.options import DeploymentName, MaybeWhy, OnlyIn, text_of
from apps.cli.output.decision_view import choice_lines, question_lines
from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from lifecycle.domain.rollout.decision import Choice, open_questions


@connected("assign hello", "assign hello-production-20261123014630-ab12 --why 'I read its log'")
def assign(
    printer: Printer,
    connection: Connection,
    deployment: DeploymentName,
    why: MaybeWhy = "",
    environment: OnlyIn = None,
) -> int:
    """Say that you are on the question of a deployment. It stays open, and everybody sees your name and the time."""
    found = resolve.running_deployment(connection, deployment, text_of(environment))
    payload = answer_payload(connection, found.cluster, found.id, Choice.ASSIGN, why)
    connection.functions.call("decide", payload)
    printer.facts(payload)
    printer.line(f"recorded: {connection.by} is on {found.id}", "bold green")
    for question in open_questions(found, connection.context.deployments.questions(found.id))[:1]:
        lines = question_lines(question, connection.context.clock.now())
        for line in (*lines, *choice_lines(question, connection.command)):
            printer.line(line)
    return 0
