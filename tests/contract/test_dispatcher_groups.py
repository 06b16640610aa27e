"""A test bed's target groups, in memory and on the load balancer of the emulator."""

import pytest

from lifecycle.domain.capacity import Group, TargetState
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet import Cluster
from tests.contract.conftest import Gateways

A, B, C = "127.0.10.1", "127.0.10.2", "127.0.10.3"
TO_MAIN = {Group.MAIN: 1, Group.TEST_BED: 0, Group.CONTROL: 0}


def register(gateways: Gateways, address: str, group: Group) -> None:
    gateways.dispatcher.register(gateways.cluster, address, 8080, group)
    gateways.settle()


def test_a_healthy_target_of_another_group_is_aside_and_in_rotation(gateways: Gateways) -> None:
    dispatcher, cluster = gateways.dispatcher, gateways.cluster
    for address, group in ((A, Group.MAIN), (B, Group.TEST_BED), (C, Group.CONTROL)):
        register(gateways, address, group)
    states = {A: TargetState.HEALTHY, B: TargetState.ASIDE, C: TargetState.ASIDE}
    assert dispatcher.targets(cluster) == states
    assert {address: dispatcher.target(cluster, address) for address in states} == states
    assert all(state.in_rotation and state.serves for state in states.values())


def test_a_groups_members_are_told_by_their_own_state(gateways: Gateways) -> None:
    register(gateways, A, Group.MAIN)
    register(gateways, B, Group.TEST_BED)
    members = {group: gateways.dispatcher.members(gateways.cluster, group) for group in Group}
    assert members == {
        Group.MAIN: {A: TargetState.HEALTHY},
        Group.TEST_BED: {B: TargetState.HEALTHY},
        Group.CONTROL: {},
    }


def test_what_the_main_group_says_of_a_target_goes_before_the_others(gateways: Gateways) -> None:
    register(gateways, A, Group.MAIN)
    register(gateways, A, Group.TEST_BED)
    assert gateways.dispatcher.targets(gateways.cluster) == {A: TargetState.HEALTHY}


def test_a_target_is_taken_out_of_every_group_or_of_one(gateways: Gateways) -> None:
    dispatcher, cluster = gateways.dispatcher, gateways.cluster
    register(gateways, A, Group.MAIN)
    register(gateways, A, Group.TEST_BED)
    dispatcher.deregister(cluster, A, 8080, Group.MAIN)
    gateways.settle()
    assert dispatcher.targets(cluster) == {A: TargetState.ASIDE}
    register(gateways, A, Group.MAIN)
    dispatcher.deregister(cluster, A, 8080)
    gateways.settle()
    assert dispatcher.targets(cluster) == {}
    assert dispatcher.target(cluster, A) is TargetState.ABSENT
    dispatcher.deregister(cluster, A, 8080, Group.CONTROL)


def test_everything_goes_to_the_main_group_until_it_is_shared(gateways: Gateways) -> None:
    dispatcher, cluster = gateways.dispatcher, gateways.cluster
    assert dispatcher.has_test_bed(cluster)
    assert dispatcher.weights(cluster) == TO_MAIN
    shared = {Group.MAIN: 2, Group.TEST_BED: 1, Group.CONTROL: 1}
    dispatcher.weigh(cluster, shared)
    dispatcher.weigh(cluster, shared)
    assert dispatcher.weights(cluster) == shared


def test_a_group_that_is_not_named_gets_nothing(gateways: Gateways) -> None:
    dispatcher, cluster = gateways.dispatcher, gateways.cluster
    dispatcher.weigh(cluster, {Group.MAIN: 2, Group.TEST_BED: 1, Group.CONTROL: 1})
    dispatcher.weigh(cluster, {Group.MAIN: 1})
    assert dispatcher.weights(cluster) == TO_MAIN


def test_a_cluster_of_an_older_stack_has_no_test_bed(gateways: Gateways) -> None:
    dispatcher, old = gateways.dispatcher, gateways.old_cluster
    assert not dispatcher.has_test_bed(old)
    assert dispatcher.weights(old) == TO_MAIN
    dispatcher.register(old, A, 8080)
    gateways.settle()
    assert dispatcher.targets(old) == {A: TargetState.HEALTHY}
    assert dispatcher.target(old, B) is TargetState.ABSENT
    assert dispatcher.members(old, Group.TEST_BED) == {}
    dispatcher.deregister(old, A, 8080)
    gateways.settle()
    assert dispatcher.targets(old) == {}
    with pytest.raises(Unknown, match="there is no test bed of"):
        dispatcher.register(old, A, 8080, Group.TEST_BED)
    with pytest.raises(Unknown, match="there is no test bed of"):
        dispatcher.weigh(old, TO_MAIN)


def test_a_cluster_without_a_stack_has_no_test_bed(gateways: Gateways) -> None:
    assert not gateways.dispatcher.has_test_bed(Cluster("staging", "nobody"))
