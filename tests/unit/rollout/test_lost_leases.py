"""A lease that was deleted or set back: the epoch never goes back, and every refused command is reported."""

from dataclasses import replace
from datetime import datetime

import pytest

from lifecycle.application.convergence.converge import Result, converge_all
from lifecycle.application.rollout import stages
from lifecycle.application.rollout.next_step import decide_next
from lifecycle.application.rollout.plan import begin
from lifecycle.application.rollout.rollback import hand_over
from lifecycle.domain.errors import StaleEpoch, StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.lease import Lease
from tests.fakes.leases import MemoryLeases
from tests.fakes.registry import MemoryRegistry
from tests.support.rollout import CLUSTER, Machine


def epoch(machine: Machine, name: str) -> int:
    return machine.record(name).epoch


def converge(machine: Machine) -> Result:
    return converge_all(machine.context, "abcd", "schedule")[0]


def trail(machine: Machine) -> list[str]:
    return [f"{entry.what}: {entry.why}" for entry in machine.memory.audit_log.read(CLUSTER)]


@pytest.mark.parametrize("set_back", [None, Lease(0), Lease(2)], ids=["deleted", "to 0", "to 2"])
def test_epoch_never_goes_back(machine: Machine, set_back: Lease | None) -> None:
    for version in ("1.0.1", "1.0.0", "1.0.1"):
        last = machine.deploy(version)
    assert epoch(machine, last) == 4
    machine.memory.leases.set_back(CLUSTER, set_back)
    deployed = machine.deploy("1.0.2")
    assert machine.record(deployed).state is DeploymentState.DONE
    assert epoch(machine, deployed) == 5
    assert set(machine.serving().values()) == {"1.0.2"}


def test_plan_that_waited_while_another_took_and_lost_the_lease_takes_a_higher_epoch(machine: Machine) -> None:
    """Seed 1000 of the simulation: both have read the epochs before either of them took the lease."""
    slow, fast = machine.request("1.0.1"), replace(machine.request("1.0.2"), deployment="hello-production-2-fast")

    class Slow(MemoryLeases):
        def acquire(self, cluster: Cluster, deployment: str, now: datetime, newest: int = 0) -> Lease:
            if deployment == slow.deployment and not machine.memory.deployments.get(CLUSTER, fast.deployment):
                assert machine.begin(fast).epoch == 2
                machine.memory.leases.set_back(CLUSTER, Lease(1))
            return super().acquire(cluster, deployment, now, newest)

    leases = Slow()
    leases._leases = machine.memory.leases._leases
    planned = begin(replace(machine.context, leases=leases), slow, slow.deployment)
    assert planned.kind == "PLANNED"
    assert planned.epoch > 2


@pytest.mark.parametrize("left", ["desired", "reports", "commands", "deployments"])
def test_each_record_alone_has_the_epoch(machine: Machine, left: str) -> None:
    machine.deploy("1.0.1")
    memory = machine.memory
    memory.leases.set_back(CLUSTER)
    if left != "desired":
        memory.registry._desired.clear()
    if left != "reports":
        for host in machine.hosts:
            memory.fleet.write_report(CLUSTER, replace(machine.report(host.name), epoch=0))
    if left != "commands":
        memory.fleet._turns.clear()
    if left != "deployments":
        memory.deployments._deployments.clear()
    assert machine.begin(machine.request("1.0.2")).epoch == 3


