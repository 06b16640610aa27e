"""Statuses for the forge: what a developer sees beside a commit, whatever the order of the events."""

from dataclasses import replace
from typing import Any

import pytest

from lifecycle.application.delivery.report_status import Outcome
from lifecycle.domain.delivery.forge_status import LONGEST_DESCRIPTION, on_github
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from tests.fakes.forge import MemoryForge
from tests.unit.delivery.status_scene import (
    BUILD,
    COMMIT,
    IN_PRODUCTION,
    ON_STAGING,
    OTHER,
    PRODUCTION,
    RUN,
    SNAPSHOT,
    STAGING,
    Scene,
)


@pytest.fixture
def scene() -> Scene:
    return Scene.of(MemoryForge())


def test_build_is_pending_and_then_a_success(scene: Scene) -> None:
    scene.run()
    assert scene.reporting.report_run(RUN).outcome is Outcome.SENT
    assert scene.shown() == {BUILD: "pending: the build runs"}
    scene.ends()
    scene.reporting.report_run(RUN)
    assert scene.shown() == {BUILD: f"success: hello {SNAPSHOT}"}


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"nothing": "the head commit has [skip ci]"}, "success: no build: the commit asks for none"),
        ({"nothing": "x", "unchanged": "api, web"}, "success: no build: the push changed no service"),
        ({"nothing": "x", "superseded": "by b"}, "error: not built: a later push has superseded this commit"),
        ({"runs": {"api": "1", "web": "2"}}, "success: 2 changed services are built, each in its own run"),
        (
            {"service": "hello", "version": SNAPSHOT, "superseded": "by b"},
            f"success: hello {SNAPSHOT}; superseded, so not deployed by itself",
        ),
    ],
)
def test_end_of_a_run_says_what_it_made(scene: Scene, output: dict[str, Any], words: str) -> None:
    scene.run()
    scene.ends(**output)
    scene.reporting.report_run(RUN)
    assert scene.shown() == {BUILD: words}


def test_failed_run_is_a_failure_without_a_word_of_its_log(scene: Scene) -> None:
    scene.run()
    scene.memory.executions.failed.add(RUN)
    scene.reporting.report_run(RUN)
    assert scene.shown() == {BUILD: "failure: the run failed and made no snapshot"}


def test_cancelled_run_has_no_result(scene: Scene) -> None:
    scene.run()
    scene.memory.executions.stop_delivery(RUN, "cancelled by ada: password=hidden")
    scene.reporting.report_run(RUN)
    assert scene.shown() == {BUILD: "error: the run was cancelled"}


def test_service_of_several_has_contexts_of_its_own(scene: Scene) -> None:
    scene.run(f"hello--{COMMIT}", folder="services/hello")
    scene.reporting.report_run(f"hello--{COMMIT}")
    facts = {"commit": COMMIT, "digest": "d", "folder": "services/hello"}
    scene.memory.catalogue.record_snapshot("hello", SNAPSHOT, facts)
    scene.reported(scene.deployment(DeploymentState.RUNNING))
    assert set(scene.shown()) == {f"{BUILD}/hello", f"{ON_STAGING}/hello"}
    assert scene.forge.listed() == [(COMMIT, "staging/hello", "in_progress")]


@pytest.mark.parametrize("state", DeploymentState)
def test_every_state_of_a_deployment_is_shown_in_fixed_words(scene: Scene, state: DeploymentState) -> None:
    scene.reported(scene.deployment(state))
    (words,) = scene.shown().values()
    kind, _, text = words.partition(": ")
    assert kind == {
        DeploymentState.DONE: "success",
        **dict.fromkeys((DeploymentState.ROLLED_BACK, DeploymentState.ABORTED, DeploymentState.REJECTED), "failure"),
        **dict.fromkeys((DeploymentState.STALE, DeploymentState.REFUSED, DeploymentState.SUPERSEDED), "error"),
    }.get(state, "pending")
    assert SNAPSHOT in text
    assert len(text) <= LONGEST_DESCRIPTION


def test_release_is_shown_at_the_commit_of_its_snapshot(scene: Scene) -> None:
    scene.published("1.0.0", snapshot=SNAPSHOT)
    scene.reported(scene.deployment(DeploymentState.DONE, version="1.0.0", cluster=PRODUCTION))
    assert scene.shown() == {IN_PRODUCTION: "success: 1.0.0 was rolled out"}
    assert scene.forge.listed() == [(COMMIT, "production", "success")]


def test_rollback_is_shown_at_both_commits(scene: Scene) -> None:
    scene.published("1.0.0")
    scene.published("1.1.0", commit=OTHER)
    scene.reported(scene.deployment(DeploymentState.ROLLED_BACK, 1, "1.1.0", PRODUCTION))
    back = scene.deployment(DeploymentState.RUNNING, 2, "1.0.0", PRODUCTION, kind=Kind.ROLLBACK)
    scene.reported(back)
    assert scene.shown(OTHER) == {IN_PRODUCTION: "failure: 1.1.0 was rolled back"}
    assert scene.shown() == {IN_PRODUCTION: "pending: rolling back to 1.0.0"}


