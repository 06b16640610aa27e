"""An alarm rings in a cluster of scripted hosts: what is recorded, what is begun, and what a second look does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.rollout.decide import answer_deployment as operator_says
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.alarms import Alarm
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.entrypoints.events import Watch
from tests.support.rollout import CLUSTER
from tests.unit.monitoring.scene import BACK, HALT, NAME, Field


@pytest.fixture
def field() -> Field:
    return Field(HALT)


@pytest.fixture
def going_back() -> Field:
    return Field(BACK)


def test_a_running_deployment_is_paused_with_the_alarm_as_its_evidence(field: Field) -> None:
    name = field.begun()
    field.rings()
    assert field.looks(NAME) == ["PAUSE"]
    waits = field.machine.run(name)
    assert waits.kind == "AWAIT_HUMAN"
    (asked,) = field.machine.memory.deployments.questions(name)
    assert asked.choices == (Choice.RESUME, Choice.ABORT)
    assert NAME in asked.reason
    assert "found 4.1 %" in asked.evidence
    assert "lifecycle rollback hello --environment production" in asked.evidence
    assert field.trail() == [("alarm: pause", f"alarm {NAME}")]
    assert list(field.machine.installed().values()).count("1.0.1") == 1


def test_resumed_it_goes_on_to_its_end_although_the_alarm_rings_on(field: Field) -> None:
    name = field.begun()
    field.rings()
    field.looks(NAME)
    field.machine.run(name)
    answer = Answer(Choice.RESUME, "grace", "known", field.machine.now)
    operator_says(field.machine.context, CLUSTER, name, answer)
    assert field.looks() == ["NOTHING"]
    field.machine.run(name)
    assert field.machine.record(name).state is DeploymentState.DONE


def test_by_policy_it_is_rolled_back_before_its_next_host(going_back: Field) -> None:
    name = going_back.begun()
    going_back.rings()
    assert going_back.looks(NAME) == ["GO_BACK"]
    going_back.machine.run(name)
    assert going_back.machine.record(name).state is DeploymentState.ROLLED_BACK
    assert going_back.newest.request.requested_by == f"alarm {NAME}"
    assert set(going_back.machine.installed().values()) == {"1.0.0"}
    assert "1.0.1" in going_back.machine.memory.fleet.quarantined(CLUSTER)


def test_after_its_end_a_human_is_told_once_a_ringing(field: Field) -> None:
    field.machine.deploy("1.0.1")
    field.rings()
    assert field.looks(NAME) + field.looks(NAME) + field.looks() == ["TELL", "NOTHING", "NOTHING"]
    field.machine.memory.clock.sleep(60)
    field.rings()
    assert field.looks() == ["TELL"]
    assert [what for what, _ in field.trail()] == ["alarm: is left to you"] * 2
    assert set(field.machine.installed().values()) == {"1.0.1"}


def test_after_its_end_it_is_rolled_back_once_and_the_rollback_never(going_back: Field) -> None:
    done = going_back.machine.deploy("1.0.1")
    going_back.rings()
    going_back.rings("lc-p-hello-latency")
    assert going_back.looks() == ["START_ROLLBACK", "START_ROLLBACK"]
    assert len(going_back.machine.memory.executions.rollouts) == 1
    heir = going_back.machine.run_what_waited()
    record = going_back.machine.record(heir)
    assert (record.state, record.request.kind) == (DeploymentState.DONE, Kind.ROLLBACK)
    assert record.request.rollback_of == done
    assert set(going_back.machine.installed().values()) == {"1.0.0"}
    going_back.machine.memory.clock.sleep(5)
    going_back.rings("lc-p-hello-hosts")
    assert going_back.looks() == ["NOTHING", "NOTHING", "TELL"]
    assert len(going_back.machine.memory.executions.rollouts) == 1


def test_a_start_that_was_lost_is_made_up_for_under_the_same_name(going_back: Field) -> None:
    going_back.machine.deploy("1.0.1")
    going_back.rings()
    going_back.looks(NAME)
    (name,) = going_back.machine.memory.executions.rollouts
    going_back.machine.memory.executions.rollouts.clear()
    going_back.machine.memory.clock.sleep(300)
    assert going_back.looks() == ["START_ROLLBACK"]
    assert list(going_back.machine.memory.executions.rollouts) == [name]
    assert len(going_back.trail()) == 1


def test_a_late_or_double_message_changes_nothing(field: Field) -> None:
    name = field.begun()
    field.rings(ringing=False)
    assert field.looks(NAME, NAME) == ["NOTHING"]
    assert field.machine.memory.deployments.questions(name) == []
    assert field.trail() == []


def test_what_rang_before_the_deployment_does_not_hold_up_the_fix(going_back: Field) -> None:
    going_back.rings()
    going_back.machine.memory.clock.sleep(60)
    name = going_back.begun()
    assert going_back.looks() == ["NOTHING"]
    going_back.machine.run(name)
    assert going_back.machine.record(name).state is DeploymentState.DONE


def test_an_alarm_of_another_cluster_is_another_clusters(field: Field) -> None:
    name = field.begun()
    other = Alarm("lc-s-hello-errors", Cluster("staging", "hello"), True, field.machine.now, "", "")
    field.alarms.put(other)
    assert field.looks() == ["NOTHING"]
    assert field.machine.memory.deployments.questions(name) == []


def test_a_repair_is_not_what_is_watched(going_back: Field) -> None:
    going_back.machine.deploy("1.0.1")
    going_back.machine.deploy("1.0.1", Kind.CONVERGE)
    assert going_back.newest.target.version == "1.0.1"
    going_back.rings()
    (found,) = going_back.watched()
    assert found.kind == "START_ROLLBACK"
    assert going_back.machine.record(found.deployment).target.version == "1.0.0"


def test_minutes_are_as_long_as_the_world_says(field: Field) -> None:
    field.machine.deploy("1.0.1")
    field.machine.context = replace(field.machine.context, minute=timedelta(seconds=1))
    field.machine.memory.clock.sleep(31)
    field.rings()
    assert field.looks() == ["NOTHING"]


@pytest.mark.parametrize(
    ("event", "alarms"),
    [
        (
            {
                "Records": [
                    {"Sns": {"Message": '{"AlarmName": "lc-p-hello-errors", "NewStateValue": "ALARM"}'}}
                ]
            },
            (NAME,),
        ),
        ({"Records": [{"Sns": {"Message": "hello?"}}, {"Sns": {"Message": '{"AlarmName": 7}'}}, {}]}, ()),
        ({"requested_by": "schedule"}, ()),
        ({}, ()),
    ],
)
def test_the_function_takes_snss_event_and_the_clocks(
    event: dict[str, object], alarms: tuple[str, ...]
) -> None:
    assert Watch.model_validate(event).alarms == alarms
