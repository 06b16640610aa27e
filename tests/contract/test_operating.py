"""Freezes, the queue of one, quarantines, hosts that are removed, and records that only move forward."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifecycle.domain.fleet.bound_hosts import OPEN
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.host_command import Order, RefusedTurn, Turn
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Override, Request
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.policy_floor import PolicyFloor
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.policy import ApprovalGate, Policy
from lifecycle.domain.service.target import Target
from tests.contract.conftest import Gateways

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def waiting(gateways: Gateways, suffix: str) -> PendingDeployment:
    name = f"{gateways.service}-production-20261123120000-{suffix}"
    overrides = (Override.FREEZE,)
    return PendingDeployment(Request(name, gateways.service, "production", "1.0.1", "ada", overrides=overrides), NOW)


def test_a_freeze_lasts_until_it_is_lifted_and_a_newer_one_replaces_it(gateways: Gateways) -> None:
    scope = f"production/{gateways.service}"
    older = Freeze(scope, "ada", "sale", NOW)
    gateways.freezes.put(older)
    newer = Freeze(scope, "grace", "longer sale", NOW, NOW + timedelta(days=1))
    gateways.freezes.put(newer)
    assert [each for each in gateways.freezes.all() if each.scope == scope] == [newer]
    assert not gateways.freezes.lift(older)
    assert [each for each in gateways.freezes.all() if each.scope == scope] == [newer]
    assert gateways.freezes.lift(newer)
    assert gateways.freezes.lift(newer), "one that is gone counts as lifted"
    assert scope not in [each.scope for each in gateways.freezes.all()]


def test_a_policy_floor_is_replaced_and_deleted_by_its_scope(gateways: Gateways) -> None:
    registry, own = gateways.registry, str(gateways.cluster)
    assert registry.floor(own) is None
    older = PolicyFloor(own, by="grace", why="two people", at=NOW, approval=ApprovalGate.BEFORE_FIRST_HOST)
    newer = replace(older, approval_by_another=True, max_unavailable="25%", frozen=("Sat 00:00 - Mon 00:00",))
    registry.set_floor(older)
    registry.set_floor(newer)
    assert registry.floor(own) == newer
    assert registry.floor(f"staging/{gateways.service}") is None
    registry.unset_floor(own)
    registry.unset_floor(own)
    assert registry.floor(own) is None


def test_the_floor_of_an_environment_is_no_cluster(gateways: Gateways) -> None:
    before = gateways.registry.clusters()
    floor = PolicyFloor("staging", bake_minutes=5)
    gateways.registry.set_floor(floor)
    try:
        assert gateways.registry.floor("staging") == floor
        assert gateways.registry.clusters() == before
    finally:
        gateways.registry.unset_floor("staging")


def test_bound_hosts_close_a_cluster_and_no_other_report_counts(gateways: Gateways) -> None:
    fleet, cluster = gateways.fleet, gateways.cluster
    reports = {n: HostReport(f"host-{n}", f"10.0.0.{n}", 8080, "a", NOW, NOW) for n in (1, 2, 3)}
    for each in reports.values():
        gateways.write_report(cluster, each)
    assert (fleet.bound(cluster), fleet.unbound(cluster, fleet.bound(cluster))) == (OPEN, [])
    fleet.bind(cluster, {"host-1": "10.0.0.1"})
    fleet.bind(cluster, {"host-2": "10.0.0.22"})
    made = fleet.bound(cluster)
    fleet.bind(cluster, {"host-1": "10.0.0.1"})
    assert fleet.bound(cluster) == made
    assert made.places == {"host-1": "10.0.0.1", "host-2": "10.0.0.22"}
    found = fleet.reports(cluster)
    assert (list(found), found["host-1"]) == (["host-1", "host-2"], reports[1])
    assert isinstance(found["host-2"], UnreadableReport)
    assert (found["host-2"].place, found["host-2"].address) == ("10.0.0.22", "")
    assert (list(fleet.names(cluster)), list(fleet.unbound(cluster, fleet.bound(cluster)))) == (
        ["host-1", "host-2"],
        ["host-3"],
    )
    assert isinstance(fleet.report(cluster, "host-3"), UnreadableReport)
    step = gateways.step_reads.of_hosts(cluster, "hello-production-20261123120000-aaaa", [], ["host-1", "host-3"])
    assert step.reports == {"host-1": reports[1]}
    single = gateways.step_reads.of_host(cluster, "hello-production-20261123120000-aaaa", "host-2", 1)
    assert isinstance(single.report, UnreadableReport)


def test_removed_host_is_not_bound_any_more(gateways: Gateways) -> None:
    fleet, cluster = gateways.fleet, gateways.cluster
    gateways.write_report(cluster, HostReport("host-1", "10.0.0.1", 8080, "a", NOW, NOW))
    fleet.bind(cluster, {"host-1": "10.0.0.1"})
    fleet.remove(cluster, "host-1")
    assert (fleet.bound(cluster).places, fleet.bound(cluster).closed) == ({}, True)
    fleet.unbind(cluster, "host-1")
    assert fleet.bound(cluster).changes == 2
    gateways.write_report(cluster, HostReport("host-1", "10.0.0.1", 8080, "a", NOW, NOW))
    assert fleet.reports(cluster) == {}


def test_cluster_without_an_auto_scaling_group_has_no_instances(gateways: Gateways) -> None:
    assert gateways.machines.addresses(gateways.cluster) is None
    assert not gateways.machines.is_ending(gateways.cluster, "host-1")
    gateways.machines.let_end(gateways.cluster, "host-1")
    gateways.machines.guard(gateways.cluster, at_work=True)


def test_desired_version_of_a_cluster_that_is_gone_is_forgotten(gateways: Gateways) -> None:
    gateways.registry.set_desired(gateways.cluster, Desired("1.0.0", "d", 1, "d-1"))
    for _ in range(2):
        gateways.registry.forget_desired(gateways.cluster)
        assert gateways.registry.desired(gateways.cluster) is None


def test_one_deployment_is_pending_and_is_replaced_only_if_it_was_read(gateways: Gateways) -> None:
    first, second = waiting(gateways, "aaaa"), waiting(gateways, "bbbb")
    cluster, queue = gateways.cluster, gateways.queue
    assert queue.waiting(cluster) is None
    assert queue.replace(cluster, None, first)
    assert not queue.replace(cluster, None, second)
    assert queue.waiting(cluster) == first
    assert queue.replace(cluster, first, second)
    assert not queue.replace(cluster, first, None)
    assert queue.waiting(cluster) == second
    assert queue.replace(cluster, second, None)
    assert queue.replace(cluster, None, None)
    assert queue.waiting(cluster) is None


def test_versions_and_hosts_are_quarantined_apart_and_lifted_by_name(gateways: Gateways) -> None:
    fleet, cluster = gateways.fleet, gateways.cluster
    fleet.quarantine(cluster, "1.0.1", "rolled back")
    fleet.quarantine_host(cluster, "host-1", "its disk is bad")
    assert fleet.quarantined(cluster) == {"1.0.1": "rolled back"}
    assert fleet.quarantined_hosts(cluster) == {"host-1": "its disk is bad"}
    fleet.lift_quarantine(cluster, "host-1")
    fleet.lift_quarantine(cluster, "host-2")
    assert (fleet.quarantined(cluster), fleet.quarantined_hosts(cluster)) == ({"1.0.1": "rolled back"}, {})


def test_a_host_that_is_removed_has_neither_report_nor_turn_and_may_come_back(gateways: Gateways) -> None:
    fleet, cluster = gateways.fleet, gateways.cluster
    report = HostReport("host-1", "10.0.0.1", 8080, "a", NOW, NOW, order=Order.RESTORE)
    gateways.write_report(cluster, report)
    assert fleet.report(cluster, "host-1") == report
    fleet.remove(cluster, "host-1")
    fleet.remove(cluster, "host-1")
    assert fleet.reports(cluster) == {}
    gateways.write_report(cluster, report)
    assert list(fleet.reports(cluster)) == ["host-1"]


def test_a_deployment_that_ended_does_not_come_back_to_life(gateways: Gateways) -> None:
    request = waiting(gateways, "cccc").request
    policy = Policy(max_unavailable="25%", min_healthy=2, frozen=("Fri 16:00 - Mon 08:00 Europe/Berlin",))
    running = Deployment(request, 1, Target("1.0.1", "d1"), None, ("host-1",), policy, NOW, request.deployment)
    ended = replace(running, state=DeploymentState.ABORTED, reason="enough")
    gateways.deployments.put(running)
    gateways.deployments.put(ended)
    gateways.deployments.put(running)
    assert gateways.deployments.get(gateways.cluster, running.id) == ended
    gateways.deployments.put(replace(running, state=DeploymentState.DONE))
    assert gateways.deployments.get(gateways.cluster, running.id) == ended
    gateways.deployments.put(replace(ended, reason="written again"))
    found = gateways.deployments.get(gateways.cluster, running.id)
    assert found is not None
    assert found.reason == "written again"


def test_an_attempt_does_not_go_back_to_an_earlier_state(gateways: Gateways) -> None:
    started = HostAttempt(gateways.service, "host-1", 1, 3, "run", NOW)
    failed = replace(started, state=AttemptState.FAILED, reached=AttemptState.DRAINED)
    gateways.deployments.put_attempt(started)
    gateways.deployments.put_attempt(failed)
    for state in (AttemptState.STARTED, AttemptState.INSTALLED, AttemptState.ALIVE):
        gateways.deployments.put_attempt(replace(started, state=state))
    assert gateways.deployments.attempts(gateways.service) == [failed]
    alive = replace(started, number=2, state=AttemptState.ALIVE)
    gateways.deployments.put_attempt(alive)
    gateways.deployments.put_attempt(replace(alive, state=AttemptState.FAILED))
    assert gateways.deployments.attempts(gateways.service) == [failed, alive]
    judged = replace(failed, blame=Blame.HOST, diagnosis="it fails with 1.0.0 too")
    gateways.deployments.put_attempt(judged)
    assert gateways.deployments.attempts(gateways.service) == [judged, alive]


def test_an_order_to_restore_follows_the_order_to_install_and_is_not_replaced_by_it(
    gateways: Gateways,
) -> None:
    def turn(order: Order, attempt: int) -> Turn:
        lasts = NOW + timedelta(minutes=15)
        return Turn("host-1", order, "d", 1, attempt, "1.0.1", "d1", NOW, lasts)

    given = [turn(Order.INSTALL, 1), turn(Order.RESTORE, 1), turn(Order.INSTALL, 1), turn(Order.PREFETCH, 1)]
    restore = given[1]
    assert gateways.fleet.give_turns(gateways.cluster, given) == [RefusedTurn(each, restore) for each in given[2:]]
    assert given_to(gateways) == restore
    assert not gateways.fleet.give_turns(gateways.cluster, [turn(Order.INSTALL, 2)])
    assert given_to(gateways) == turn(Order.INSTALL, 2)
    ends, late = turn(Order.IDLE, 0), turn(Order.INSTALL, 3)
    assert gateways.fleet.give_turns(gateways.cluster, [ends, late]) == [RefusedTurn(late, ends)]
    assert given_to(gateways) == ends
    assert gateways.fleet.turn_epochs(gateways.cluster) == {"host-1": 1}


def given_to(gateways: Gateways) -> Turn | None:
    return gateways.turn_of(gateways.cluster, "host-1")
