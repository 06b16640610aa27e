"""A test bed's target groups, in memory and on the load balancer of the emulator."""

from collections.abc import Iterator

import pytest

from apps.local.aws.clients import Aws
from lifecycle.application.ports.dispatcher import Dispatcher
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.strays import RegisteredTarget
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.gateways.aws.dispatcher import AlbDispatcher
from tests.contract.conftest import Gateways, with_test_bed
from tests.fakes.dispatcher import MemoryDispatcher
from tests.integration.dispatcher import harness

A, B, C = "127.0.10.1", "127.0.10.2", "127.0.10.3"
TO_MAIN = {Group.MAIN: 1, Group.TEST_BED: 0, Group.CONTROL: 0}


def register(gateways: Gateways, address: str, group: Group) -> None:
    gateways.dispatcher.register(gateways.cluster, address, 8080, group)
    gateways.settle()


def test_a_healthy_target_of_a_test_group_is_in_rotation(bedded: Gateways) -> None:
    dispatcher, cluster = bedded.dispatcher, bedded.cluster
    for address, group in ((A, Group.MAIN), (B, Group.TEST_BED), (C, Group.CONTROL)):
        register(bedded, address, group)
    states = {A: TargetState.HEALTHY, B: TargetState.TEST_GROUP, C: TargetState.TEST_GROUP}
    assert dispatcher.targets(cluster) == states
    assert {address: dispatcher.target(cluster, address) for address in states} == states
    for asked in ([], [A], [B], [C, A, "127.0.10.9"]):
        assert dispatcher.targets(cluster, asked) == {each: states[each] for each in asked if each in states}
    assert all(state.in_rotation and state.serves for state in states.values())


def test_a_groups_members_have_their_own_states(bedded: Gateways) -> None:
    register(bedded, A, Group.MAIN)
    register(bedded, B, Group.TEST_BED)
    members = {group: bedded.dispatcher.members(bedded.cluster, group) for group in Group}
    assert members == {
        Group.MAIN: {A: TargetState.HEALTHY},
        Group.TEST_BED: {B: TargetState.HEALTHY},
        Group.CONTROL: {},
    }


def test_registered_targets_have_their_ports_and_groups(bedded: Gateways) -> None:
    register(bedded, A, Group.MAIN)
    register(bedded, B, Group.CONTROL)
    assert sorted(bedded.dispatcher.registered(bedded.cluster)) == [
        RegisteredTarget(A, 8080, Group.MAIN, TargetState.HEALTHY),
        RegisteredTarget(B, 8080, Group.CONTROL, TargetState.HEALTHY),
    ]


def test_the_main_groups_state_of_a_target_goes_before_the_others(bedded: Gateways) -> None:
    register(bedded, A, Group.MAIN)
    register(bedded, A, Group.TEST_BED)
    assert bedded.dispatcher.targets(bedded.cluster) == {A: TargetState.HEALTHY}


def test_a_target_is_taken_out_of_every_group_or_of_one(bedded: Gateways) -> None:
    dispatcher, cluster = bedded.dispatcher, bedded.cluster
    register(bedded, A, Group.MAIN)
    register(bedded, A, Group.TEST_BED)
    dispatcher.deregister(cluster, A, 8080, Group.MAIN)
    bedded.settle()
    assert dispatcher.targets(cluster) == {A: TargetState.TEST_GROUP}
    register(bedded, A, Group.MAIN)
    dispatcher.deregister(cluster, A, 8080)
    bedded.settle()
    assert dispatcher.targets(cluster) == {}
    assert dispatcher.target(cluster, A) is TargetState.ABSENT
    dispatcher.deregister(cluster, A, 8080, Group.CONTROL)


def test_an_address_is_taken_out_whatever_its_port(bedded: Gateways) -> None:
    dispatcher, cluster = bedded.dispatcher, bedded.cluster
    dispatcher.register(cluster, A, 9090)
    dispatcher.register(cluster, A, 8081, Group.CONTROL)
    register(bedded, B, Group.MAIN)
    bedded.settle()
    dispatcher.deregister(cluster, A, group=Group.MAIN)
    bedded.settle()
    assert dispatcher.targets(cluster) == {A: TargetState.TEST_GROUP, B: TargetState.HEALTHY}
    dispatcher.deregister(cluster, A)
    dispatcher.deregister(cluster, A)
    bedded.settle()
    assert dispatcher.targets(cluster) == {B: TargetState.HEALTHY}


