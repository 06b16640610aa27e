"""The end of a test bed and its traffic weights: faults that the simulation and the fault injection found."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.next_step import Decided
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.lease import LONGEST_CALL
from lifecycle.domain.rollout.test_bed.model import BedState
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.dispatcher import MemoryDispatcher
from tests.support.rollout import CLUSTER, Machine
from tests.unit.rollout.test_bed.test_schedule import until, weights


def test_recovered_control_stays_while_the_other_host_returns(machine: Machine) -> None:
    """Found by the simulation: it was unhealthy at first, and was taken out although it served again."""
    name = until(machine, "BAKE")
    bed, dispatcher = machine.bed(name), machine.memory.dispatcher
    control = machine.host(bed.control).address
    dispatcher.dead.add(control)
    machine.tick()
    began = machine.now

    def recovers() -> None:
        if machine.now > began:
            dispatcher.dead.discard(control)

    machine.memory.clock.ticks.insert(0, recovers)
    step = Decided("END_BAKE", "as I see it", outcome=BedState.CANCELLED, bed=bed.number)
    assert machine.end_bake(name, step) == "PASSED"
    assert dispatcher.targets(CLUSTER)[control] is TargetState.TEST_GROUP
    assert weights(machine) == {Group.MAIN: 3, Group.TEST_BED: 0, Group.CONTROL: 1}


def test_unhealthy_control_is_taken_out(machine: Machine) -> None:
    name = until(machine, "BAKE")
    bed, dispatcher = machine.bed(name), machine.memory.dispatcher
    control = machine.host(bed.control).address
    dispatcher.dead.add(control)
    machine.tick()
    step = Decided("END_BAKE", "as I see it", outcome=BedState.CANCELLED, bed=bed.number)
    assert machine.end_bake(name, step) == "PASSED"
    machine.tick()
    assert control not in dispatcher.targets(CLUSTER)
    assert weights(machine) == {Group.MAIN: 3, Group.TEST_BED: 0, Group.CONTROL: 0}


def test_end_of_a_bake_renews_a_lease_that_its_calls_could_outlast(machine: Machine) -> None:
    name, leases = until(machine, "BAKE"), machine.memory.leases
    leases.renew(CLUSTER, leases.current(CLUSTER), machine.now + LONGEST_CALL)
    step = Decided("END_BAKE", "as I see it", outcome=BedState.CANCELLED, bed=machine.bed(name).number)
    assert machine.end_bake(name, step) == "PASSED"
    assert leases.current(CLUSTER).outlasts_a_call(machine.now)


class LeftMeanwhile(MemoryDispatcher):
    """A load balancer from which the target at an address leaves while traffic weights are set."""

    def __init__(self, real: MemoryDispatcher, address: str) -> None:
        self.__dict__.update(real.__dict__)
        self._address = address

    def weigh(self, cluster: Cluster, weights: Mapping[Group, int]) -> None:
        self.test_groups[cluster, Group.TEST_BED].pop(self._address, None)
        super().weigh(cluster, weights)


def test_host_that_leaves_during_weighting_gets_no_traffic_weight(machine: Machine) -> None:
    """Found by the simulation: it was counted, removed, and only then weighted."""
    name = until(machine, "BAKE")
    dispatcher = LeftMeanwhile(machine.memory.dispatcher, machine.host(machine.bed(name).host).address)
    dispatcher.group_weights[CLUSTER] = {Group.MAIN: 4, Group.TEST_BED: 0, Group.CONTROL: 0}
    traffic_weights.rebalance(replace(machine.context, dispatcher=dispatcher), CLUSTER)
    assert weights(machine) == {Group.MAIN: 2, Group.TEST_BED: 0, Group.CONTROL: 1}


class SickInMain(MemoryDispatcher):
    """A load balancer whose main group finds the target at an address unhealthy."""

    def __init__(self, real: MemoryDispatcher, address: str) -> None:
        self.__dict__.update(real.__dict__)
        self._address = address

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        found = dict(super().members(cluster, group))
        if group is Group.MAIN and found.get(self._address) is TargetState.HEALTHY:
            found[self._address] = TargetState.UNHEALTHY
        return found


def test_host_that_is_not_healthy_in_the_main_group_leaves_it_and_stays_in_its_own(machine: Machine) -> None:
    name = until(machine, "BAKE")
    bed = machine.bed(name)
    address = machine.host(bed.host).address
    dispatcher = SickInMain(machine.memory.dispatcher, address)
    machine.context = replace(machine.context, dispatcher=dispatcher)
    step = Decided("END_BAKE", "as I see it", outcome=BedState.PASSED, bed=bed.number)
    assert machine.end_bake(name, step) == "PASSED"
    machine.tick()
    assert address not in dispatcher.members(CLUSTER, Group.MAIN)
    assert dispatcher.members(CLUSTER, Group.TEST_BED)[address] is TargetState.HEALTHY


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("returned", [("host",), ("host", "control")])
def test_interrupted_end_of_a_bake_is_resumed(
    machine: Machine,
    returned: tuple[str, ...],
    settled: bool,  # noqa: FBT001
) -> None:
    """Found by the fault injection: a host that had returned already counted as unhealthy, and the version as
    failed.
    """
    name = until(machine, "END_BAKE")
    bed, dispatcher = machine.bed(name), machine.memory.dispatcher
    for each in returned:
        dispatcher.register(CLUSTER, machine.host(getattr(bed, each)).address, 8080)
    if settled:
        machine.tick()
    machine.run(name)
    assert [each.state for each in machine.memory.deployments.beds(name)] == [BedState.PASSED]
    assert machine.record(name).state is DeploymentState.DONE


def test_empty_main_group_has_no_traffic_weight(machine: Machine) -> None:
    name = until(machine, "BAKE")
    bed = machine.bed(name)
    for host in [each.name for each in machine.hosts if each.name not in (bed.host, bed.control)]:
        remove_host(machine.context, CLUSTER, host, RequestedBy("linus", "it is gone"), terminated=True)
    assert weights(machine) == {Group.MAIN: 0, Group.TEST_BED: 1, Group.CONTROL: 1}


def test_last_host_gets_all_requests(machine: Machine) -> None:
    name = until(machine, "BAKE")
    bed = machine.bed(name)
    for host in [each.name for each in machine.hosts if each.name != bed.control]:
        remove_host(machine.context, CLUSTER, host, RequestedBy("linus", "it is gone"), terminated=True)
    assert weights(machine) == {Group.MAIN: 0, Group.TEST_BED: 0, Group.CONTROL: 1}
    remove_host(machine.context, CLUSTER, bed.control, RequestedBy("linus", "it is gone"), terminated=True)
    assert weights(machine) == {Group.MAIN: 1, Group.TEST_BED: 0, Group.CONTROL: 0}


def test_convergence_takes_requests_off_a_dead_test_bed_under_any_lease(machine: Machine) -> None:
    name = until(machine, "BAKE")
    machine.memory.dispatcher.dead.add(machine.host(machine.bed(name).host).address)
    machine.tick()
    assert machine.memory.leases.current(CLUSTER).deployment == name
    converge_all(machine.context, "abcd", "schedule")
    assert weights(machine)[Group.TEST_BED] == 0


class Passes(MemoryAuditLog):
    """An audit log at whose n-th entry the lease passes to another deployment."""

    def __init__(self, machine: Machine, entry: int) -> None:
        super().__init__()
        self._machine, self._left = machine, entry
        self.rotation: object = None

    def append(self, entry: AuditEntry) -> None:
        super().append(entry)
        self._left -= 1
        if self._left == 0:
            leases = self._machine.memory.leases
            leases.hand_over(CLUSTER, leases.current(CLUSTER), "another", self._machine.now)
            self.rotation = in_load_balancer(self._machine)


def in_load_balancer(machine: Machine) -> object:
    """Return the targets of each group and the groups' traffic weights."""
    dispatcher = machine.memory.dispatcher
    return {group: set(dispatcher.members(CLUSTER, group)) for group in Group}, weights(machine)


