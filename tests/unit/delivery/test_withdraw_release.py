"""The withdrawal of a release that was never deployed, and what it means for plans, promotions and collections."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lifecycle.application.delivery.promote import promote
from lifecycle.application.delivery.withdraw_release import withdraw_release
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.delivery.retention import ClusterUse, Unreadable
from lifecycle.domain.delivery.withdrawal import blockers
from lifecycle.domain.errors import InvalidName, Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState
from tests.fakes.publishing import build
from tests.fakes.signer import SIGNER
from tests.support.rollout import CLUSTER, Machine, manifest
from tests.support.ungated import ungated

SNAPSHOT = "1.0.2-20261123100000-aaaaaaa"
BUILT = datetime(2026, 11, 23, 10, tzinfo=UTC)
ADA = RequestedBy("ada", "promoted by mistake")


@pytest.fixture
def machine() -> Machine:
    """Return a cluster that serves 1.0.0; the release 1.0.2 was never deployed."""
    made = Machine(hosts=2)
    build(made.memory.artifacts, made.memory.catalogue, manifest(SNAPSHOT), SNAPSHOT.encode())
    made.memory.catalogue.claim_release("hello", SNAPSHOT, "1.0.2")
    made.deploy("1.0.0")
    return made


def withdraw(machine: Machine, version: str = "1.0.2") -> CommandResult:
    return withdraw_release(machine.context, "hello", version, ADA)


def state(machine: Machine) -> WithdrawalState | None:
    found = machine.memory.catalogue.withdrawal("hello", "1.0.2")
    return found.state if found else None


def refusal(machine: Machine) -> str:
    with pytest.raises(Refused) as refused:
        withdraw(machine)
    assert state(machine) is not WithdrawalState.DONE
    return str(refused.value)


def test_a_withdrawn_release_is_neither_planned_nor_begun(machine: Machine) -> None:
    found = withdraw(machine)
    assert found.message == f"release 1.0.2 of hello is withdrawn; it was made from {SNAPSHOT}"
    words = f"1.0.2 was withdrawn by ada at {machine.now:%Y-%m-%d %H:%M} UTC: promoted by mistake; "
    request = machine.request("1.0.2")
    with pytest.raises(Refused, match=words):
        preview(machine.context, request)
    begun = machine.begin(request)
    assert (begun.kind, words in begun.reason) == ("REFUSED", True)
    assert set(machine.installed().values()) == {"1.0.0"}
    entries = machine.memory.audit_log.read(CLUSTER)
    entry = next(each for each in entries if each.what == "withdraw release 1.0.2")
    assert (entry.who, entry.why) == ("ada", ADA.why)


def test_a_withdrawn_release_is_refused_in_these_words_after_its_bytes_are_gone(machine: Machine) -> None:
    withdraw(machine)
    machine.memory.artifacts.delete("hello", "1.0.2")
    assert "1.0.2 was withdrawn by ada" in machine.begin(machine.request("1.0.2")).reason


def test_a_second_withdrawal_says_who_made_the_first(machine: Machine) -> None:
    withdraw(machine)
    with pytest.raises(Refused, match=r"it was withdrawn by ada at .* UTC: promoted by mistake"):
        withdraw(machine)


def test_no_number_is_used_again_and_the_snapshot_gets_another_release(machine: Machine) -> None:
    withdraw(machine)
    memory = machine.memory
    stores = memory.catalogue, memory.artifacts, SIGNER, "hello", SNAPSHOT, "ada", ungated
    with pytest.raises(
        Refused, match=r"1\.0\.2 was withdrawn by ada .*, and its number is not used again; .* 1\.0\.3"
    ):
        promote(*stores, "1.0.2")
    found = promote(*stores)
    assert (found.release, found.created) == ("1.0.3", True)
    assert promote(*stores) == replace(found, created=False, note="")
    assert machine.record(machine.deploy("1.0.3")).state is DeploymentState.DONE


def test_a_release_that_was_deployed_is_refused_with_what_to_do(machine: Machine) -> None:
    name = machine.deploy("1.0.2")
    assert refusal(machine) == (
        f"the withdrawal of hello 1.0.2 is refused: it was deployed to production/hello by {name}: `lifecycle "
        "quarantine hello 1.0.2 --environment production --why '...'` excludes it from later deployments; it is "
        "installed on host-1 of production/hello: `lifecycle quarantine hello 1.0.2 --environment production --why "
        "'...'` excludes it from later deployments"
    )
    machine.deploy("1.0.0")
    assert "it was deployed to production/hello by" in refusal(machine), "no record of it is ever forgotten"


def test_a_release_that_is_only_desired_is_refused(machine: Machine) -> None:
    machine.memory.registry.set_desired(CLUSTER, Desired("1.0.2", "d", 9, "by hand"))
    assert "it is desired in production/hello" in refusal(machine)


def test_a_release_that_waits_in_the_queue_is_refused(machine: Machine) -> None:
    pending = PendingDeployment(machine.request("1.0.2"), machine.now)
    machine.memory.queue.replace(CLUSTER, None, pending)
    assert "it waits to be deployed to production/hello: `lifecycle cancel hello`" in refusal(machine)


def test_a_release_whose_deployment_is_about_to_begin_is_refused(machine: Machine) -> None:
    request = machine.request("1.0.2")
    running = replace(machine.record(machine.deploy("1.0.1")), state=DeploymentState.QUEUED, epoch=0, request=request)
    machine.memory.deployments.put(running)
    assert f"{request.deployment} deploys it to production/hello, QUEUED: wait for its end" in refusal(machine)


def test_a_release_whose_deployment_was_refused_may_be_withdrawn(machine: Machine) -> None:
    request = machine.request("1.0.2")
    ended = replace(machine.record(machine.deploy("1.0.1")), state=DeploymentState.REFUSED, epoch=0, writes=None)
    machine.memory.deployments.put(replace(ended, request=request))
    withdraw(machine)
    assert state(machine) is WithdrawalState.DONE


def test_an_unrecorded_holder_of_the_lease_blocks_a_withdrawal(machine: Machine) -> None:
    machine.memory.leases.acquire(CLUSTER, "hello-production-20261123120000-aaaa", machine.now, 0)
    assert "holds the lease of production/hello, and its version is not recorded yet" in refusal(machine)


def test_what_cannot_be_read_blocks_a_withdrawal() -> None:
    found = blockers("1.0.2", BUILT, [Unreadable(CLUSTER, "its lease is damaged")])
    assert found == ["production/hello could not be read: its lease is damaged"]


def test_a_long_history_blocks_a_withdrawal_only_if_all_of_it_is_younger(machine: Machine) -> None:
    done = machine.record(machine.deploy("1.0.1"))
    use = ClusterUse(CLUSTER, None, Lease(0, ""), None, [done], complete=False, reports={}, quarantined={})
    (found,) = blockers("1.0.2", BUILT, [use])
    assert "production/hello has more than 1 deployments since it was built" in found
    assert blockers("1.0.2", machine.now, [use]) == []


@pytest.mark.parametrize("name", ["1.0.9", "9.0.0"])
def test_an_unknown_release_is_named(machine: Machine, name: str) -> None:
    with pytest.raises(Unknown, match=f"release '{name}' of hello not found"):
        withdraw(machine, name)


def test_a_snapshot_is_not_withdrawn(machine: Machine) -> None:
    with pytest.raises(InvalidName, match="release version"):
        withdraw(machine, SNAPSHOT)


def test_a_withdrawal_that_was_interrupted_blocks_no_deployment_and_may_be_repeated(machine: Machine) -> None:
    begun = Withdrawal("1.0.2", "bob", "was interrupted", machine.now)
    machine.memory.catalogue.put_withdrawal("hello", None, begun)
    withdraw(machine)
    found = machine.memory.catalogue.withdrawal("hello", "1.0.2")
    assert found is not None
    assert (found.state, found.by) == (WithdrawalState.DONE, "ada")


def test_a_deployment_ends_a_withdrawal_that_was_interrupted(machine: Machine) -> None:
    machine.memory.catalogue.put_withdrawal("hello", None, Withdrawal("1.0.2", "bob", "?", machine.now))
    assert machine.record(machine.deploy("1.0.2")).state is DeploymentState.DONE
    assert state(machine) is WithdrawalState.LOST


def test_the_environments_of_a_service_are_all_looked_at(machine: Machine) -> None:
    staging = Cluster("staging", "hello")
    desired = Desired("1.0.2", "d", 9, "by hand")
    machine.memory.registry.set_desired(staging, desired)
    assert "it is desired in staging/hello" in refusal(machine)
