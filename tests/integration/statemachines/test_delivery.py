"""The delivery machine, executed: build, poll, record, and perhaps a staging rollout."""

from typing import Any

import pytest

from tests.integration.statemachines.conftest import Stage

pytestmark = pytest.mark.emulator

PUSH = {
    "repository": "https://example.com/hello.git",
    "name": "hello",
    "commit": "a" * 40,
    "branch": "main",
    "pusher": "ann",
    "delivery": "1",
}
BUILT = {"kind": "SUCCEEDED", "reason": "", "service": "hello", "version": "1.0.0-20261123014630-aaaaaaa"}
BUILT |= {"upload": "incoming/AROA:AWSCodeBuild-1"}
BUILD = {"build": "lifecycle-build:1"}
STARTED = {"kind": "STARTED", "reason": "", **BUILD}


def recorded(staging: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "kind": "RECORDED",
        "reason": "",
        "service": "hello",
        "version": BUILT["version"],
        "staging": staging,
    }


def test_a_build_is_polled_until_it_ends_and_then_recorded(stage: Stage) -> None:
    running = {"kind": "RUNNING", "reason": "BUILD", "service": "", "version": ""}
    stage.play(start_build=[STARTED], check_build=[running, BUILT], record_snapshot=[recorded()])
    ended = stage.run("delivery", "hello-1", PUSH)
    assert (ended.status, ended.output) == (
        "SUCCEEDED",
        {
            "service": "hello",
            "version": BUILT["version"],
            "staging": None,
            "folder": "",
            "unchanged": "",
            "superseded": "",
        },
    )
    assert stage.phases() == ["start_build", "check_build", "check_build", "record_snapshot"]
    begun = stage.calls("start_build")[0][1]
    assert begun.pop("started").startswith("20")
    assert begun == {**PUSH, "execution": "hello-1"}
    assert stage.calls("check_build")[0][1] == {**PUSH, **BUILD, "execution": "hello-1"}
    assert stage.calls("record_snapshot")[0][1] == {
        **PUSH,
        **BUILD,
        "execution": "hello-1",
        "service": "hello",
        "version": BUILT["version"],
        "upload": BUILT["upload"],
    }


def test_a_failed_build_fails_with_the_end_of_its_log(stage: Stage) -> None:
    stage.play(start_build=[STARTED], check_build=[{**BUILT, "kind": "FAILED", "reason": "1 test failed"}])
    ended = stage.run("delivery", "hello-2", PUSH)
    assert (ended.status, ended.error, ended.cause) == ("FAILED", "BuildFailed", "1 test failed")
    assert "record_snapshot" not in stage.phases()


def test_a_refused_snapshot_fails_with_the_reason(stage: Stage) -> None:
    refused = {**recorded(), "kind": "REFUSED", "reason": "hello belongs to another repository"}
    stage.play(start_build=[STARTED], check_build=[BUILT], record_snapshot=[refused])
    ended = stage.run("delivery", "hello-3", PUSH)
    assert (ended.status, ended.error) == ("FAILED", "SnapshotRefused")
    assert ended.cause == "hello belongs to another repository"


def test_a_policy_that_wants_it_starts_a_staging_rollout(stage: Stage) -> None:
    staging = {
        "deployment": "hello-staging-20261123120000-ab12",
        "service": "hello",
        "environment": "staging",
        "version": BUILT["version"],
        "requested_by": "ann",
    }
    stage.play(
        start_build=[STARTED],
        check_build=[BUILT],
        record_snapshot=[recorded(staging)],
        plan=[{"kind": "NOTHING_TO_DO", "epoch": 0, "reason": ""}],
    )
    ended = stage.run("delivery", "hello-4", PUSH)
    assert (ended.status, ended.output["staging"]) == ("SUCCEEDED", "hello-staging-20261123120000-ab12")
    assert stage.until_called("plan") == {**staging, "execution": "hello-staging-20261123120000-ab12"}


def test_an_input_that_is_no_push_is_refused_in_words(stage: Stage) -> None:
    stage.play(start_build=[{"kind": "REFUSED", "reason": "the event is not valid", "build": ""}])
    ended = stage.ended(stage.start("delivery", "hello-5", "text"))
    assert (ended.status, ended.error, ended.cause) == ("FAILED", "Refused", "the event is not valid")
    assert stage.phases() == ["start_build"]


def test_service_of_several_is_recorded_with_its_sources(stage: Stage) -> None:
    sources = {"folder": "api", "source": "0" * 16, "unchanged": "web"}
    made = {**recorded(), "folder": "api", "unchanged": "web"}
    stage.play(start_build=[STARTED], check_build=[{**BUILT, "sources": sources}], record_snapshot=[made])
    ended = stage.run("delivery", "hello-6", PUSH)
    assert (ended.output["folder"], ended.output["unchanged"]) == ("api", "web")
    assert stage.calls("record_snapshot")[0][1]["sources"] == sources


def test_push_that_changed_several_services_starts_them(stage: Stage) -> None:
    several = {
        "kind": "SEVERAL",
        "reason": "",
        "sources": {"unchanged": ""},
        "services": {"api": "api", "web": "b/web"},
    }
    runs = {"api": "api--1", "web": "web--1"}
    stage.play(
        start_build=[STARTED],
        check_build=[several],
        start_services=[{"kind": "STARTED", "runs": runs, "unchanged": ""}],
    )
    ended = stage.run("delivery", "shop-1", PUSH)
    assert (ended.status, ended.output) == ("SUCCEEDED", {"runs": runs, "unchanged": ""})
    begun = stage.calls("start_services")[0][1]
    assert begun.pop("pushed").startswith("20")
    assert begun == {
        **PUSH,
        "execution": "shop-1",
        "services": several["services"],
        "unchanged": "",
    }


def test_push_that_changed_no_service_ends_with_the_reason(stage: Stage) -> None:
    nothing = {"kind": "NOTHING", "reason": "no build: nothing changed", "sources": {"unchanged": "api, web"}}
    stage.play(start_build=[STARTED], check_build=[nothing])
    ended = stage.run("delivery", "shop-2", PUSH)
    assert ended.output == {"nothing": nothing["reason"], "unchanged": "api, web", "superseded": ""}


def test_build_that_a_later_push_ended_says_so(stage: Stage) -> None:
    ended = {"kind": "NOTHING", "reason": "the build was ended", "superseded": "no longer the head"}
    stage.play(start_build=[STARTED], check_build=[{**ended, "sources": {"unchanged": ""}}])
    found = stage.run("delivery", "hello-ended", PUSH)
    said = {"nothing": "the build was ended", "superseded": "no longer the head", "unchanged": ""}
    assert (found.status, found.output) == ("SUCCEEDED", said)


def test_push_that_wants_no_build_ends_with_the_reason(stage: Stage) -> None:
    stage.play(start_build=[{"kind": "NOTHING", "reason": "no build: [skip ci]", "build": ""}])
    ended = stage.run("delivery", "shop-3", {**PUSH, "skip": "[skip ci]"})
    assert ended.status == "SUCCEEDED"
    assert ended.output == {"nothing": "no build: [skip ci]", "unchanged": "", "superseded": ""}
    assert stage.phases() == ["start_build"]
