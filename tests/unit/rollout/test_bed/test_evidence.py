"""Evidence of a decision: the command line and the console name its kind, for any wording of the reason."""

from apps.cli.output.decision_view import question_lines
from lifecycle.domain.rollout.decision import Choice, Question
from tests.support.rollout import Machine


def newest_question(machine: Machine, name: str) -> Question:
    return max(machine.memory.deployments.questions(name), key=lambda each: each.asked_at)


def test_measurements_keep_their_title_in_a_repeated_question(machine: Machine) -> None:
    machine.errors["1.0.1"] = 30
    name = machine.deploy("1.0.1")
    host = machine.bed(name).host
    first = newest_question(machine, name)
    assert f"  what was measured of {host}:" in question_lines(first, machine.now)
    machine.decide(name, Choice.FORCE_NEXT, host)
    last = newest_question(machine, name)
    assert (last.host, last.again, last.evidence) == (host, 1, first.evidence)
    assert f"  what was measured of {host}:" in question_lines(last, machine.now)
