"""A cluster that is gone is forgotten, so that the hosts of before refuse no plan after it is made again."""

from typing import Any

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.fleet.forget_cluster import forget_cluster, forget_hosts_of_deleted
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditKind
from lifecycle.entrypoints.fleet_events import StackDeleted
from tests.support.rollout import CLUSTER, Machine

ADA = RequestedBy("ada", "moved")


class Gone(Machine):
    """Four hosts that served 1.0.0 until the stack of their cluster was deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.deploy("1.0.0")
        for host in self.hosts:
            host.silent = True

    def tick(self) -> None:
        known = self.memory.dispatcher.states
        gone = CLUSTER not in known
        known.setdefault(CLUSTER, {})  # the machine itself records the targets
        super().tick()
        if gone:
            del known[CLUSTER]

    def delete_stack(self) -> None:
        del self.memory.dispatcher.states[CLUSTER]

    def make_again(self) -> None:
        self.memory.dispatcher.states[CLUSTER] = {}
        self.hosts.clear()
        for number in (7, 8, 9):
            self.join(f"host-{number}")


def test_deleted_stack_leaves_no_ghosts_that_refuse_the_next_plan() -> None:
    machine = Gone()
    machine.delete_stack()
    forget_hosts_of_deleted(machine.context, CLUSTER)
    assert machine.memory.fleet.reports(CLUSTER) == {}
    machine.make_again()
    assert preview(machine.context, machine.request("1.0.1")).blockers == ()
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert desired.version == "1.0.0"


def test_without_it_the_ghosts_refuse_the_plan() -> None:
    machine = Gone()
    machine.delete_stack()
    machine.memory.clock.sleep(3600)
    machine.make_again()
    assert preview(machine.context, machine.request("1.0.1")).blockers


def test_stack_that_was_made_again_meanwhile_keeps_its_hosts() -> None:
    machine = Gone()
    before = machine.memory.fleet.reports(CLUSTER).keys()
    assert "nothing to do" in forget_hosts_of_deleted(machine.context, CLUSTER).message
    assert machine.memory.fleet.reports(CLUSTER).keys() == before


def test_hosts_that_still_report_are_not_forgotten() -> None:
    machine = Gone()
    machine.delete_stack()
    machine.host("host-2").silent = False
    with pytest.raises(Refused, match="host-2 still reports: stop its agent first"):
        forget_hosts_of_deleted(machine.context, CLUSTER)
    assert len(machine.memory.fleet.reports(CLUSTER)) == 4


@pytest.mark.parametrize(
    ("alive", "why"),
    [
        (lambda m: m.memory.machines.groups.update({CLUSTER: {"i-1": "10.0.0.1"}}), "Auto Scaling group has i-1"),
        (lambda m: setattr(m.host("host-3"), "silent", False), "host-3 still reports: stop its agent first"),
        (
            lambda m: m.memory.dispatcher.register(CLUSTER, m.host("host-1").address, 8080),
            "1 is in rotation: stop it",
        ),
        (lambda m: m.begin(m.request("1.0.1")), "has not ended: abort it first"),
    ],
)
def test_cluster_that_shows_life_is_not_forgotten(alive: Any, why: str) -> None:
    machine = Gone()
    if "abort" in why:
        for host in machine.hosts:
            host.silent = False
        alive(machine)
    machine.delete_stack()
    machine.memory.dispatcher.states[CLUSTER] = {}
    machine.memory.clock.sleep(60)
    if "abort" not in why:
        alive(machine)
        machine.memory.clock.sleep(5)
    with pytest.raises(Refused, match=why):
        forget_cluster(machine.context, CLUSTER, ADA)
    assert len(machine.memory.fleet.reports(CLUSTER)) == 4


def test_person_forgets_the_hosts_and_the_desired_version() -> None:
    machine = Gone()
    machine.memory.fleet.quarantine_host(CLUSTER, "host-9", "bad disk")
    machine.delete_stack()
    machine.memory.clock.sleep(60)
    forget_cluster(machine.context, CLUSTER, ADA)
    assert machine.memory.fleet.reports(CLUSTER) == {}
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {}
    assert machine.memory.registry.desired(CLUSTER) is None
    assert machine.memory.leases.current(CLUSTER).epoch == 1
    with pytest.raises(Unknown):
        forget_cluster(machine.context, CLUSTER, ADA)


def test_convergence_notifies_once_of_a_cluster_without_a_stack() -> None:
    machine = Gone()
    machine.delete_stack()
    for _ in range(3):
        [found] = converge_all(machine.context, "c0de", "schedule", CLUSTER)
        assert found.kind == "HOLD", found
        machine.memory.clock.sleep(900)
    findings = [each for each in machine.memory.audit_log.entries if each.kind == AuditKind.HAND_MADE]
    assert [each.what for each in findings] == ["found no stack of production/hello"]
    assert "lifecycle forget-cluster hello -e production" in findings[0].why


@pytest.mark.parametrize(
    ("stack", "cluster"),
    [
        ("arn:aws:cloudformation:eu-west-1:1:stack/lifecycle-production-hello/9f", Cluster("production", "hello")),
        ("arn:aws:cloudformation:eu-west-1:1:stack/lifecycle-staging-a-b/9f", Cluster("staging", "a-b")),
        ("arn:aws:cloudformation:eu-west-1:1:stack/lifecycle/9f", None),
        ("arn:aws:cloudformation:eu-west-1:1:stack/lifecycle-production-Nope_1/9f", None),
        ("arn:aws:cloudformation:eu-west-1:1:stack/other-production-hello/9f", None),
        ("nonsense", None),
    ],
)
def test_stack_names_its_cluster(stack: str, cluster: Cluster | None) -> None:
    assert StackDeleted(stack=stack).cluster_or_none() == cluster
