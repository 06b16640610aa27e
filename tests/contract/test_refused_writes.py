"""Writes that a store refuses: each says so to its caller, in memory and on AWS alike."""

from dataclasses import replace

import pytest

from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.host_command import Order, RefusedTurn
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from tests.contract.conftest import Gateways
from tests.contract.test_records import NOW, a_deployment, a_question, a_turn


def test_ended_deployment_refuses_another_state(gateways: Gateways) -> None:
    running = a_deployment(gateways, "aaaa")
    ended = replace(running, state=DeploymentState.ABORTED)
    assert gateways.deployments.put(running)
    assert gateways.deployments.put(ended)
    assert gateways.deployments.put(replace(ended, reason="written again"))
    assert not gateways.deployments.put(running)
    assert not gateways.deployments.put(replace(ended, state=DeploymentState.DONE))


def test_deployment_refuses_an_epoch_below_its_own(gateways: Gateways) -> None:
    """A call that read the record before its deployment took the lease writes late."""
    queued = replace(a_deployment(gateways, "aaaa"), epoch=0, state=DeploymentState.QUEUED, hosts=("host-9",))
    begun = replace(queued, epoch=2, state=DeploymentState.RUNNING, hosts=("host-1", "host-2"))
    assert gateways.deployments.put(queued)
    assert gateways.deployments.put(begun)
    assert not gateways.deployments.put(queued)
    assert not gateways.deployments.put(replace(queued, state=DeploymentState.SUPERSEDED))
    assert gateways.deployments.get(gateways.cluster, begun.id) == begun
    assert gateways.deployments.put(replace(begun, epoch=3))


def test_attempt_that_has_progressed_refuses_an_earlier_state(gateways: Gateways) -> None:
    started = HostAttempt(gateways.service, "host-1", 1, 3, "run", NOW)
    drained = replace(started, state=AttemptState.DRAINED)
    assert gateways.deployments.put_attempt(started)
    assert gateways.deployments.put_attempt(drained)
    assert gateways.deployments.put_attempt(drained), "a repeat is no refusal"
    assert not gateways.deployments.put_attempt(started)


def test_test_bed_that_has_ended_refuses_another_end(gateways: Gateways) -> None:
    bed = TestBed(gateways.service, 1, "host-1", 1, "host-2", 1, NOW, 5)
    ended = replace(bed, state=BedState.PASSED, ended_at=NOW)
    assert gateways.deployments.put_bed(bed)
    assert gateways.deployments.put_bed(ended)
    assert not gateways.deployments.put_bed(replace(ended, state=BedState.CANCELLED))


def test_refused_turn_comes_with_the_one_that_its_host_holds(gateways: Gateways) -> None:
    fleet, cluster = gateways.fleet, gateways.cluster
    held, older = a_turn(Order.INSTALL, 5, 1), a_turn(Order.INSTALL, 1, 1)
    assert not fleet.give_turns(cluster, [held])
    assert fleet.turn_epochs(cluster) == {"host-1": 5}
    refused = fleet.give_turns(cluster, [older, replace(older, host="host-2")])
    assert refused == [RefusedTurn(older, held)]
    assert refused[0].reason.startswith("host-1 holds a command of epoch 5 (d), this deployment has epoch 1")
    assert fleet.turn_epochs(cluster) == {"host-1": 5, "host-2": 1}


def test_later_order_of_the_same_attempt_refuses_a_repeat(gateways: Gateways) -> None:
    install, prefetch = a_turn(Order.INSTALL, 5, 1), a_turn(Order.PREFETCH, 5, 1)
    assert not gateways.fleet.give_turns(gateways.cluster, [install])
    assert [each.is_repeat for each in gateways.fleet.give_turns(gateways.cluster, [prefetch])] == [True]


def test_answer_to_a_question_that_is_gone_is_refused(gateways: Gateways) -> None:
    question = a_question(gateways)
    with pytest.raises(Unknown, match=r"question 'decision-host-1-1-0' of .* not found"):
        gateways.deployments.answer(question, Answer(Choice.RETRY, "ada", "as agreed", NOW))
    assert gateways.deployments.attach_token(question, "token").token == ""
    assert not gateways.deployments.questions(question.deployment)


def test_lost_lease_is_neither_renewed_nor_released(gateways: Gateways) -> None:
    lease = gateways.leases.acquire(gateways.cluster, "first", NOW, 4)
    assert not gateways.leases.release(gateways.cluster, replace(lease, epoch=4))
    assert gateways.leases.release(gateways.cluster, lease)
    assert gateways.leases.release(gateways.cluster, lease), "a repeat is no refusal"
    newer = gateways.leases.acquire(gateways.cluster, "second", NOW, 0)
    assert not gateways.leases.release(gateways.cluster, lease)
    assert gateways.leases.current(gateways.cluster) == newer


def test_snapshot_keeps_the_facts_that_were_recorded_first(gateways: Gateways) -> None:
    first, second = {"digest": "1" * 64}, {"digest": "2" * 64}
    assert gateways.catalogue.record_snapshot(gateways.service, "1.0.1-20261123120000-abcdef0", first) == first
    assert gateways.catalogue.record_snapshot(gateways.service, "1.0.1-20261123120000-abcdef0", second) == first


def test_changes_of_a_repositorys_builds_that_meet_are_both_stored(gateways: Gateways) -> None:
    repository = f"https://example.test/{gateways.service}.git"
    change, met = gateways.catalogue.change_builds, list[str]()

    def first(builds: RepositoryBuilds) -> RepositoryBuilds:
        if not met:  # the other run comes between the read and the write
            met.append("other")
            change(repository, lambda each: each.begun("b" * 40, NOW))
        return builds.begun("a" * 40, NOW)

    found = change(repository, first)
    assert sorted(run.commit[0] for run in found.runs) == ["a", "b"]
    assert change(repository, lambda each: each) == found
