"""The stage `install` records progress only where the host has installed the version under this deployment."""

from collections.abc import Sequence
from dataclasses import replace

from lifecycle.application.rollout import stages
from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import RefusedTurn, Turn
from lifecycle.domain.rollout.attempt import AttemptState
from tests.fakes.fleet import MemoryFleet
from tests.support.rollout import Machine


def drained(machine: Machine) -> HostTask:
    """Return the task of host-2, which is out of rotation and installs next."""
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    machine.begin(request)
    task = machine.hand_out(request.deployment, "host-2", 1)
    assert stages.drain(machine.context, task).outcome == "PASSED"
    return task


def state(machine: Machine, task: HostTask) -> AttemptState:
    return machine.memory.deployments.attempts(task.deployment)[-1].state


def test_installed_host_is_recorded_as_installed(machine: Machine) -> None:
    task = drained(machine)
    assert stages.install(machine.context, task).outcome == "PASSED"
    assert state(machine, task) is AttemptState.INSTALLED


def test_failed_install_fails_its_attempt(machine: Machine) -> None:
    machine.host("host-2").breaks["1.0.1"] = AgentStage.INSTALLING
    task = drained(machine)
    assert stages.install(machine.context, task).outcome == "FAILED"
    assert state(machine, task) is AttemptState.FAILED


def test_install_that_is_fenced_by_its_command_records_no_progress(machine: Machine) -> None:
    class Taken(MemoryFleet):
        def give_turns(self, cluster: Cluster, turns: Sequence[Turn]) -> Sequence[RefusedTurn]:
            lease = machine.memory.leases.current(cluster)
            machine.memory.leases.hand_over(cluster, lease, "another", machine.now)
            return [RefusedTurn(turn, replace(turn, epoch=turn.epoch + 1)) for turn in turns]

    task, fleet = drained(machine), Taken()
    fleet.__dict__.update(machine.memory.fleet.__dict__)
    assert stages.install(replace(machine.context, fleet=fleet), task).outcome == "STALE"
    assert state(machine, task) is AttemptState.DRAINED
    assert machine.installed()["host-2"] == "1.0.0"