def test_every_groups_deregistration_delay_is_known(bedded: Gateways) -> None:
    dispatcher = bedded.dispatcher
    assert dispatcher.drain_delays(bedded.cluster) == dict.fromkeys(Group, 60)
    assert dispatcher.drain_delays(bedded.old_cluster) == {Group.MAIN: 60}


def test_a_healthy_target_has_no_failed_check(bedded: Gateways) -> None:
    register(bedded, A, Group.TEST_BED)
    assert bedded.dispatcher.check_failure(bedded.cluster, A, Group.TEST_BED) == ""
    assert bedded.dispatcher.check_failure(bedded.cluster, A, Group.MAIN) == ""


@pytest.fixture(params=["memory", pytest.param("aws", marks=pytest.mark.emulator)])
def weighing(request: pytest.FixtureRequest) -> tuple[Dispatcher, Cluster]:
    """A dispatcher with its cluster.

    The emulator alone forgets weights (tests/integration/statemachines/test_gaps.py), so AWS is the laptop's
    dispatcher here.
    """
    if request.param == "memory":
        cluster = Cluster("production", "hello")
        return MemoryDispatcher({cluster: "/is_alive"}), cluster
    aws: Aws = request.getfixturevalue("emulator")
    elbv2 = harness.client("elbv2", request.getfixturevalue("endpoint"), aws.credentials)
    return AlbDispatcher(elbv2, aws.client("ssm")), with_test_bed(aws).cluster


@pytest.fixture(scope="module")
def endpoint(emulator: Aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("dispatcher")
    url = emulator.client("sts").meta.endpoint_url
    with harness.dispatcher(url, folder, root=emulator.credentials) as (endpoint, _):
        yield endpoint


def test_the_main_group_gets_all_requests_until_the_weights_change(
    weighing: tuple[Dispatcher, Cluster],
) -> None:
    dispatcher, cluster = weighing
    assert dispatcher.has_test_bed(cluster)
    assert dispatcher.weights(cluster) == TO_MAIN
    weights = {Group.MAIN: 2, Group.TEST_BED: 1, Group.CONTROL: 1}
    dispatcher.weigh(cluster, weights)
    dispatcher.weigh(cluster, weights)
    assert dispatcher.weights(cluster) == weights


def test_a_group_without_a_weight_gets_no_requests(weighing: tuple[Dispatcher, Cluster]) -> None:
    dispatcher, cluster = weighing
    dispatcher.weigh(cluster, {Group.MAIN: 2, Group.TEST_BED: 1, Group.CONTROL: 1})
    dispatcher.weigh(cluster, {Group.MAIN: 1})
    assert dispatcher.weights(cluster) == TO_MAIN


def test_a_cluster_of_an_older_stack_has_no_test_bed(bedded: Gateways) -> None:
    dispatcher, old = bedded.dispatcher, bedded.old_cluster
    assert not dispatcher.has_test_bed(old)
    assert dispatcher.weights(old) == TO_MAIN
    dispatcher.register(old, A, 8080)
    bedded.settle()
    assert dispatcher.targets(old) == {A: TargetState.HEALTHY}
    assert dispatcher.target(old, B) is TargetState.ABSENT
    assert dispatcher.members(old, Group.TEST_BED) == {}
    dispatcher.deregister(old, A, 8080)
    bedded.settle()
    assert dispatcher.targets(old) == {}
    with pytest.raises(Unknown, match="test bed of"):
        dispatcher.register(old, A, 8080, Group.TEST_BED)
    with pytest.raises(Unknown, match="test bed of"):
        dispatcher.weigh(old, TO_MAIN)


def test_a_cluster_without_a_stack_has_no_test_bed(bedded: Gateways) -> None:
    assert not bedded.dispatcher.has_test_bed(Cluster("staging", "nobody"))
