"""Notifications: the changes that give one, their text, their schema, and the stream's filters."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from infra.constructs.notifications import FILTERS
from infra.constructs.notifications import NOTIFIED as FILTERED_KINDS
from lifecycle.application.monitoring.notify import notify
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.monitoring.audit import AuditKind
from lifecycle.domain.monitoring.notifications import LONGEST, Change, Notification, NotificationKind, notification_of
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Choice, QuestionKind
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.test_bed.model import BedState
from lifecycle.domain.service.policy import ApprovalGate
from lifecycle.gateways.aws.notifications import AwsNotifications, detail
from lifecycle.gateways.aws.stream import changes_of
from lifecycle.gateways.aws.table import cluster_key, deployment_key, item, reports_key, turns_key
from tests.fakes.notifications import MemoryNotifications
from tests.unit.monitoring.notification_records import (
    APPROVAL,
    BED,
    CLUSTER,
    DECISION,
    LINE,
    NAME,
    NOW,
    answered,
    bed_item,
    deployment,
    deployment_item,
    judged,
    question_item,
    streamed,
    trail_item,
)

SCHEMA = json.loads(Path("docs/notices.schema.json").read_text())
RUNNING, DONE, HALTED = DeploymentState.RUNNING, DeploymentState.DONE, DeploymentState.HALTED
QUARANTINE = item(cluster_key(CLUSTER), "QUARANTINE#1.0.1", {"version": "1.0.1", "why": "rolled back by ada"})
BAD_HOST = item(cluster_key(CLUSTER), "BAD_HOST#h1", {"host": "h1", "why": "fails with 1.0.0 too"})
ASKED = replace(DECISION, token="token-1")
TURN = Turn("h1", Order.INSTALL, NAME, 7, 1, "1.0.1", "d", NOW, NOW)
ATTEMPT = HostAttempt(NAME, "h1", 1, 7, NAME, NOW)

NOTIFIED: dict[str, tuple[dict[str, Any] | None, dict[str, Any]]] = {
    "HALTED": (None, question_item(DECISION)),
    "WAITS": (None, question_item(APPROVAL)),
    "ANSWERED": (question_item(ASKED), question_item(answered(ASKED, Choice.ROLL_BACK))),
    "FINISHED": (
        deployment_item(deployment(RUNNING)),
        deployment_item(deployment(DONE, reason="4 hosts serve")),
    ),
    "REFUSED": (None, deployment_item(deployment(DeploymentState.REFUSED, reason="frozen; the sale"))),
    "RUN_FAILED": (None, trail_item(replace(LINE, kind=AuditKind.RUN_FAILED, what="the run hello-1 failed"))),
    "ROLLS_BACK": (None, deployment_item(deployment(RUNNING, Kind.ROLLBACK))),
    "QUARANTINED": (None, QUARANTINE),
    "VERDICT": (bed_item(BED), bed_item(judged(BedState.FAILED))),
    "ALARM": (None, trail_item(LINE)),
    "HAND_MADE": (None, trail_item(replace(LINE, kind=AuditKind.HAND_MADE))),
    "HOST_DOWN": (
        None,
        trail_item(replace(LINE, kind=AuditKind.HOST_DOWN, what="found h1 down while d has the cluster")),
    ),
    "CRASH_LOOP": (None, trail_item(replace(LINE, kind=AuditKind.CRASH_LOOP, what="found h1 in a crash loop"))),
    "SCHEDULE": (None, trail_item(replace(LINE, kind=AuditKind.SCHEDULE, what="found the schedule report failed"))),
    "OUTAGE": (None, trail_item(replace(LINE, what="found h1, h2 unhealthy together", kind=AuditKind.OUTAGE))),
    "CHANGED": (None, deployment_item(deployment(RUNNING))),
}
NOT_NOTIFIED: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {
    "a record is written again": (
        deployment_item(deployment(DONE)),
        deployment_item(deployment(DONE, reason="x")),
    ),
    "a task token is noted": (question_item(DECISION), question_item(ASKED)),
    "an answer is written again": (
        question_item(answered(ASKED, Choice.RETRY)),
        question_item(answered(replace(ASKED, token="token-2"), Choice.RETRY)),
    ),
    "a wish to roll back is recorded": (None, question_item(replace(APPROVAL, kind=QuestionKind.ROLLBACK))),
    "a minute of a test bed": (bed_item(BED), bed_item(replace(BED, minutes=40))),
    "a test bed is given up": (bed_item(BED), bed_item(judged(BedState.CANCELLED))),
    "a quarantine stays": (BAD_HOST, BAD_HOST),
    "a quarantine is lifted": (QUARANTINE, None),
    "a line of the trail": (None, trail_item(replace(LINE, kind=AuditKind.ACTION))),
    "an agent reports": (None, item(reports_key(CLUSTER), "h1", {"host": "h1"})),
    "a turn is given": (None, item(turns_key(CLUSTER), "h1", TURN)),
    "an attempt gets further": (None, item(deployment_key(NAME), "ATTEMPT#h1#001", ATTEMPT)),
    "a lease is renewed": (None, item(cluster_key(CLUSTER), "LEASE", Lease(7, NAME))),
}


def notified(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Notification]:
    changes, unread = changes_of([streamed(before, after)])
    assert unread == []
    return [notification for change in changes if (notification := notification_of(change))]


def event(notification: Notification) -> dict[str, Any]:
    """Return it as EventBridge delivers it, after a round trip through JSON."""
    whole = {"source": "lifecycle", "detail-type": notification.kind.value, "detail": detail(notification)}
    return dict(json.loads(json.dumps(whole)))


@pytest.mark.parametrize("kind", NOTIFIED)
def test_change_gives_one_notification_with_an_id_that_fits_the_schema(kind: str) -> None:
    (notification,) = notified(*NOTIFIED[kind])
    assert notification.kind.name == kind
    assert notified(*NOTIFIED[kind]) == [notification]
    fastjsonschema.validate(SCHEMA, event(notification))


def test_every_kind_is_notified_and_ids_are_unique() -> None:
    found = [notification for change in NOTIFIED.values() for notification in notified(*change)]
    assert {notification.kind for notification in found} == set(NotificationKind)
    assert len({notification.id for notification in found}) == len(found)
    documented = SCHEMA["properties"]
    assert documented["detail-type"]["enum"] == [kind.value for kind in NotificationKind]
    assert documented["detail"]["properties"]["kind"]["enum"] == [kind.name for kind in NotificationKind]


@pytest.mark.parametrize("what", NOT_NOTIFIED)
def test_other_changes_are_not_notified(what: str) -> None:
    assert notified(*NOT_NOTIFIED[what]) == []


@pytest.mark.parametrize(
    "wrong", [{"kind": "GOSSIP"}, {"environment": "attic"}, {"more": 1}, {"question": ""}, {"choices": []}]
)
def test_schema_refuses_other_events(wrong: dict[str, Any]) -> None:
    good = event(notified(*NOTIFIED["HALTED"])[0])
    fastjsonschema.validate(SCHEMA, good)
    with pytest.raises(fastjsonschema.JsonSchemaException):
        fastjsonschema.validate(SCHEMA, {**good, "detail": {**good["detail"], **wrong}})


def test_halt_notification_has_the_reason_and_the_effects() -> None:
    (notification,) = notified(*NOTIFIED["HALTED"])
    assert notification.summary == f"production/hello: {NAME} is halted on h1, attempt 1: its self-test failed: 500"
    assert notification.text.splitlines() == [
        "its self-test failed: 500",
        "1.0.0 passes there: it is the version",
        "RETRY: install 1.0.1 again",
        "ROLL_BACK: h1 back to 1.0.0",
        "until 2026-11-30 12:00 UTC",
    ]
    assert len(notification.evidence) == LONGEST
    assert notification.evidence.endswith("the last line")


# The minutes after NOW, the person, the new state, the deployment, the host, and the text.
FACTS = {
    "WAITS": (0, "", "", NAME, "", "requires an approval\nAPPROVE: \nREJECT: "),
    "ANSWERED": (1, "grace", "ROLL_BACK", NAME, "h1", "seen"),
    "FINISHED": (5, "ada", "DONE", NAME, "", "4 hosts serve"),
    "REFUSED": (5, "ada", "REFUSED", NAME, "", "frozen; the sale"),
    "ROLLS_BACK": (0, "ada", "RUNNING", NAME, "", ""),
    "QUARANTINED": (0, "", "", "", "", "rolled back by ada"),
    "VERDICT": (9, "", "FAILED", NAME, "h1", "4.0 points worse"),
    "ALARM": (0, "alarm lc-p-hello-errors", "", NAME, "", "rings"),
}


@pytest.mark.parametrize("kind", FACTS)
def test_notification_has_the_facts_of_its_change(kind: str) -> None:
    (found,) = notified(*NOTIFIED[kind])
    minutes, *facts = FACTS[kind]
    assert found.at == NOW + timedelta(minutes=minutes)
    assert [found.by, found.state, found.deployment, found.host, found.text] == facts
    assert found.cluster == CLUSTER


def test_subject_of_a_question_is_its_host_or_its_test_bed() -> None:
    of_bed = replace(APPROVAL, gate=ApprovalGate.AFTER_TEST_BED, attempt=2)
    (waits,) = notified(None, question_item(of_bed))
    assert waits.summary == f"production/hello: {NAME} waits on test bed 2: requires an approval"
    (answer,) = notified(question_item(of_bed), question_item(answered(of_bed, Choice.APPROVE)))
    assert answer.summary == f"production/hello: {NAME}: grace answered APPROVE on test bed 2"
    (whole,) = notified(*NOTIFIED["WAITS"])
    assert whole.summary == f"production/hello: {NAME} waits: requires an approval"


def test_end_of_a_deployment_and_start_of_a_rollback_are_notified() -> None:
    (done,) = notified(*NOTIFIED["FINISHED"])
    assert (done.summary, done.text) == ("production/hello: deploy of 1.0.1 ended DONE", "4 hosts serve")
    (refused,) = notified(*NOTIFIED["REFUSED"])
    assert refused.summary == "production/hello: deploy of 1.0.1 was refused: frozen; the sale"
    (back,) = notified(*NOTIFIED["ROLLS_BACK"])
    assert back.summary == "production/hello: rolls back to 1.0.1"


@pytest.mark.parametrize("state", DeploymentState)
def test_every_state_of_a_deployment_is_an_event_that_fits_the_schema(state: DeploymentState) -> None:
    before = DONE if state is RUNNING else RUNNING
    (found,) = notified(deployment_item(deployment(before)), deployment_item(deployment(state)))
    fastjsonschema.validate(SCHEMA, event(found))
    ends = (NotificationKind.FINISHED, NotificationKind.REFUSED)
    assert (found.kind in ends, found.state) == (state.final, state)


def test_deployment_that_runs_again_has_another_event_within_a_second() -> None:
    (first,) = notified(None, deployment_item(deployment(RUNNING)))
    (again,) = notified(deployment_item(deployment(DeploymentState.PAUSED)), deployment_item(deployment(RUNNING)))
    assert first.id != again.id


class Messages:
    """An SNS topic and a bus, which record what they get."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        self.events += Entries
        return {"FailedEntryCount": 0, "Entries": [{} for _ in Entries]}

    def publish(self, **message: Any) -> None:
        self.messages.append(message)


