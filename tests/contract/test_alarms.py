"""The clusters' alarms, and notifications as events for programs and messages for people."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.local.aws.clients import Aws
from lifecycle.application.ports.alarms import Alarms
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.alarms import Alarm, cluster_of_alarm
from lifecycle.domain.monitoring.notifications import Notification, NotificationKind
from lifecycle.gateways.aws.alarms import CloudWatchAlarms
from lifecycle.gateways.aws.notifications import AwsNotifications
from tests.fakes.alarms import MemoryAlarms
from tests.support.listening import on_bus, on_topic

_NUMBERS = itertools.count(1)


@dataclass
class Bells:
    """The alarms of one service, and a function that puts one into a state."""

    alarms: Alarms
    put: Callable[[str, str], None]
    service: str

    def named(self, sign: str) -> str:
        return f"lc-p-{self.service}-{sign}"


@pytest.fixture(params=["memory", pytest.param("aws", marks=pytest.mark.emulator)])
def bells(request: pytest.FixtureRequest) -> Bells:
    service = f"bell-{next(_NUMBERS)}"
    if request.param == "memory":
        fake = MemoryAlarms()
        return Bells(fake, lambda name, state: _put(fake, name, state), service)
    cloudwatch = request.getfixturevalue("emulator").client("cloudwatch")
    return Bells(CloudWatchAlarms(cloudwatch), lambda name, state: _set(cloudwatch, name, state), service)


def _put(fake: MemoryAlarms, name: str, state: str) -> None:
    cluster = cluster_of_alarm(name) or Cluster("production", "nobody")
    fake.put(Alarm(name, cluster, state == "ALARM", datetime.now(UTC), "expected little", f"is {state}"))


def _set(cloudwatch: Any, name: str, state: str) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        AlarmDescription="expected little",
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[{"Name": "TargetGroup", "Value": name}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=3,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=f"is {state}")


def test_an_alarm_is_read_with_its_current_state(bells: Bells) -> None:
    bells.put(bells.named("errors"), "ALARM")
    (found,) = bells.alarms.named([bells.named("errors")])
    assert (found.name, found.cluster) == (bells.named("errors"), Cluster("production", bells.service))
    assert (found.ringing, found.expected, found.found) == (True, "expected little", "is ALARM")
    assert abs(datetime.now(UTC) - found.since) < timedelta(seconds=30)
    bells.put(bells.named("errors"), "OK")
    (found,) = bells.alarms.named([bells.named("errors")])
    assert not found.ringing


def test_ringing_alarms_are_found_and_only_those_of_clusters(bells: Bells) -> None:
    bells.put(bells.named("errors"), "ALARM")
    bells.put(bells.named("latency"), "OK")
    bells.put(bells.named("hosts"), "INSUFFICIENT_DATA")
    bells.put(f"lc-p-{bells.service}-cost", "ALARM")
    bells.put(f"billing-{bells.service}", "ALARM")
    mine = [alarm.name for alarm in bells.alarms.ringing() if bells.service in alarm.name]
    assert mine == [bells.named("errors")]


def test_a_missing_or_a_foreign_alarm_is_left_out(bells: Bells) -> None:
    bells.put(f"billing-{bells.service}", "ALARM")
    assert bells.alarms.named([f"billing-{bells.service}", bells.named("errors")]) == []


@pytest.mark.emulator
def test_a_notification_is_sent_as_an_event_and_as_a_message_that_can_be_filtered(
    emulator: Aws,
) -> None:
    topic = emulator.client("sns").create_topic(Name="notifications")["TopicArn"]
    programs = on_bus(emulator, "programs")
    people = on_topic(emulator, "people", topic, {"kind": ["HALTED"], "environment": ["production"]})
    kinds = [NotificationKind.HALTED] + [NotificationKind.FINISHED] * 11
    notifications = [_notification(number, kind) for number, kind in enumerate(kinds)]
    AwsNotifications(emulator.client("events"), emulator.client("sns"), topic).send(notifications)
    events = [json.loads(body) for body in programs.await_messages(len(notifications))]
    assert [event["detail"]["id"] for event in events] == [notification.id for notification in notifications]
    assert {event["detail-type"] for event in events} == {"Deployment halted", "Deployment finished"}
    (mail,) = people.await_messages(1)
    assert mail.splitlines() == ["grüße " * 30, "", "why", "", "id: 0"]


def _notification(number: int, kind: NotificationKind) -> Notification:
    cluster = Cluster("production", "hello")
    return Notification(str(number), kind, cluster, datetime.now(UTC), "grüße " * 30, "why", state="DONE")