def test_deployment_is_created_once_and_gets_each_state(scene: Scene) -> None:
    for state in (DeploymentState.QUEUED, DeploymentState.RUNNING, DeploymentState.HALTED, DeploymentState.DONE):
        scene.reported(scene.deployment(state))
    assert [each.state for each in scene.forge.states[1]] == ["queued", "in_progress", "in_progress", "success"]
    assert len(scene.forge.deployments) == 1


def test_repair_of_a_host_is_not_shown(scene: Scene) -> None:
    repair = scene.deployment(DeploymentState.RUNNING, kind=Kind.CONVERGE)
    assert scene.reported(repair) is Outcome.NOT_REPORTED
    assert scene.forge.calls == 0


@pytest.mark.parametrize(
    "repository",
    [
        "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop",
        "file:///home/ada/shop",
        "/home/ada/shop.git",
        "https://github.com.evil.test/acme/shop",
        "https://github.com/acme/shop/../../other",
        "https://gitlab.com/acme/shop",
    ],
)
def test_repository_outside_github_has_no_status(scene: Scene, repository: str) -> None:
    scene.run(repository=repository)
    scene.published("1.0.0", repository=repository)
    assert scene.reporting.report_run(RUN).outcome is Outcome.NOT_REPORTED
    assert scene.reported(scene.deployment(DeploymentState.DONE, version="1.0.0")) is Outcome.NOT_REPORTED
    assert scene.forge.calls == 0
    assert on_github(repository) == ""


def test_without_a_token_nothing_is_read_called_or_recorded(scene: Scene) -> None:
    scene.forge.tokens = set()
    scene.run()
    assert scene.reporting.report_run(RUN).outcome is Outcome.NOT_REPORTED
    assert scene.reporting.report_unsettled() == []
    assert (scene.memory.executions.described, scene.forge.calls) == (0, 0)
    assert scene.memory.catalogue.reported() == []


def test_each_status_has_a_link_to_the_console(scene: Scene) -> None:
    page = "https://console.test/lifecycle"
    scene.reporting = replace(scene.reporting, page=page)
    scene.run()
    scene.reporting.report_run(RUN)
    scene.reported(scene.deployment(DeploymentState.DONE))
    assert {each[-1].url for each in scene.forge.statuses.values()} == {page}
    assert scene.forge.states[1][-1].url == page


def test_unknown_run_and_deployment_are_not_shown(scene: Scene) -> None:
    assert scene.reporting.report_run("shop").outcome is Outcome.NOT_REPORTED
    assert scene.reporting.report_run(RUN).outcome is Outcome.NOT_REPORTED
    assert scene.reporting.report_deployment(STAGING, "hello-staging-x").outcome is Outcome.NOT_REPORTED
    gone = scene.deployment(DeploymentState.DONE, version="0.9.0")
    assert scene.reported(gone) is Outcome.NOT_REPORTED


def test_repeated_event_sends_nothing(scene: Scene) -> None:
    done = scene.deployment(DeploymentState.DONE)
    assert scene.reported(done) is Outcome.SENT
    calls = scene.forge.calls
    assert scene.reported(done) is Outcome.KNOWN
    assert scene.forge.calls == calls


def test_late_event_of_an_older_deployment_changes_no_newer_status(scene: Scene) -> None:
    first = scene.deployment(DeploymentState.ABORTED, 1)
    second = scene.deployment(DeploymentState.DONE, 2)
    scene.reported(second)
    scene.reported(first)
    assert scene.shown() == {ON_STAGING: f"success: {SNAPSHOT} was rolled out"}
    assert [state for _, _, state in scene.forge.listed()] == ["success", "failure"]


@pytest.mark.parametrize("state", [DeploymentState.QUEUED, DeploymentState.REFUSED, DeploymentState.SUPERSEDED])
def test_deployment_that_has_not_begun_hides_no_success(scene: Scene, state: DeploymentState) -> None:
    scene.reported(scene.deployment(DeploymentState.DONE, 1))
    scene.reported(scene.deployment(state, 2))
    assert scene.shown() == {ON_STAGING: f"success: {SNAPSHOT} was rolled out"}


def test_queued_deployment_does_not_take_the_status_of_the_one_before_it(scene: Scene) -> None:
    scene.reported(scene.deployment(DeploymentState.RUNNING, 1))
    scene.reported(scene.deployment(DeploymentState.QUEUED, 2))
    scene.reported(scene.deployment(DeploymentState.SUPERSEDED, 2))
    scene.reported(scene.deployment(DeploymentState.DONE, 1))
    assert scene.shown() == {ON_STAGING: f"success: {SNAPSHOT} was rolled out"}


def test_deployment_that_waits_in_its_middle_keeps_the_status(scene: Scene) -> None:
    scene.reported(scene.deployment(DeploymentState.RUNNING, 1))
    scene.reported(scene.deployment(DeploymentState.AWAITING_APPROVAL, 1))
    scene.reported(scene.deployment(DeploymentState.QUEUED, 2))
    assert scene.shown() == {ON_STAGING: f"pending: {SNAPSHOT} waits for an approval"}


def test_repeated_build_replaces_the_status_of_the_failed_one(scene: Scene) -> None:
    scene.run()
    again = scene.run(f"{RUN}_2")
    scene.memory.executions.failed.add(RUN)
    scene.ends(again)
    scene.reporting.report_run(again)
    scene.reporting.report_run(RUN)
    assert scene.shown() == {BUILD: f"success: hello {SNAPSHOT}"}
