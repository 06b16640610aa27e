"""A rollback that an alarm asks for is blocked: it is tried again, and notified once."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.application.ports.artifacts import StoredManifest
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.monitoring.alarms import LATE_ALARM
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.executions import MemoryExecutions
from tests.support.rollout import CLUSTER, Machine, manifest
from tests.unit.monitoring.scene import BACK, HALT, Field

GATED = ApprovalGate.BEFORE_FIRST_HOST


class Throttled(MemoryArtifacts):
    """A store that refuses every read."""

    def stored_manifest(self, service: str, version: str) -> StoredManifest:
        raise StoreRefused(f"expected {version} of {service}, found SlowDown")


class AtOnce(MemoryExecutions):
    """Executions that have planned when their start returns."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        new = super().start_rollout(name, payload)
        if new:
            self.machine.memory.clock.sleep(2)
            self.machine.start(dict(payload), name)
        return new


@pytest.fixture
def done() -> Field:
    """Deploy 1.0.1 to every host, under a policy that rolls back on an alarm."""
    field = Field(BACK)
    field.machine.deploy("1.0.1")
    return field


def running_repair(machine: Machine) -> str:
    """Return a repair that holds the lease: a host that joined cannot run 1.0.1."""
    machine.join("host-5").breaks["1.0.1"] = AgentStage.SELF_TESTING
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.0.1", Kind.CONVERGE)
    machine.stop_at = ""
    assert machine.record(name).state is DeploymentState.RUNNING
    return name


def gated(machine: Machine, policy: Policy = BACK) -> str:
    """Return the deployment of 1.0.3, which holds the lease and waits for an approval before its first host."""
    machine.publish(manifest("1.0.3", replace(policy, approval=GATED)))
    name = machine.deploy("1.0.3")
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    return name


def rollbacks(field: Field) -> list[Deployment]:
    recent = field.machine.memory.deployments.recent(CLUSTER, 50)
    return [each for each in recent if each.request.kind is Kind.ROLLBACK]


def rolls_back(field: Field) -> bool:
    """Return whether the next check starts a rollback that returns every host to 1.0.0."""
    kinds = field.kinds()
    field.machine.run_what_waited()
    return kinds == ["START_ROLLBACK"] and set(field.machine.installed().values()) == {"1.0.0"}


def test_blocked_rollback_is_notified_once_while_a_repair_holds_the_lease(done: Field) -> None:
    repair = running_repair(done.machine)
    done.rings()
    (found,) = done.check()
    assert (found.kind, found.deployment) == ("ROLLBACK_BLOCKED", repair)
    assert f"the repair {repair} holds the lease and is RUNNING" in found.reason
    assert done.kinds() == ["NOTHING"]
    assert done.audit_entries() == [("alarm: waits for", "alarm lc-p-hello-errors")]
    assert rollbacks(done) == []


def test_rollback_begins_after_the_repair_has_ended(done: Field) -> None:
    repair = running_repair(done.machine)
    done.rings()
    done.kinds()
    done.machine.run(repair)
    assert done.machine.record(repair).failed_host == "host-5"
    assert rolls_back(done)


def test_refused_rollback_is_retried_under_another_name(done: Field) -> None:
    done.rings()
    context = done.machine.context
    done.machine.context = replace(context, artifacts=Throttled())
    done.kinds()
    refused = done.machine.run_what_waited()
    assert done.machine.record(refused).state is DeploymentState.REFUSED
    done.machine.context = context
    assert rolls_back(done)
    assert {each.id for each in rollbacks(done)} > {refused}
    assert done.kinds() == ["NOTHING"]
    assert len(done.audit_entries()) == 1


def test_each_check_tries_one_rollback_until_the_watch_ends(done: Field) -> None:
    machine = done.machine
    machine.context = replace(machine.context, artifacts=Throttled(), executions=AtOnce(machine))
    done.rings()
    done.rings("lc-p-hello-latency")
    ended = machine.now
    for tries in (1, 2):
        done.kinds()
        assert [each.state for each in rollbacks(done)] == [DeploymentState.REFUSED] * tries
    machine.memory.clock.sleep((ended + timedelta(minutes=30) + LATE_ALARM - machine.now).total_seconds())
    assert done.kinds() == ["NOTHING", "NOTHING"]
    assert len(done.audit_entries()) == 2


def test_cancelled_rollback_is_not_retried(done: Field) -> None:
    done.rings()
    done.kinds()
    (rollback,) = rollbacks(done)
    done.machine.tell(rollback.id, Choice.ABORT)
    assert done.kinds() == ["NOTHING"]
    assert [each.state for each in rollbacks(done)] == [DeploymentState.ABORTED]


def test_serving_version_is_watched_while_a_newer_one_waits_for_approval(done: Field) -> None:
    newer = gated(done.machine)
    done.rings()
    (found,) = done.check()
    assert (found.kind, found.deployment) == ("ROLLBACK_BLOCKED", newer)
    assert f"the deployment {newer} holds the lease and is AWAITING_APPROVAL" in found.reason
    assert "lc-p-hello-errors has been ringing since" in found.reason
    assert done.kinds() == ["NOTHING"]
    assert len(done.audit_entries()) == 1


def test_rejected_deployment_does_not_end_the_watch(done: Field) -> None:
    newer = gated(done.machine)
    done.rings()
    done.kinds()
    done.machine.approve(newer, Choice.REJECT)
    assert done.machine.record(newer).state is DeploymentState.REJECTED
    assert rolls_back(done)


def test_approved_deployment_may_be_the_fix(done: Field) -> None:
    newer = gated(done.machine)
    done.rings()
    done.kinds()
    done.machine.approve(newer, Choice.APPROVE)
    assert done.kinds() == ["NOTHING"]
    assert done.machine.record(newer).state is DeploymentState.DONE


def test_halt_policy_notifies_about_the_lease_holder() -> None:
    field = Field(HALT)
    field.machine.deploy("1.0.1")
    newer = gated(field.machine, HALT)
    field.rings()
    (found,) = field.check()
    assert found.kind == "NOTIFY"
    assert f"the deployment {newer} holds the lease" in found.reason
    assert field.kinds() == ["NOTHING"]
