"""What an alarm asks for cannot be done now: it is not forgotten, and it is not said over and over."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.application.rollout.plan import begin
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.host import Stage
from lifecycle.domain.monitoring.alarms import LATE_ALARM
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.policy import ApprovalGate, Policy
from lifecycle.entrypoints.events import Deploy
from lifecycle.gateways.memory.artifacts import MemoryArtifacts
from lifecycle.gateways.memory.executions import MemoryExecutions
from tests.support.rollout import CLUSTER, Machine, manifest
from tests.unit.monitoring.scene import BACK, HALT, Field

GATED = ApprovalGate.BEFORE_FIRST_HOST


class Throttled(MemoryArtifacts):
    """A store that answers nobody."""

    def manifest(self, service: str, version: str) -> Manifest:
        raise StoreRefused(f"expected {version} of {service}, found SlowDown")


class AtOnce(MemoryExecutions):
    """Every execution has planned by the time that its start has returned."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        new = super().start_rollout(name, payload)
        if new:
            self.machine.memory.clock.sleep(2)
            begin(self.machine.context, Deploy(**payload, execution=name).request(), name)
        return new


@pytest.fixture
def done() -> Field:
    """1.0.1 is on every host, and an alarm rolls it back."""
    field = Field(BACK)
    field.machine.deploy("1.0.1")
    return field


def halted_repair(machine: Machine) -> str:
    """A host that joined cannot run 1.0.1: its repair has the cluster, and waits for a human."""
    machine.join("host-5").breaks["1.0.1"] = Stage.SELF_TESTING
    name = machine.deploy("1.0.1", Kind.CONVERGE)
    assert machine.record(name).state is DeploymentState.HALTED
    return name


def gated(machine: Machine, policy: Policy = BACK) -> str:
    """1.0.3 has the cluster, and waits for an approval before its first host."""
    machine.publish(manifest("1.0.3", replace(policy, approval=GATED)))
    name = machine.deploy("1.0.3")
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    return name


def rollbacks(field: Field) -> list[Deployment]:
    recent = field.machine.memory.deployments.recent(CLUSTER, 50)
    return [each for each in recent if each.request.kind is Kind.ROLLBACK]


def rolls_back(field: Field) -> bool:
    """Whether the next look starts a rollback that takes every host back to 1.0.0."""
    kinds = field.looks()
    field.machine.run_what_waited()
    return kinds == ["START_ROLLBACK"] and set(field.machine.installed().values()) == {"1.0.0"}


def test_while_a_repair_has_the_cluster_somebody_is_told_once(done: Field) -> None:
    repair = halted_repair(done.machine)
    done.rings()
    (found,) = done.watched()
    assert (found.kind, found.deployment) == ("HELD_UP", repair)
    assert f"the repair {repair} holds the lease and is HALTED" in found.reason
    assert done.looks() == ["NOTHING"]
    assert done.trail() == [("alarm: waits for", "alarm lc-p-hello-errors")]
    assert rollbacks(done) == []


def test_once_the_repair_has_ended_it_is_rolled_back_after_all(done: Field) -> None:
    repair = halted_repair(done.machine)
    done.rings()
    done.looks()
    done.machine.decide(repair, Choice.ABORT, "host-5")
    assert rolls_back(done)


def test_a_rollback_that_was_refused_is_tried_again_under_another_name(done: Field) -> None:
    done.rings()
    context = done.machine.context
    done.machine.context = replace(context, artifacts=Throttled())
    done.looks()
    refused = done.machine.run_what_waited()
    assert done.machine.record(refused).state is DeploymentState.REFUSED
    done.machine.context = context
    assert rolls_back(done)
    assert {each.id for each in rollbacks(done)} > {refused}
    assert done.looks() == ["NOTHING"]
    assert len(done.trail()) == 1


def test_one_try_a_look_however_many_alarms_ring_and_none_after_the_watch(done: Field) -> None:
    machine = done.machine
    machine.context = replace(machine.context, artifacts=Throttled(), executions=AtOnce(machine))
    done.rings()
    done.rings("lc-p-hello-latency")
    ended = machine.now
    for tries in (1, 2):
        done.looks()
        assert [each.state for each in rollbacks(done)] == [DeploymentState.REFUSED] * tries
    machine.memory.clock.sleep((ended + timedelta(minutes=30) + LATE_ALARM - machine.now).total_seconds())
    assert done.looks() == ["NOTHING", "NOTHING"]
    assert len(done.trail()) == 2


def test_one_that_a_human_cancelled_is_not_tried_again(done: Field) -> None:
    done.rings()
    done.looks()
    (heir,) = rollbacks(done)
    done.machine.tell(heir.id, Choice.ABORT)
    assert done.looks() == ["NOTHING"]
    assert [each.state for each in rollbacks(done)] == [DeploymentState.ABORTED]


def test_what_serves_is_watched_while_a_newer_one_waits_for_its_first_host(done: Field) -> None:
    newer = gated(done.machine)
    done.rings()
    (found,) = done.watched()
    assert (found.kind, found.deployment) == ("HELD_UP", newer)
    assert f"the deployment {newer} holds the lease and is AWAITING_APPROVAL" in found.reason
    assert "lc-p-hello-errors has been ringing since" in found.reason
    assert done.looks() == ["NOTHING"]
    assert len(done.trail()) == 1


def test_one_that_was_rejected_before_its_first_host_leaves_the_watch_as_it_was(done: Field) -> None:
    newer = gated(done.machine)
    done.rings()
    done.looks()
    done.machine.approve(newer, Choice.REJECT)
    assert done.machine.record(newer).state is DeploymentState.REJECTED
    assert rolls_back(done)


def test_one_that_is_approved_after_all_may_be_the_fix(done: Field) -> None:
    newer = gated(done.machine)
    done.rings()
    done.looks()
    done.machine.approve(newer, Choice.APPROVE)
    assert done.looks() == ["NOTHING"]
    assert done.machine.record(newer).state is DeploymentState.DONE


def test_by_halt_a_human_is_told_who_has_the_cluster() -> None:
    field = Field(HALT)
    field.machine.deploy("1.0.1")
    newer = gated(field.machine, HALT)
    field.rings()
    (found,) = field.watched()
    assert found.kind == "TELL"
    assert f"the deployment {newer} holds the lease" in found.reason
    assert field.looks() == ["NOTHING"]
