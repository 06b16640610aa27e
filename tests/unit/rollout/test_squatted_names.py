"""Somebody used up the name of a rollback's execution before the rollback was decided."""

from datetime import timedelta

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.decide import decide
from lifecycle.application.rollout.requested import begin_requested
from lifecycle.application.rollout.rollback import hand_over
from lifecycle.domain.convergence.ended_execution import EndedExecution
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.decision import Answer, Choice
from tests.support.rollout import CLUSTER, Machine


def test_rollback_whose_name_was_used_up_begins_once_its_deployment_has_ended() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.host("host-3").breaks["1.0.1"] = AgentStage.SELF_TESTING
    bad = machine.deploy("1.0.1")
    current = machine.record(bad)
    assert current.previous is not None
    name = current.rollback_request(current.previous, "", "", current.started_at).deployment
    executions = machine.memory.executions
    assert executions.start_rollout(name, {"deployment": name})
    assert begin_requested(machine.context, name, name).kind == "REFUSED"
    executions.running.discard(name)

    decide(machine.context, CLUSTER, bad, "host-3", 1, Answer(Choice.ROLL_BACK, "ada", "it is bad", machine.now))
    assert machine.decide_next(bad).kind == "ROLL_BACK"
    handed = hand_over(machine.context, CLUSTER, bad, "it is bad").input
    assert handed["deployment"] == name
    assert not executions.start_rollout(name, handed), "the state machine ends as NameTaken"
    executions.running.discard(bad)
    machine.memory.clock.sleep(1)
    ended = EndedExecution(bad, timedelta(minutes=1))
    (found,) = converge_all(machine.context, "abcd", "an execution ended", CLUSTER, ended)
    assert (found.kind, f"{name}_2" in executions.running) == ("RESUME", True)
    assert begin_requested(machine.context, name, f"{name}_2").kind == "PLANNED"
