"""Alarms during and after a rollout: pause, rollback, and the notifications about them."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from tests.conftest import Laptop
from tests.end_to_end.service import Service
from tests.support.listening import Queue, on_bus, on_topic
from tests.support.polling import wait_for

pytestmark = pytest.mark.emulator

ALARM = "lc-p-brittle-errors"
SCHEMA = json.loads(Path("docs/notices.schema.json").read_text())


@dataclass(frozen=True)
class Watched:
    """Releases of brittle that start slowly: an alarm pauses `halts`, and rolls `back` back."""

    service: Service
    laptop: Laptop
    plain: str
    halts: str
    back: str

    def ring_until(self, what: str, poll: Callable[[], Any]) -> Any:
        """Set the alarm until `poll` returns a true value; the service's metrics soon reset it."""
        cloudwatch = self.laptop.aws.client("cloudwatch")

        def ring() -> Any:
            for state in ("OK", "ALARM"):
                cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="9 were answered 500")
            time.sleep(0.3)
            return poll()

        return wait_for(what, ring)

    def alarm_entries(self) -> list[str]:
        """Return the audit entries of the service that are about an alarm."""
        trail = self.service.operator.read("history", "brittle", "--trail", "--limit", "1000").facts["trail"]
        return [entry["what"] for entry in reversed(trail) if entry["what"].startswith("alarm")]


@pytest.fixture(scope="module")
def events(laptop: Laptop) -> Queue:
    return on_bus(laptop.aws, "events")


@pytest.fixture(scope="module")
def mails(laptop: Laptop) -> Queue:
    topic = laptop.aws.client("sns").create_topic(Name="lifecycle-notices")["TopicArn"]
    return on_topic(laptop.aws, "mails", topic, {"kind": ["WAITS", "ALARM"]})


@pytest.fixture(scope="module")
def watched(brittle: Service, laptop: Laptop, events: Queue, mails: Queue) -> Watched:
    """Three releases, `plain` in production; both queues receive from the beginning."""
    file = brittle.copy / "lifecycle.toml"
    before = file.read_text()
    brittle.change("lifecycle.toml", r'MOOD = "[^"]*"', 'MOOD = "starts slowly"')
    brittle.change("lifecycle.toml", r'approval = "\w+"', 'approval = "none"')
    runs = [brittle.push("Ignore alarms")]
    brittle.change("lifecycle.toml", r"^alive_seconds = 15", "alive_seconds = 15\nwatch_minutes = 600")
    runs.append(brittle.push("An alarm halts"))
    brittle.change("lifecycle.toml", r"^watch_minutes = 600", 'watch_minutes = 600\non_alarm = "roll_back"')
    runs.append(brittle.push("An alarm rolls back"))
    file.write_text(before)
    plain, halts, back = (brittle.promoted(brittle.built(run)) for run in runs)
    found = Watched(brittle, laptop, plain, halts, back)
    brittle.settle()
    brittle.deploy(plain)
    return found


def details(events: Queue) -> list[dict[str, Any]]:
    return [json.loads(body)["detail"] for body in events.receive()]


def kinds_about(events: Queue, deployment: str) -> list[str]:
    """Return the kinds of the notifications about a deployment, in the order of their arrival.

    CHANGED, for programs, is left out: it comes with each of the others.
    """
    about = [detail["kind"] for detail in details(events) if detail["deployment"] == deployment]
    return [kind for kind in about if kind != "CHANGED"]


def test_an_idle_environment_starts_no_notify(watched: Watched, events: Queue) -> None:
    events.await_messages(1)
    logs = watched.laptop.aws.client("logs")

    def invocations() -> int:
        found = logs.filter_log_events(logGroupName="/aws/lambda/lifecycle-notify")["events"]
        return sum("START RequestId" in event["message"] for event in found)

    time.sleep(2)
    before, host_views = invocations(), watched.service.host_views()
    assert before
    time.sleep(6)
    assert invocations() == before
    assert watched.service.host_views() != host_views  # the agents reported meanwhile


def test_a_rollout_is_paused_by_an_alarm_and_resumed_by_a_human(
    watched: Watched, events: Queue, mails: Queue
) -> None:
    service = watched.service
    name = str(service.deploy(watched.halts, "--no-watch").facts["deployment"])
    wait_for("the first host to be begun", lambda: service.steps(name))
    watched.ring_until("a question", lambda: service.status()["question"])
    question = service.wait_until("PAUSED")
    assert f"paused by the alarm {ALARM}" in question["reason"]
    assert sorted(service.installed().values()) == sorted([watched.plain, watched.halts])
    service.operator("resume", "brittle", "--why", "it was a test")
    assert service.operator("watch", name).events[-1]["state"] == "DONE"
    wait_for("the end to be notified", lambda: "FINISHED" in kinds_about(events, name))
    assert kinds_about(events, name) == ["ALARM", "WAITS", "ANSWERED", "FINISHED"]
    changed = {d["state"] for d in details(events) if (d["deployment"], d["kind"]) == (name, "CHANGED")}
    assert {"RUNNING", "PAUSED"} <= changed, changed
    received = mails.await_messages(2)
    assert any(f"RESUME: go on with the next host; {ALARM} pauses it again" in mail for mail in received)


def test_an_alarm_after_the_end_notifies_operators(watched: Watched, events: Queue) -> None:
    service = watched.service
    assert service.status()["watched_until"]
    before = len(watched.alarm_entries())
    watched.ring_until("an audit entry", lambda: len(watched.alarm_entries()) > before)
    assert watched.alarm_entries()[-1] == "alarm: is left to you"
    received = wait_for("a notification", lambda: [d for d in details(events) if "is left to you" in d["summary"]])
    assert f"alarm {ALARM}" == received[-1]["by"]
    assert "9 were answered 500" in received[-1]["text"]
    assert set(service.installed().values()) == {watched.halts}


def test_an_alarm_rolls_back_by_policy_but_never_rolls_a_rollback_back(watched: Watched, events: Queue) -> None:
    service = watched.service
    name = str(service.deploy(watched.back).facts["deployment"])
    rollback = watched.ring_until(
        "a rollback",
        lambda: service.newest_deployment() if service.newest_deployment()["rollback_of"] == name else None,
    )
    assert (rollback["kind"], rollback["version"], rollback["requested_by"]) == (
        "ROLLBACK",
        watched.halts,
        f"alarm {ALARM}",
    )
    wait_for("its end", lambda: service.newest_deployment()["state"] == "DONE")
    assert set(service.installed().values()) == {watched.halts}
    blockers = service.operator("plan", "brittle", watched.back, code=1).facts["refusals"]
    assert any(watched.back in why for why in blockers)
    before = len(watched.alarm_entries())
    watched.ring_until("an audit entry about the rollback", lambda: len(watched.alarm_entries()) > before)
    assert service.newest_deployment()["deployment"] == rollback["deployment"]
    assert service.status()["lease"] is None
    wait_for("the quarantine to be notified", lambda: [d for d in details(events) if d["kind"] == "QUARANTINED"])
    assert kinds_about(events, rollback["deployment"])[:2] == ["ROLLS_BACK", "FINISHED"]


def test_every_received_event_fits_the_schema_and_has_an_id_of_its_own(events: Queue) -> None:
    received = [json.loads(body) for body in events.receive()]
    validate = fastjsonschema.compile(SCHEMA)
    for event in received:
        validate(event)
    ids = [event["detail"]["id"] for event in received]
    assert len(set(ids)) == len(ids) > 8
