"""An alarm rings in a cluster of scripted hosts: the records, the effects, and those of a second check."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.rollout.decide import answer_deployment as operator_says
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.alarms import Alarm
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.service.manifest import ReleaseCommand
from lifecycle.entrypoints.events import Watch
from tests.support.rollout import CLUSTER, manifest
from tests.unit.monitoring.scene import BACK, HALT, NAME, Field


@pytest.fixture
def field() -> Field:
    return Field(HALT)


@pytest.fixture
def rolling_back() -> Field:
    return Field(BACK)


def test_running_deployment_is_paused_with_the_alarm_as_evidence(field: Field) -> None:
    name = field.begun()
    field.rings()
    assert field.kinds(NAME) == ["PAUSE"]
    waits = field.machine.run(name)
    assert waits.kind == "AWAIT_HUMAN"
    (asked,) = field.machine.memory.deployments.questions(name)
    assert asked.choices == (Choice.RESUME, Choice.ABORT)
    assert NAME in asked.reason
    assert "found 4.1 %" in asked.evidence
    assert "lifecycle rollback hello --environment production" in asked.evidence
    assert field.audit_entries() == [("alarm: pause", f"alarm {NAME}")]
    assert list(field.machine.installed().values()).count("1.0.1") == 1


def test_resumed_deployment_finishes_although_the_alarm_still_rings(field: Field) -> None:
    name = field.begun()
    field.rings()
    field.kinds(NAME)
    field.machine.run(name)
    answer = Answer(Choice.RESUME, "grace", "known", field.machine.now)
    operator_says(field.machine.context, CLUSTER, name, answer)
    assert field.kinds() == ["NOTHING"]
    field.machine.run(name)
    assert field.machine.record(name).state is DeploymentState.DONE


def test_policy_rolls_back_before_the_next_host(rolling_back: Field) -> None:
    name = rolling_back.begun()
    rolling_back.rings()
    assert rolling_back.kinds(NAME) == ["REQUEST_ROLLBACK"]
    rolling_back.machine.run(name)
    assert rolling_back.machine.record(name).state is DeploymentState.ROLLED_BACK
    assert rolling_back.newest.request.requested_by == f"alarm {NAME}"
    assert set(rolling_back.machine.installed().values()) == {"1.0.0"}
    assert "1.0.1" in rolling_back.machine.memory.fleet.quarantined(CLUSTER)


def test_done_deployment_is_notified_once_a_ringing(field: Field) -> None:
    field.machine.deploy("1.0.1")
    field.rings()
    assert field.kinds(NAME) + field.kinds(NAME) + field.kinds() == ["NOTIFY", "NOTHING", "NOTHING"]
    field.machine.memory.clock.sleep(60)
    field.rings()
    assert field.kinds() == ["NOTIFY"]
    assert [what for what, _ in field.audit_entries()] == ["alarm: is left to you"] * 2
    assert set(field.machine.installed().values()) == {"1.0.1"}


def test_done_deployment_is_rolled_back_once_and_its_rollback_never(rolling_back: Field) -> None:
    done = rolling_back.machine.deploy("1.0.1")
    rolling_back.rings()
    rolling_back.rings("lc-p-hello-latency")
    assert rolling_back.kinds() == ["START_ROLLBACK", "START_ROLLBACK"]
    assert len(rolling_back.machine.memory.executions.rollouts) == 1
    rollback = rolling_back.machine.run_what_waited()
    record = rolling_back.machine.record(rollback)
    assert (record.state, record.request.kind) == (DeploymentState.DONE, Kind.ROLLBACK)
    assert record.request.rollback_of == done
    assert set(rolling_back.machine.installed().values()) == {"1.0.0"}
    rolling_back.machine.memory.clock.sleep(5)
    rolling_back.rings("lc-p-hello-hosts")
    assert rolling_back.kinds() == ["NOTHING", "NOTHING", "NOTIFY"]
    assert len(rolling_back.machine.memory.executions.rollouts) == 1


def test_lost_start_is_repeated_under_the_same_name(rolling_back: Field) -> None:
    rolling_back.machine.deploy("1.0.1")
    rolling_back.rings()
    rolling_back.kinds(NAME)
    (name,) = rolling_back.machine.memory.executions.rollouts
    rolling_back.machine.memory.executions.rollouts.clear()
    rolling_back.machine.memory.clock.sleep(300)
    assert rolling_back.kinds() == ["START_ROLLBACK"]
    assert list(rolling_back.machine.memory.executions.rollouts) == [name]
    assert len(rolling_back.audit_entries()) == 1


@pytest.mark.parametrize(("ended", "kind"), [(False, "PAUSE"), (True, "NOTIFY")])
def test_deployment_that_only_ran_its_release_command_is_concerned_while_it_runs(
    field: Field, kind: str, *, ended: bool
) -> None:
    machine = field.machine
    machine.deploy("1.0.1")
    machine.publish(manifest("1.1.0", HALT, release=ReleaseCommand("migrate", 60)))
    machine.host("host-2").release = "fails" if ended else "passes"
    machine.stop_at = "UPDATE_HOSTS"
    name = machine.deploy("1.1.0")
    if ended:
        machine.decide(name, Choice.ABORT, "host-2")
    field.rings()
    assert field.kinds(NAME) == [kind]


def test_late_or_duplicate_message_changes_nothing(field: Field) -> None:
    name = field.begun()
    field.rings(ringing=False)
    assert field.kinds(NAME, NAME) == ["NOTHING"]
    assert field.machine.memory.deployments.questions(name) == []
    assert field.audit_entries() == []


def test_alarm_before_the_deployment_does_not_block_the_fix(rolling_back: Field) -> None:
    rolling_back.rings()
    rolling_back.machine.memory.clock.sleep(60)
    name = rolling_back.begun()
    assert rolling_back.kinds() == ["NOTHING"]
    rolling_back.machine.run(name)
    assert rolling_back.machine.record(name).state is DeploymentState.DONE


def test_alarm_of_another_cluster_changes_nothing(field: Field) -> None:
    name = field.begun()
    other = Alarm("lc-s-hello-errors", Cluster("staging", "hello"), True, field.machine.now, "", "")
    field.alarms.put(other)
    assert field.kinds() == ["NOTHING"]
    assert field.machine.memory.deployments.questions(name) == []


def test_repair_is_not_watched(rolling_back: Field) -> None:
    rolling_back.machine.deploy("1.0.1")
    rolling_back.machine.deploy("1.0.1", Kind.CONVERGE)
    assert rolling_back.newest.target.version == "1.0.1"
    rolling_back.rings()
    (found,) = rolling_back.check()
    assert found.kind == "START_ROLLBACK"
    assert rolling_back.machine.record(found.deployment).target.version == "1.0.0"


def test_watch_uses_the_minute_of_the_context(field: Field) -> None:
    field.machine.deploy("1.0.1")
    field.machine.context = replace(field.machine.context, minute=timedelta(seconds=1))
    field.machine.memory.clock.sleep(31)
    field.rings()
    assert field.kinds() == ["NOTHING"]


@pytest.mark.parametrize(
    ("event", "alarms"),
    [
        (
            {"Records": [{"Sns": {"Message": '{"AlarmName": "lc-p-hello-errors", "NewStateValue": "ALARM"}'}}]},
            (NAME,),
        ),
        ({"Records": [{"Sns": {"Message": "hello?"}}, {"Sns": {"Message": '{"AlarmName": 7}'}}, {}]}, ()),
        ({"requested_by": "schedule"}, ()),
        ({}, ()),
    ],
)
def test_function_accepts_the_event_of_sns_and_of_the_schedule(
    event: dict[str, object], alarms: tuple[str, ...]
) -> None:
    assert Watch.model_validate(event).alarms == alarms
