"""Operator commands other than decisions: freeze, pause, queue, quarantine, remove-host, gc."""

import os
import re
import signal

import pytest

from apps.local.processes import recorded
from tests.end_to_end.service import Service
from tests.support.polling import wait_for
from tools.demo.traffic import Traffic

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("brittle_healthy")]

FIRST = "production-brittle-1"


def test_a_freeze_holds_back_a_deployment_until_it_is_lifted(brittle: Service, moods: dict[str, str]) -> None:
    operator = brittle.operator
    operator("freeze", "production/brittle", "--why", "sale", "--yes")
    refused = brittle.deploy(moods["spare"], "--even-if-quarantined", code=1).facts["plan"]["refusals"]
    assert "production/brittle is frozen since" in refused[0]
    assert "by ada: sale" in refused[0]
    override = ("--even-if-quarantined", "--despite-freeze", "--reason", "the fix")
    output = brittle.deploy(moods["spare"], *override)
    assert output.end["state"] == "DONE"
    entries = [(entry["what"], entry["why"]) for entry in brittle.trail(output.facts["deployment"])]
    assert ("override freeze", "the fix") in entries
    operator("unfreeze", "production/brittle", "--why", "all clear", "--yes")
    assert brittle.operator.read("plan", "brittle", moods["healthy"]).facts["refusals"] == []


def test_a_paused_rollout_touches_no_further_host_until_it_is_resumed(
    brittle: Service, moods: dict[str, str]
) -> None:
    version = moods["starts slowly"]
    with Traffic(brittle.url, 50.0) as traffic:
        output = brittle.deploy(version, "--even-if-quarantined", "--no-watch")
        name = str(output.facts["deployment"])
        wait_for("the first host to be begun", lambda: brittle.steps(name))
        brittle.operator.read("pause", "brittle", "--why", "latency rises")  # in this process, which is faster
        question = brittle.wait_until("PAUSED")
        assert "paused by ada" in question["reason"]
        assert sorted(brittle.installed().values()) == sorted([moods["healthy"], version])
        brittle.operator("resume", "brittle", "--why", "it is back")
        ended = brittle.operator("watch", name).events[-1]
    assert ended["state"] == "DONE"
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert set(brittle.installed().values()) == {version}


def test_a_queued_deployment_begins_when_the_one_before_it_is_done(brittle: Service, moods: dict[str, str]) -> None:
    again = "--even-if-quarantined"
    first = brittle.deploy(moods["starts slowly"], again, "--no-watch").facts["deployment"]
    wait_for("it to have begun", lambda: brittle.steps(first))
    brittle.operator.read("pause", "brittle", "--why", "two more are to come")
    brittle.wait_until("PAUSED")
    older = brittle.deploy(moods["never starts"], again, "--no-watch").facts["deployment"]
    wait_for("it to wait", lambda: states(brittle).get(older) == "QUEUED")
    newer = brittle.deploy(moods["spare"], again, "--no-watch").facts["deployment"]
    wait_for("the older to be superseded", lambda: states(brittle)[older] == "SUPERSEDED")
    brittle.operator("resume", "brittle", "--why", "they are there")
    wait_for("the newest to have begun and ended", lambda: states(brittle)[newer] == "DONE")
    assert states(brittle)[first] == "DONE"
    assert set(brittle.installed().values()) == {moods["spare"]}


def states(service: Service) -> dict[str, str]:
    """Return the state of every deployment of the service."""
    every = service.operator.read("history", service.name).facts["deployments"]
    return {each["deployment"]: each["state"] for each in every}


@pytest.mark.usefixtures("unsupervised")
def test_a_host_that_fails_with_the_previous_version_too_is_quarantined_and_left_out(
    brittle: Service, moods: dict[str, str]
) -> None:
    """The installation fails with every version on this host, because `current.new` is in the way."""
    folder = brittle.laptop.layout.hosts / FIRST
    blocked = folder / "current.new"
    os.kill(brittle.pid(FIRST), signal.SIGKILL)
    blocked.mkdir()  # no version can become current on this host
    (blocked / "in the way").touch()
    try:
        output = brittle.deploy(moods["spare"], "--even-if-quarantined", code=1)
        question = output.end["question"]
        assert (question["host"], question["blame"]) == (FIRST, "HOST"), output
        assert re.search(rf"{FIRST} fails with {moods['healthy']}( with config \d+)? too", question["diagnosis"])
        quarantined = brittle.operator.read("quarantined", "brittle").facts
        assert FIRST in str(quarantined), quarantined
        done = brittle.operator("decide", question["deployment"], "SKIP_HOST", "--why", "bad disk", "--watch")
        assert done.end["state"] == "DONE"
        plan = brittle.operator.read("plan", "brittle", moods["healthy"]).facts
        assert FIRST not in [each["host"] for each in plan["hosts"]]
    finally:
        (blocked / "in the way").unlink()
        blocked.rmdir()
        brittle.operator("unquarantine", "brittle", FIRST, "--why", "a new disk", "--yes")
    plan = brittle.operator.read("plan", "brittle", moods["healthy"]).facts
    assert FIRST in [each["host"] for each in plan["hosts"]]


def test_a_terminated_host_is_removed_and_not_waited_for(brittle: Service, moods: dict[str, str]) -> None:
    refused = brittle.operator("remove-host", "brittle", FIRST, "--why", "sold", "--yes", code=1)
    assert re.search(rf"\d\d:\d\d:\d\d UTC: stop it first, or {FIRST} would come back", refused.err)
    agent = recorded(brittle.laptop.layout)[brittle.host(FIRST).part]
    os.kill(agent.pid, signal.SIGKILL)
    os.kill(brittle.pid(FIRST), signal.SIGKILL)
    brittle.operator("remove-host", "brittle", FIRST, "--terminated", "--why", "sold", "--yes")
    try:
        output = brittle.deploy(moods["spare"], "--even-if-quarantined", code=0)
        assert output.end["state"] == "DONE"
        assert list(brittle.host_views()) == ["production-brittle-2"]
    finally:
        brittle.operator("local", "up")  # starts the agent again, so the host joins
    wait_for("the host to have joined", lambda: FIRST in brittle.host_views())
    brittle.operator("converge", "brittle")
    wait_for("it to serve", lambda: set(brittle.installed().values()) == {moods["spare"]})
    brittle.settle()


def test_gc_says_what_it_would_delete_and_keeps_what_runs(brittle: Service, moods: dict[str, str]) -> None:
    facts = brittle.operator("gc", "brittle", "--dry-run", "--keep-releases", "1", "--older-than", "1h").facts
    assert facts["dry_run"] is True
    assert moods["healthy"] in str(facts["retained"])
    assert brittle.operator.read("plan", "brittle", moods["spare"], "--even-if-quarantined").facts["refusals"] == []
