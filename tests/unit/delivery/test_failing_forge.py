"""A forge that is slow, down or refuses: it is on record, harms nothing, and shows the right status in the end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.delivery.report_status import Outcome
from lifecycle.domain.delivery.reported_status import CLAIM_LASTS, MOST, MOST_TRIES
from lifecycle.domain.errors import ForgeFailed
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.gateways.aws.deployments import DynamoDeployments
from lifecycle.gateways.aws.table import Table, cluster_key, item
from tests.fakes.forge import MemoryForge
from tests.support.aws_in_memory import StoredLedger
from tests.unit.delivery.status_scene import (
    BUILD,
    COMMIT,
    DOWN,
    ON_STAGING,
    RUN,
    SNAPSHOT,
    STAGING,
    Interrupted,
    Killed,
    Scene,
)


@pytest.fixture
def scene() -> Scene:
    return Scene.of(MemoryForge())


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("newer", [1, 2])
def test_slow_call_does_not_leave_pending_over_success(*, before: bool, newer: int) -> None:
    """While the call that sends "pending" hangs, another call reports the end of this or a newer deployment."""
    forge = Interrupted(before=before)
    scene = Scene.of(forge)
    running = scene.deployment(DeploymentState.RUNNING)
    forge.happens = lambda: scene.reported(scene.deployment(DeploymentState.DONE, newer))
    scene.reported(running)
    if newer == 1:  # the slow call itself notices; for a newer deployment, the schedule does
        assert scene.shown() == {ON_STAGING: f"success: {SNAPSHOT} was rolled out"}
    scene.passes(CLAIM_LASTS)
    scene.reporting.report_unsettled()
    assert scene.shown() == {ON_STAGING: f"success: {SNAPSHOT} was rolled out"}


@pytest.mark.parametrize("before", [True, False])
def test_call_that_was_killed_is_made_again_by_the_schedule(*, before: bool) -> None:
    forge = Interrupted(before=before)
    scene = Scene.of(forge)

    def killed() -> None:
        raise Killed

    forge.happens = killed
    with pytest.raises(Killed):
        scene.reported(scene.deployment(DeploymentState.DONE))
    assert scene.reporting.report_unsettled() == []  # it may still be sending
    scene.passes(CLAIM_LASTS)
    scene.reporting.report_unsettled()
    scene.passes(CLAIM_LASTS)
    scene.reporting.report_unsettled()  # the killed call might have been the later one
    assert scene.shown() == {ON_STAGING: f"success: {SNAPSHOT} was rolled out"}
    assert scene.forge.listed()[-1] == (COMMIT, "staging", "success")
    assert scene.reporting.report_unsettled() == []


def test_forge_that_is_down_is_on_record_once_and_called_once_a_minute(scene: Scene) -> None:
    scene.forge.failures = [DOWN] * 9
    assert scene.reported(scene.deployment(DeploymentState.RUNNING)) is Outcome.DOWN
    assert scene.reported(scene.deployment(DeploymentState.DONE)) is Outcome.PAUSED
    scene.run()
    assert scene.reporting.report_run(RUN).outcome is Outcome.PAUSED
    assert scene.forge.calls == 1
    scene.passes(timedelta(minutes=1))
    assert scene.reporting.report_run(RUN).outcome is Outcome.DOWN
    (entry,) = scene.memory.audit_log.read(STAGING)
    assert entry.what == "no status was sent to acme/shop; the delivery goes on"
    assert entry.why == "no answer in time"
    assert scene.memory.audit_log.read(Cluster("production", "shop")) == []


def test_failure_about_a_repository_that_no_service_is_named_after_is_on_record(scene: Scene) -> None:
    scene.forge.failures = [DOWN]
    run = scene.run(f"Shop_Web-{COMMIT}")
    assert scene.reporting.report_run(run).outcome is Outcome.DOWN
    (entry,) = scene.memory.audit_log.read(Cluster("production", "shop-web"))
    assert entry.why == "no answer in time"


def test_schedule_sends_what_a_forge_missed_that_was_down(scene: Scene) -> None:
    scene.run()
    scene.ends()
    scene.forge.failures = [DOWN]
    scene.reporting.report_run(RUN)
    scene.reported(scene.deployment(DeploymentState.DONE))
    scene.passes(timedelta(minutes=15))
    assert {each.outcome for each in scene.reporting.report_unsettled()} == {Outcome.SENT}
    assert scene.shown() == {
        BUILD: f"success: hello {SNAPSHOT}",
        ON_STAGING: f"success: {SNAPSHOT} was rolled out",
    }
    assert scene.reporting.report_unsettled() == []


def test_schedule_finds_an_end_whose_event_was_lost(scene: Scene) -> None:
    scene.run()
    scene.reporting.report_run(RUN)
    scene.ends()
    scene.reporting.report_unsettled()
    assert scene.shown() == {BUILD: f"success: hello {SNAPSHOT}"}


def test_answer_that_was_lost_is_sent_again(scene: Scene) -> None:
    scene.forge.lost = 1
    done = scene.deployment(DeploymentState.DONE)
    assert scene.reported(done) is Outcome.DOWN
    scene.passes(timedelta(minutes=15))
    scene.reporting.report_unsettled()
    assert scene.shown() == {ON_STAGING: f"success: {SNAPSHOT} was rolled out"}


def test_lost_pending_does_not_stay_over_a_success() -> None:
    """The forge accepts "pending" late: its call has failed by then, and another one has sent the success."""
    forge = Interrupted(before=True)
    scene = Scene.of(forge)
    running = scene.deployment(DeploymentState.RUNNING)

    def another_ends() -> None:
        scene.reported(scene.deployment(DeploymentState.DONE))
        forge.lost = 1

    forge.happens = another_ends
    assert scene.reported(running) is Outcome.DOWN
    assert scene.shown()[ON_STAGING].startswith("pending")
    scene.passes(timedelta(minutes=15))
    scene.reporting.report_unsettled()
    assert scene.shown() == {ON_STAGING: f"success: {SNAPSHOT} was rolled out"}


def test_failure_of_another_kind_is_on_record_too_and_success_ends_the_problem(scene: Scene) -> None:
    for number, problem in enumerate(("token", "token", "permission"), 1):
        scene.forge.failures = [ForgeFailed(problem, f"why {problem}")]
        scene.reported(scene.deployment(DeploymentState.DONE, number))
    assert [each.why for each in scene.memory.audit_log.read(STAGING)] == ["why token", "why permission"]
    scene.reported(scene.deployment(DeploymentState.DONE, 4))
    (record,) = scene.memory.catalogue.reported()
    assert record.problem == ""


def test_commit_that_the_forge_does_not_know_blocks_no_other(scene: Scene) -> None:
    scene.published("1.0.0", commit="c" * 40)
    scene.reported(gone := scene.deployment(DeploymentState.RUNNING, 1, "1.0.0"))
    scene.run()
    scene.reporting.report_run(RUN)
    scene.ends()
    assert [each.subject for each in scene.reporting.report_unsettled()] == [RUN]
    assert scene.reported(gone) is Outcome.REFUSED
    assert scene.shown() == {BUILD: f"success: hello {SNAPSHOT}"}


def test_schedule_stops_trying_after_about_a_day(scene: Scene) -> None:
    scene.forge.failures = [ForgeFailed("token", "revoked")] * (MOST_TRIES + 9)
    scene.reported(scene.deployment(DeploymentState.DONE))
    for _ in range(MOST_TRIES + 5):
        scene.passes(timedelta(minutes=15))
        scene.reporting.report_unsettled()
    assert scene.forge.calls == MOST_TRIES
    assert len(scene.memory.audit_log.read(STAGING)) == 1


def test_schedule_ends_at_a_forge_that_is_down_and_passes_a_repository_that_fails(scene: Scene) -> None:
    scene.forge.tokens = {"acme/a", "acme/b", "acme/c"}
    for name in "abc":
        scene.run(f"{name}-{COMMIT}", repository=f"https://github.com/acme/{name}")
        scene.reporting.report_run(f"{name}-{COMMIT}")
        scene.ends(f"{name}-{COMMIT}")
    scene.forge.failures = [ForgeFailed("token", "revoked"), DOWN]
    assert [each.outcome for each in scene.reporting.report_unsettled()] == [Outcome.FAILED, Outcome.DOWN]


def test_damaged_deployment_blocks_no_other(scene: Scene) -> None:
    ledger = StoredLedger()
    deployments = DynamoDeployments(Table(ledger, "ledger"))
    context = replace(scene.memory.context, deployments=deployments)
    scene.reporting = replace(scene.reporting, context=context)
    first, second = (scene.deployment(DeploymentState.RUNNING, number) for number in (1, 2))
    for each in (first, second):
        deployments.put(each)
        assert scene.reported(each) is Outcome.SENT
        deployments.put(replace(each, state=DeploymentState.DONE))
    damaged = item(cluster_key(STAGING), f"DEPLOYMENT#{first.id}", first)
    ledger.store({**damaged, "body": {"S": "{"}})
    assert [each.outcome for each in scene.reporting.report_unsettled()] == [Outcome.NOT_REPORTED, Outcome.SENT]


def test_record_of_a_repository_stays_small(scene: Scene) -> None:
    for number in range(1, MOST + 5):
        scene.run(f"{RUN}_{number}")
        scene.reporting.report_run(f"{RUN}_{number}")
    (record,) = scene.memory.catalogue.reported()
    assert len(record.latest) == MOST
    assert record.latest[-1].subject == f"{RUN}_{MOST + 4}"


def test_run_of_a_repository_whose_name_no_service_has_fails_without_an_entry(scene: Scene) -> None:
    scene.forge.failures, scene.forge.tokens = [DOWN], {"acme/My_Shop"}
    scene.run(f"My_Shop-{COMMIT}", repository="https://github.com/acme/My_Shop")
    assert scene.reporting.report_run(f"My_Shop-{COMMIT}").outcome is Outcome.DOWN
