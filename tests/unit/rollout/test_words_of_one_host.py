"""The epoch that one host claims: it raises the next one a little, and switches no protection off."""

from dataclasses import replace

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.convergence.set_back import set_back
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.epoch import CREDIBLE, LARGEST_EPOCH, STEP
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.epochs import Epochs, recorded_epochs
from lifecycle.domain.rollout.lease import Lease
from tests.support.restored_ledger import LedgerCopy
from tests.support.rollout import CLUSTER, Machine

LIES = [STEP + 3, 10**6, CREDIBLE - 1, CREDIBLE, CREDIBLE + 1, LARGEST_EPOCH]


def claim(machine: Machine, host: str, epoch: int) -> None:
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report(host), epoch=epoch))


def reports(*epochs: int) -> dict[str, HostReport]:
    report = Machine(1).report("host-1")
    return {f"host-{n}": replace(report, host=f"host-{n}", epoch=epoch) for n, epoch in enumerate(epochs)}


def of_hosts(*epochs: int, commands: int = 5) -> Epochs:
    return recorded_epochs(None, reports(*epochs), {"host-0": commands}, (), None)


@pytest.mark.parametrize("lie", LIES)
def test_incredible_word_raises_no_epoch_and_is_named(machine: Machine, lie: int) -> None:
    claim(machine, "host-4", lie)
    (warning,) = [each for each in preview(machine.context, machine.request("1.0.1")).warnings if str(lie) in each]
    assert "the report of host-4" in warning
    assert "state.json" in warning
    name = machine.deploy("1.0.1")
    found = machine.record(name)
    assert (found.epoch, found.state) == (2, DeploymentState.HALTED)
    assert f"host-4 has acted under epoch {lie}" in found.reason
    assert "which no deployment had: stop its agent" in found.reason


@pytest.mark.parametrize("lie", LIES)
def test_incredible_word_stops_no_deployment_once_its_host_is_mended(machine: Machine, lie: int) -> None:
    honest = machine.report("host-4")
    claim(machine, "host-4", lie)
    name = machine.deploy("1.0.1")
    claim(machine, "host-4", honest.epoch)
    machine.decide(name, Choice.RETRY, "host-4")
    assert machine.record(name).state is DeploymentState.DONE
    assert set(machine.serving().values()) == {"1.0.1"}


@pytest.mark.parametrize("lie", [STEP + 1, *LIES])
def test_word_of_one_host_leaves_the_protection_against_a_restored_ledger(machine: Machine, lie: int) -> None:
    """Each deployment meets the lie again; then the ledger is set back to before all of them."""
    copy, honest = LedgerCopy(machine), machine.report("host-4").epoch
    for version in ("1.0.1", "1.0.2"):
        claim(machine, "host-4", lie)
        name = machine.deploy(version)
        if machine.record(name).state is DeploymentState.HALTED:
            claim(machine, "host-4", honest)
            machine.decide(name, Choice.RETRY, "host-4")
        assert machine.record(name).state is DeploymentState.DONE
    copy.put_back()
    found = converge_all(machine.context, "abcd", "schedule")[0]
    assert (found.kind, "which has no record" in found.reason) == ("HOLD", True)
    before = machine.report("host-1").epoch
    last = machine.record(machine.deploy("1.0.2"))
    assert (last.state, last.epoch) == (DeploymentState.DONE, before + 1)


def test_word_within_the_step_is_exceeded() -> None:
    """It is what an honest host shows that alone knows what a restored ledger has lost."""
    assert of_hosts(5, 5, 5 + STEP).newest.epoch == 5 + STEP
    assert not of_hosts(5, 5, 5 + STEP).disbelieved
    found = of_hosts(5, 5, 6 + STEP)
    assert found.newest.epoch == 5
    assert "the report of host-2 has epoch 1006" in found.disbelieved[0]


def test_most_hosts_are_believed_far_above_the_ledger() -> None:
    assert of_hosts(5 * STEP, 5 * STEP, 5).established.epoch == 5 * STEP
    assert of_hosts(5 * STEP, 6 * STEP, 5).newest.epoch == 6 * STEP
    assert of_hosts(5 * STEP, 6 * STEP + 1, 5).newest.epoch == 5 * STEP


@pytest.mark.parametrize("honest", [0, 4, 5])
def test_one_of_two_hosts_establishes_nothing(honest: int) -> None:
    assert of_hosts(honest, CREDIBLE).established.epoch == 5
    assert of_hosts(honest, CREDIBLE).newest.epoch == 5


def test_only_host_of_a_cluster_establishes_no_more_than_a_step() -> None:
    assert of_hosts(5 + STEP).established.epoch == 5 + STEP
    assert of_hosts(6 + STEP).established.epoch == 5
    assert of_hosts(6 + STEP).newest.epoch == 5


def test_protection_works_where_the_epochs_are_high_already() -> None:
    """A ledger whose epochs an older version of Lifecycle let a host raise."""
    high = CREDIBLE + 7
    assert of_hosts(high + 1, high + 1, high, commands=high).established.epoch == high + 1
    desired = Desired("1.0.1", "d" * 64, high + 2, "hello-production-20261123120003-101")
    found = recorded_epochs(desired, reports(high), {"host-0": high}, (), None)
    assert found.established.epoch == high + 2
    assert set_back(None, reports(2, 2), Lease(1), (), None).ledger


def test_edited_desired_version_raises_the_epochs_by_a_step_at_most() -> None:
    edited = Desired("1.0.1", "d" * 64, 10**6, "by hand")
    assert recorded_epochs(edited, {}, {"host-1": 5}, (), None).newest.epoch == 5
    near = replace(edited, epoch=5 + STEP)
    assert recorded_epochs(near, {}, {"host-1": 5}, (), None).newest.epoch == 5 + STEP
