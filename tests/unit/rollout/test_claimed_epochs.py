"""Two plans of which one loses its lease: they share no epoch, and the fenced one writes nothing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import pytest

from lifecycle.application.rollout.plan import begin
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import DeploymentState, Request
from lifecycle.domain.rollout.lease import Lease
from tests.fakes.fleet import MemoryFleet
from tests.fakes.leases import MemoryLeases
from tests.fakes.registry import MemoryRegistry
from tests.support.rollout import CLUSTER, Machine


def epoch(machine: Machine, name: str) -> int:
    return machine.record(name).epoch


class LosingAfter(MemoryLeases):
    """A lease that is lost once, right after a call of `slow`; then `fast` is planned."""

    def __init__(self, machine: Machine, fast: Request) -> None:
        self.__dict__.update(machine.memory.leases.__dict__)
        self._machine, self._fast = machine, fast

    def lose(self) -> None:
        if not self._machine.memory.deployments.get(CLUSTER, self._fast.deployment):
            self._machine.memory.leases.set_back(CLUSTER, None)
            assert self._machine.begin(self._fast).kind == "PLANNED"


class EpochsRead(MemoryFleet):
    """A fleet whose lease is lost after its commands' epochs were read for the second time."""

    def __init__(self, machine: Machine, leases: LosingAfter) -> None:
        self.__dict__.update(machine.memory.fleet.__dict__)
        self._leases, self._reads = leases, 0

    def turn_epochs(self, cluster: Cluster) -> Mapping[str, int]:
        found = super().turn_epochs(cluster)
        self._reads += 1
        if self._reads == 2:
            self._leases.lose()
        return found


def test_plan_whose_lease_was_lost_before_its_first_record_shares_its_epoch_with_none(machine: Machine) -> None:
    """Both have read that no record has the epoch, each before the other recorded anything under it."""
    slow, fast = machine.request("1.0.1"), replace(machine.request("1.0.2"), deployment="hello-production-2-fast")
    leases = LosingAfter(machine, fast)
    context = replace(machine.context, fleet=EpochsRead(machine, leases))
    planned = begin(context, slow, slow.deployment)
    assert (planned.kind, epoch(machine, fast.deployment)) == ("QUEUED", 2)
    assert machine.run(fast.deployment).outcome == "DONE"
    assert set(machine.serving().values()) == {"1.0.2"}


def test_resume_whose_lease_was_lost_before_its_record_shares_its_epoch_with_none(machine: Machine) -> None:
    machine.stop_at = "UPDATE_HOSTS"
    slow = machine.record(machine.deploy("1.0.1"))
    fast = replace(machine.request("1.0.2"), deployment="hello-production-2-fast")

    class Taken(LosingAfter):
        def acquire(self, cluster: Cluster, deployment: str, now: datetime, newest: int = 0) -> Lease:
            taken = super().acquire(cluster, deployment, now, newest)
            self.lose()
            return taken

    machine.memory.leases.set_back(CLUSTER, None)
    planned = begin(replace(machine.context, leases=Taken(machine, fast)), slow.request, slow.execution)
    assert (planned.kind, machine.record(slow.id).state) == ("REFUSED", DeploymentState.STALE)
    machine.stop_at = ""
    assert machine.run(fast.deployment).outcome == "DONE"


def test_plan_that_was_fenced_leaves_the_desired_version_to_the_newer_one(machine: Machine) -> None:
    slow, fast = machine.request("1.0.1"), replace(machine.request("1.0.2"), deployment="hello-production-2-fast")
    taken: list[Lease] = []

    class Claimed(LosingAfter):
        def acquire(self, cluster: Cluster, deployment: str, now: datetime, newest: int = 0) -> Lease:
            taken.append(super().acquire(cluster, deployment, now, newest))
            if len(taken) == 2:
                self.lose()
            return taken[-1]

    planned = begin(replace(machine.context, leases=Claimed(machine, fast)), slow, slow.deployment)
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert (planned.kind, desired.deployment) == ("QUEUED", fast.deployment)
    assert epoch(machine, fast.deployment) > taken[0].epoch


class Killed(RuntimeError):
    """The end of a call in the middle."""


class Unwritable(MemoryRegistry):
    """A registry whose writer is killed first."""

    def set_desired(self, cluster: Cluster, desired: Desired) -> None:
        raise Killed


def test_claim_of_a_plan_that_was_killed_is_no_epoch_of_another(machine: Machine) -> None:
    """The lease of the slow plan is back, from a copy of before. The fast one had the same epoch meanwhile."""
    slow, fast = machine.request("1.0.1"), replace(machine.request("1.0.2"), deployment="hello-production-2-fast")

    class Restored(LosingAfter):
        def lose(self) -> None:
            held = machine.memory.leases.current(CLUSTER)
            machine.memory.leases.set_back(CLUSTER, None)
            with pytest.raises(Killed):
                begin(replace(machine.context, registry=Unwritable()), fast, fast.deployment)
            machine.memory.leases.set_back(CLUSTER, held)

    context = replace(machine.context, fleet=EpochsRead(machine, Restored(machine, fast)))
    planned = begin(context, slow, slow.deployment)
    claim = machine.record(fast.deployment).claimed
    assert (planned.kind, claim, epoch(machine, fast.deployment)) == ("PLANNED", 2, 0)
    assert epoch(machine, slow.deployment) > claim