def test_rollback_takes_a_higher_epoch_than_any_record(machine: Machine) -> None:
    name = machine.deploy("1.0.1", reason="bad")
    machine.host("host-2").breaks["1.0.2"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.2")
    memory = machine.memory
    memory.fleet.write_report(CLUSTER, replace(machine.report("host-4"), epoch=30))
    rollback = str(hand_over(machine.context, CLUSTER, name, "it is bad").input["deployment"])
    assert memory.leases.current(CLUSTER).epoch == 31
    assert machine.begin(replace(machine.request("1.0.1"), deployment=rollback)).epoch == 31


def test_rollback_needs_no_readable_desired_version(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")

    class Unreadable(MemoryRegistry):
        def desired(self, cluster: Cluster) -> Desired | None:
            raise StoreRefused(f"the desired version of {cluster} cannot be read")

    hand_over(replace(machine.context, registry=Unreadable()), CLUSTER, name, "it is bad")
    assert machine.memory.leases.current(CLUSTER).epoch == 3


def test_wrong_report_uses_up_no_epochs(machine: Machine) -> None:
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-4"), epoch=10**30))
    assert machine.begin(machine.request("1.0.1")).epoch == 2


def test_running_deployment_takes_its_lost_lease_again_under_a_higher_epoch(machine: Machine) -> None:
    request = machine.request("1.0.1")
    begin(machine.context, request, request.deployment)
    name = request.deployment
    step = decide_next(machine.context, CLUSTER, name, name)
    machine.update(name, str(step.hosts[0]["host"]), 1)
    machine.memory.leases.set_back(CLUSTER)
    assert machine.run(name).outcome == "DONE"
    assert machine.executions == [f"{name}_2"]
    assert (epoch(machine, name), machine.record(name).state) == (3, DeploymentState.DONE)
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert (desired.epoch, desired.deployment) == (3, name)
    assert any(
        "take the lost lease again: the lease of production/hello was deleted" in each for each in trail(machine)
    )
    attempts = machine.memory.deployments.attempts(name)
    assert [(a.host, a.number, a.state) for a in attempts] == [
        (host.name, 1, AttemptState.ALIVE) for host in machine.hosts
    ], "the host that was updated before is not updated twice"


def test_stage_without_its_lease_changes_nothing_and_says_so(machine: Machine) -> None:
    request = machine.request("1.0.1")
    begin(machine.context, request, request.deployment)
    task = machine.hand_out(request.deployment, "host-1")
    machine.memory.leases.set_back(CLUSTER, Lease(1))
    outcome = stages.drain(machine.context, task)
    assert outcome.outcome == "STALE"
    assert "the lease is at epoch 1 (nobody), and this deployment has epoch 2" in outcome.reason
    assert machine.memory.deployments.attempts(request.deployment)[0].state is AttemptState.STARTED
    assert len(machine.serving()) == 4


def test_halted_deployment_whose_lease_was_lost_goes_on_with_the_decision(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.HALTED
    machine.memory.leases.set_back(CLUSTER)
    machine.host("host-1").breaks.clear()
    machine.decide(name, Choice.RETRY)
    assert (epoch(machine, name), machine.record(name).state) == (3, DeploymentState.DONE)


def test_convergence_resumes_a_deployment_that_lost_lease_and_execution(machine: Machine) -> None:
    request = machine.request("1.0.1")
    begin(machine.context, request, request.deployment)
    machine.memory.executions.rollouts[request.deployment] = {}
    machine.memory.leases.set_back(CLUSTER)
    found = converge(machine)
    assert (found.kind, found.deployment) == ("RESUME", request.deployment)
    assert "was deleted or set back to epoch 0" in found.reason
    machine.run_what_waited()
    assert (epoch(machine, request.deployment), machine.record(request.deployment).state) == (3, DeploymentState.DONE)


def test_deployment_that_was_stopped_by_hand_is_not_resumed_when_its_lease_was_lost(machine: Machine) -> None:
    request = machine.request("1.0.1")
    begin(machine.context, request, request.deployment)
    machine.memory.executions.rollouts[request.deployment] = {}
    machine.memory.executions.stopped.add(request.deployment)
    machine.memory.leases.set_back(CLUSTER)
    found = converge(machine)
    assert (found.kind, "was stopped by hand" in found.reason) == ("ABORTED", True)
    assert machine.record(request.deployment).state is DeploymentState.ABORTED


def test_convergence_leaves_a_running_execution_to_take_its_lease_again(machine: Machine) -> None:
    request = machine.request("1.0.1")
    begin(machine.context, request, request.deployment)
    machine.memory.executions.rollouts[request.deployment] = {}
    machine.memory.executions.running.add(request.deployment)
    machine.memory.leases.set_back(CLUSTER)
    machine.join("host-9")
    found = converge(machine)
    assert (found.kind, "takes it again at its next step" in found.reason) == ("HOLD", True)


def test_resume_that_was_lost_after_the_lease_goes_on_under_that_epoch(machine: Machine) -> None:
    request = machine.request("1.0.1")
    begin(machine.context, request, request.deployment)
    machine.memory.leases.set_back(CLUSTER, Lease(7, request.deployment, machine.now, None))
    assert begin(machine.context, request, f"{request.deployment}_2").epoch == 7
    assert epoch(machine, request.deployment) == 7


def test_newer_deployment_wins_over_one_that_lost_its_lease(machine: Machine) -> None:
    first = machine.request("1.0.1")
    begin(machine.context, first, first.deployment)
    machine.memory.leases.set_back(CLUSTER)
    second = machine.deploy("1.0.2")
    assert (epoch(machine, second), machine.record(second).state) == (3, DeploymentState.DONE)
    assert machine.record(first.deployment).state is DeploymentState.STALE
    assert decide_next(machine.context, CLUSTER, first.deployment, first.deployment).kind == "FINISH"
    assert begin(machine.context, first, f"{first.deployment}_2").kind == "REFUSED"


def test_lease_of_an_older_deployment_ends_the_newer_one(machine: Machine) -> None:
    name = machine.deploy("1.0.1")
    request = machine.request("1.0.2")
    machine.memory.clock.sleep(1)
    begin(machine.context, request, request.deployment)
    machine.memory.leases.set_back(CLUSTER, Lease(2, name, machine.now, None))
    step = decide_next(machine.context, CLUSTER, request.deployment, request.deployment)
    assert (step.kind, step.outcome) == ("FINISH", "STALE")


def test_hand_over_of_a_lost_lease_is_refused_in_words(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.memory.leases.set_back(CLUSTER)
    with pytest.raises(
        StaleEpoch, match=r"was deleted or set back to epoch 0, but this deployment has 2; `lifecycle"
    ):
        hand_over(machine.context, CLUSTER, name, "it is bad")


def test_stage_names_the_command_that_its_host_holds(machine: Machine) -> None:
    request = machine.request("1.0.1")
    begin(machine.context, request, request.deployment)
    newer = replace(machine.turn("host-1"), epoch=5, deployment="another")
    assert not machine.memory.fleet.give_turns(CLUSTER, [newer])
    before = machine.now
    machine.update(request.deployment, "host-1", 1)
    attempt = machine.memory.deployments.attempts(request.deployment)[0]
    assert attempt.state is AttemptState.FAILED
    assert "host-1 holds a command of epoch 5 (another), this deployment has epoch 2" in attempt.reason
    assert "deploy again, which takes a higher epoch" in attempt.reason
    assert (machine.now - before).total_seconds() < 1
    assert any(each.startswith("command refused: host-1 holds") for each in trail(machine))
    assert len(machine.serving()) == 4, "nothing was drained"


def test_stage_names_the_epoch_that_its_host_has_acted_under(machine: Machine) -> None:
    machine.host("host-1").silent = True
    request = machine.request("1.0.1")
    begin(machine.context, request, request.deployment)
    machine.host("host-1").silent = False
    acted = replace(machine.report("host-1"), epoch=9, deployment="lost", seen_at=machine.now)
    machine.memory.fleet.write_report(CLUSTER, acted)
    before = machine.now
    machine.update(request.deployment, "host-1", 1)
    attempt = machine.memory.deployments.attempts(request.deployment)[0]
    assert "host-1 has acted under epoch 9 (lost), this deployment has epoch 2" in attempt.reason
    assert (machine.now - before).total_seconds() < 1
    assert len(machine.serving()) == 4, "nothing was drained"


def test_diagnosis_says_that_its_command_was_refused(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.stop_at = "DIAGNOSE"
    name = machine.deploy("1.0.1")
    newer = replace(machine.turn("host-1"), epoch=5, deployment="another")
    assert not machine.memory.fleet.give_turns(CLUSTER, [newer])
    machine.diagnose(name, "host-1", 1)
    attempt = machine.memory.deployments.attempts(name)[0]
    assert "1.0.0 was not tried: host-1 holds a command of epoch 5" in attempt.diagnosis


def test_resume_that_was_lost_before_the_desired_version_writes_it_again(machine: Machine) -> None:
    """Seed 638 of the simulation: the record has the new epoch already."""
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.0.1")
    machine.memory.leases.set_back(CLUSTER, None)
    with pytest.raises(RuntimeError, match="killed"):
        begin(replace(machine.context, registry=Unwritable(machine)), machine.record(name).request, name)
    machine.stop_at = ""
    resumed = begin(machine.context, machine.record(name).request, name)
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert (desired.version, desired.epoch) == ("1.0.1", resumed.epoch)


class Unwritable(MemoryRegistry):
    """A registry whose writer is killed."""

    def __init__(self, machine: Machine) -> None:
        self.__dict__.update(machine.memory.registry.__dict__)

    def set_desired(self, cluster: Cluster, desired: Desired) -> None:
        raise RuntimeError("killed")


def test_resumed_deployment_takes_the_desired_version_back_from_a_fenced_one(machine: Machine) -> None:
    """Seed 19082 of the simulation: both took the lease, which was lost in between."""
    machine.stop_at = "UPDATE_HOSTS"
    fenced = machine.record(machine.deploy("1.0.2"))
    machine.memory.leases.set_back(CLUSTER, None)
    name = machine.deploy("1.0.1")
    written = fenced.desired
    machine.memory.registry.set_desired(CLUSTER, written)
    begin(machine.context, machine.record(name).request, name)
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert (desired.version, desired.epoch) == ("1.0.1", epoch(machine, name))
    edited = replace(written, digest="f" * 64)
    machine.memory.registry.set_desired(CLUSTER, edited)
    begin(machine.context, machine.record(name).request, name)
    assert machine.memory.registry.desired(CLUSTER) == edited, "a person's edit stays"


def test_epoch_of_a_lease_that_was_lost_since_it_was_read_is_not_given_again(machine: Machine) -> None:
    """Seed 16000 of the simulation: no record had the epoch when the plan read them."""
    given: list[Lease] = []

    class Losing(MemoryLeases):
        def acquire(self, cluster: Cluster, deployment: str, now: datetime, newest: int = 0) -> Lease:
            self.set_back(cluster, None)
            given.append(super().acquire(cluster, deployment, now, newest))
            return given[-1]

    leases, request = Losing(), machine.request("1.0.1")
    leases.set_back(CLUSTER, Lease(7))
    begin(replace(machine.context, leases=leases), request, request.deployment)
    assert given[0].epoch == 8