def test_people_get_no_message_of_a_change_that_is_for_programs() -> None:
    both = Messages()
    AwsNotifications(both, both, "topic").send(notified(*NOTIFIED["CHANGED"]) + notified(*NOTIFIED["FINISHED"]))
    assert [each["DetailType"] for each in both.events] == ["Deployment changed", "Deployment finished"]
    assert [each["Subject"] for each in both.messages] == ["Lifecycle production/hello: deploy of 1.0.1 ended DONE"]


def test_quarantine_for_another_reason_is_notified_again() -> None:
    (first,) = notified(None, BAD_HOST)
    (second,) = notified(BAD_HOST, item(cluster_key(CLUSTER), "BAD_HOST#h1", {"host": "h1", "why": "disk"}))
    assert first.id != second.id


def test_unreadable_record_does_not_block_the_next() -> None:
    strange = {**question_item(DECISION), "body": {"S": '{"of": "another version"}'}}
    by_hand = question_item(replace(APPROVAL, deployment="my own name"))
    changes, unread = changes_of([streamed(None, strange), streamed(None, by_hand), streamed(*NOTIFIED["WAITS"])])
    assert [change.after for change in changes] == [APPROVAL]
    assert len(unread) == 2


def test_summary_is_one_short_line() -> None:
    (notification,) = notified(None, question_item(replace(DECISION, reason="the log says\n" * 100)))
    assert "\n" not in notification.summary
    assert len(notification.summary) <= 300


