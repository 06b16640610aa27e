"""The view of test beds shows those that bake, and the newest judged one of each cluster, whatever came after it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.queries.scope import Scope
from lifecycle.application.queries.test_beds import view_test_beds
from lifecycle.domain.analysis.model import Judgement, Verdict
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import DeploymentState, Kind, deployment_id
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from lifecycle.domain.service.policy import Policy
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import Desk

BAKING = Policy(bake_minutes=10)


def deployed(
    desk: Desk,
    cluster: Cluster,
    minute: int,
    beds: dict[int, BedState],
    policy: Policy = BAKING,
    *,
    running: bool = False,
) -> str:
    """Store a deployment that began at a minute, with the states of its test beds."""
    machine = desk.machine
    at = machine.now + timedelta(minutes=minute)
    request = replace(
        machine.request("1.0.1"),
        deployment=deployment_id(cluster, at, "aaaa"),
        service=cluster.service,
        environment=cluster.environment,
    )
    last = machine.memory.deployments.recent(CLUSTER, 1)[0]
    state = DeploymentState.RUNNING if running or BedState.BAKING in beds.values() else DeploymentState.DONE
    machine.memory.deployments.put(
        replace(last, request=request, epoch=minute, started_at=at, policy=policy, state=state)
    )
    for number, each in beds.items():
        machine.memory.deployments.put_bed(
            TestBed(request.deployment, number, "host-1", 1, "host-2", 1, at, 10, each)
        )
    machine.memory.registry.set_desired(cluster, Desired("1.0.1", last.target.digest, minute, request.deployment))
    if state is DeploymentState.RUNNING:
        machine.memory.leases.acquire(cluster, request.deployment, at)
    return request.deployment


def shown(desk: Desk) -> list[tuple[str, int]]:
    return [(each.deployment.id, each.bed.number) for each in view_test_beds(desk.query, Scope()).beds]


def cluster(number: int) -> Cluster:
    return Cluster("production", f"service-{number}")


def test_newest_test_bed_of_a_deployment_is_shown(desk: Desk) -> None:
    name = deployed(desk, CLUSTER, 5, {1: BedState.PASSED, 2: BedState.PASSED})
    assert shown(desk) == [(name, 2)]


def test_test_bed_that_bakes_hides_those_that_ended(desk: Desk) -> None:
    baking = deployed(desk, CLUSTER, 5, {1: BedState.PASSED, 2: BedState.BAKING})
    deployed(desk, CLUSTER, 4, {1: BedState.PASSED})
    assert shown(desk) == [(baking, 2)]


def test_test_bed_that_bakes_comes_before_one_that_ended(desk: Desk) -> None:
    baking = deployed(desk, cluster(1), 5, {1: BedState.BAKING})
    ended = deployed(desk, cluster(2), 6, {1: BedState.PASSED}, running=True)
    assert shown(desk) == [(baking, 1), (ended, 1)]


def test_deployment_whose_bake_has_not_begun_has_no_test_bed(desk: Desk) -> None:
    baked = deployed(desk, CLUSTER, 5, {1: BedState.PASSED})
    deployed(desk, CLUSTER, 6, {})
    assert shown(desk) == [(baked, 1)]


def test_evidence_stays_however_many_services_there_are(desk: Desk) -> None:
    baked = deployed(desk, cluster(1), 1, {1: BedState.FAILED})
    for number in range(2, 24):
        deployed(desk, cluster(number), number, {}, BAKING if number > 13 else Policy())
    assert shown(desk) == [(baked, 1)]


def test_clusters_of_the_next_page_are_chosen_by_its_number(desk: Desk) -> None:
    baked = deployed(desk, cluster(9), 1, {1: BedState.FAILED})
    for number in range(10, 24):
        deployed(desk, cluster(number), number, {}, Policy())
    assert shown(desk) == []
    found = view_test_beds(desk.query, Scope(page=2))
    assert ([each.deployment.id for each in found.beds], found.page.of) == ([baked], 2)
    assert [each.deployment.id for each in view_test_beds(desk.query, Scope("service-9")).beds] == [baked]


def test_deployment_without_a_test_bed_hides_none_of_an_earlier_one(desk: Desk) -> None:
    baked = deployed(desk, CLUSTER, 5, {1: BedState.PASSED})
    for minute in range(6, 9):
        deployed(desk, CLUSTER, minute, {}, Policy())
    assert shown(desk) == [(baked, 1)]


def test_policy_with_one_minute_of_bake_has_test_beds(desk: Desk) -> None:
    name = deployed(desk, CLUSTER, 5, {1: BedState.PASSED}, Policy(bake_minutes=1))
    assert shown(desk) == [(name, 1)]


def test_newest_test_bed_of_each_cluster_is_shown_and_four_at_most(desk: Desk) -> None:
    names = [deployed(desk, cluster(number), number, {1: BedState.BAKING}) for number in range(1, 7)]
    assert shown(desk) == [(name, 1) for name in reversed(names[2:])]


def test_evidence_of_one_service_stays_beside_another(desk: Desk) -> None:
    baked = deployed(desk, cluster(1), 5, {1: BedState.FAILED})
    deployed(desk, cluster(1), 6, {}, Policy())
    deployed(desk, cluster(2), 7, {}, Policy())
    assert shown(desk) == [(baked, 1)]


def test_cluster_is_shown_once(desk: Desk) -> None:
    deployed(desk, CLUSTER, 5, {1: BedState.PASSED})
    newer = deployed(desk, CLUSTER, 6, {1: BedState.PASSED})
    assert shown(desk) == [(newer, 1)]


@pytest.mark.parametrize("repairs", [6, 60])
def test_evidence_stays_whatever_was_deployed_after_it(desk: Desk, repairs: int) -> None:
    """A failed test bed is followed by its rollback, and then by repairs; the policy still asks for a test bed."""
    old = deployed(desk, CLUSTER, 5, {1: BedState.FAILED})
    for minute in range(6, 6 + repairs):
        name = deployed(desk, CLUSTER, minute, {})
        record = desk.machine.record(name)
        repair = replace(record.request, kind=Kind.ROLLBACK if minute == 6 else Kind.CONVERGE)
        desk.machine.memory.deployments.put(replace(record, request=repair))
    assert shown(desk) == [(old, 1)]


def test_judged_test_bed_comes_before_one_without_a_verdict(desk: Desk) -> None:
    judged = Judgement(Verdict.FAIL, "slower", (), 10, 500, 500)
    old = deployed(desk, CLUSTER, 5, {1: BedState.FAILED})
    (bed,) = desk.machine.memory.deployments.beds(old)
    desk.machine.memory.deployments.put_bed(replace(bed, judgement=judged, number=2))
    cancelled = deployed(desk, CLUSTER, 6, {1: BedState.CANCELLED})
    assert shown(desk) == [(old, 2)]
    assert cancelled not in [name for name, _ in shown(desk)]


def test_all_is_one_page_of_the_services_in_scope(desk: Desk) -> None:
    deployed(desk, CLUSTER, 5, {1: BedState.PASSED})
    page = view_test_beds(desk.query, Scope()).page
    assert (page.number, page.of, list(page.services)) == (1, 1, ["hello"])