@pytest.mark.parametrize("outcome", [BedState.PASSED, BedState.FAILED, BedState.CANCELLED])
@pytest.mark.parametrize("entry", range(1, 6))
def test_end_of_a_bake_that_is_fenced_changes_nothing_more(machine: Machine, entry: int, outcome: BedState) -> None:
    name = until(machine, "BAKE")
    passes = Passes(machine, entry)
    machine.context = replace(machine.context, audit_log=passes)
    step = Decided("END_BAKE", "as I see it", outcome=outcome, bed=machine.bed(name).number)
    ended = machine.end_bake(name, step)
    if passes.rotation is None:
        assert (ended, outcome, entry) == ("PASSED", BedState.FAILED, 5)  # its own host is not registered again
        return
    assert ended == "STALE"
    assert in_load_balancer(machine) == passes.rotation
    assert machine.bed(name).state is BedState.BAKING


class Sick(MemoryDispatcher):
    """A load balancer that finds targets at some addresses unhealthy."""

    def __init__(self, real: MemoryDispatcher) -> None:
        self.__dict__.update(real.__dict__)
        self.sick: set[str] = set()

    def members(self, cluster: Cluster, group: Group) -> Mapping[str, TargetState]:
        found = super().members(cluster, group)
        return {each: TargetState.UNHEALTHY if each in self.sick else state for each, state in found.items()}


def test_dead_hosts_of_the_main_group_get_no_requests_while_as_many_others_are_healthy(machine: Machine) -> None:
    name = until(machine, "BAKE")
    bed, dispatcher = machine.bed(name), Sick(machine.memory.dispatcher)
    context = replace(machine.context, dispatcher=dispatcher)
    main = [each.address for each in machine.hosts if each.name not in (bed.host, bed.control)]
    assert len(main) == 2
    both = {Group.TEST_BED: 1, Group.CONTROL: 1}
    dispatcher.sick = {main[0]}
    traffic_weights.stop_unanswered_traffic(context, CLUSTER)
    assert weights(machine) == {Group.MAIN: 2, **both}
    dispatcher.sick = set(main)
    for change in (traffic_weights.stop_unanswered_traffic, traffic_weights.rebalance):
        change(context, CLUSTER)
        assert weights(machine) == {Group.MAIN: 0, **both}
    dispatcher.sick = {main[0]}
    traffic_weights.stop_unanswered_traffic(context, CLUSTER)
    assert weights(machine) == {Group.MAIN: 2, **both}


def test_main_group_fails_open_where_the_other_hosts_are_fewer(machine: Machine) -> None:
    """Two unhealthy hosts may serve; the single healthy one could not serve the requests of both."""
    name = until(machine, "BAKE")
    bed, dispatcher = machine.bed(name), Sick(machine.memory.dispatcher)
    context = replace(machine.context, dispatcher=dispatcher)
    dispatcher.sick = {each.address for each in machine.hosts if each.name != bed.control}
    traffic_weights.stop_unanswered_traffic(context, CLUSTER)
    assert weights(machine) == {Group.MAIN: 2, Group.TEST_BED: 0, Group.CONTROL: 1}
    dispatcher.sick = {each.address for each in machine.hosts}
    traffic_weights.stop_unanswered_traffic(context, CLUSTER)
    assert weights(machine)[Group.MAIN] > 0