def test_rejected_batch_raises_to_be_delivered_again() -> None:
    notifications, (changes, _) = (
        MemoryNotifications(),
        changes_of([streamed(*each) for each in NOTIFIED.values()]),
    )
    notifications.failures = 1
    with pytest.raises(StoreRefused):
        notify(notifications, changes)
    assert notifications.sent == []
    assert [notification.kind.name for notification in notify(notifications, changes)] == list(NOTIFIED)
    assert len(notifications.sent) == len(NOTIFIED)


class Refusing:
    """An EventBridge that rejects every event, and says so in its answer only."""

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"} for _ in Entries]}


def test_event_that_eventbridge_rejects_is_an_error() -> None:
    with pytest.raises(StoreRefused, match="ThrottlingException"):
        AwsNotifications(Refusing(), None, "topic").send(notified(*NOTIFIED["WAITS"]))


def passes(pattern: Any, value: Any) -> bool:
    """Return whether Lambda's filters would pass it: nested objects, exact texts and prefixes only."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(passes(each, value.get(key)) for key, each in pattern.items())
    return any(str(value).startswith(each["prefix"]) if isinstance(each, dict) else value == each for each in pattern)


def test_stream_filters_pass_notified_changes_and_drop_heartbeats() -> None:
    for change in NOTIFIED.values():
        assert any(passes(pattern, streamed(*change)) for pattern in FILTERS)
    kept_out = [
        what for what, change in NOT_NOTIFIED.items() if not any(passes(p, streamed(*change)) for p in FILTERS)
    ]
    assert kept_out == [
        "a quarantine is lifted",
        "a line of the trail",
        "an agent reports",
        "a turn is given",
        "an attempt gets further",
        "a lease is renewed",
    ]
    assert set(FILTERED_KINDS) == set(AuditKind) - {AuditKind.ACTION, AuditKind.REFUSAL}


@pytest.mark.parametrize(("reason", "text"), [("4 hosts serve", "4 hosts serve"), ("", "new prices")])
def test_text_of_an_end_is_its_reason_or_that_of_the_request(reason: str, text: str) -> None:
    ended = deployment(DONE, reason=reason)
    found = notification_of(
        Change(deployment(RUNNING), replace(ended, request=replace(ended.request, reason="new prices")), NOW)
    )
    assert found is not None
    assert found.text == text
