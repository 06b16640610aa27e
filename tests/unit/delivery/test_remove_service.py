"""The removal of a service: refused while anything of it is in use; then its name is free, and its bytes are not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.application.delivery.collect_garbage import gc
from lifecycle.application.delivery.promote import promote
from lifecycle.application.delivery.remove_service import remove_service
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.delivery.removal import runs_of
from lifecycle.domain.delivery.repository import LastBuild
from lifecycle.domain.delivery.retention import RetentionRules
from lifecycle.domain.errors import InvalidName, Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.queue import PendingDeployment
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.context import MemoryContext
from tests.fakes.publishing import build
from tests.fakes.signer import SIGNER
from tests.support.rollout import CLUSTER, Machine, manifest
from tests.support.ungated import ungated

OWNER, NEXT = "https://example.test/acme/hello.git", "https://example.test/other/hello.git"
SNAPSHOT, LATER = "1.0.0-20261123100000-aaaaaaa", "1.0.0-20261123110000-bbbbbbb"
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ADA = RequestedBy("ada", "nobody uses it")
RUN = f"hello-{'a' * 40}"


class Interrupted(MemoryCatalogue):
    """A catalogue that calls `then` once, right after the owner changed for the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.then: Callable[[], object] | None = None

    def transfer_service(self, service: str, owner: str | None, to: str) -> bool:
        done = super().transfer_service(service, owner, to)
        if then := self.then:
            self.then = None
            then()
        return done


def retired(catalogue: MemoryCatalogue | None = None) -> MemoryContext:
    """Return the stores of hello, which has a snapshot and a release, and no cluster any more."""
    memory = MemoryContext({}, catalogue=catalogue or MemoryCatalogue())
    memory.catalogue.claim_service("hello", OWNER)
    build(memory.artifacts, memory.catalogue, manifest(SNAPSHOT), SNAPSHOT.encode())
    promote(memory.catalogue, memory.artifacts, SIGNER, "hello", SNAPSHOT, "ada", ungated)
    last = LastBuild(SNAPSHOT, "0" * 16, NOW)
    memory.catalogue.change_builds(OWNER, lambda builds: builds.recorded("hello", last))
    return memory


@pytest.fixture
def memory() -> MemoryContext:
    return retired()


def remove(memory: MemoryContext) -> CommandResult:
    return remove_service(memory.context, "hello", ADA)


def refusal(memory: MemoryContext) -> str:
    with pytest.raises(Refused) as refused:
        remove(memory)
    assert memory.catalogue.owner("hello") == OWNER, "the owner is as it was"
    assert not memory.catalogue.withdrawals("hello")
    return str(refused.value)


def test_a_removed_service_belongs_to_the_next_repository_that_builds_it(memory: MemoryContext) -> None:
    found = remove(memory)
    assert found.message == f"hello is removed, and {OWNER} owns it no more; 2 versions are withdrawn"
    assert memory.catalogue.owner("hello") is None
    assert memory.catalogue.claim_service("hello", NEXT) == NEXT
    assert memory.catalogue.claim_service("hello", OWNER) == NEXT
    (entry,) = memory.audit_log.read(CLUSTER)
    assert (entry.what, entry.who, entry.why) == (f"remove the service hello of {OWNER}", "ada", ADA.why)


def test_the_builds_of_its_repository_know_nothing_of_it(memory: MemoryContext) -> None:
    remove(memory)
    assert memory.catalogue.change_builds(OWNER, lambda builds: builds).services == {}


def test_versions_of_a_removed_service_are_neither_promoted_nor_numbered_again(memory: MemoryContext) -> None:
    remove(memory)
    stores = memory.catalogue, memory.artifacts, SIGNER, "hello"
    with pytest.raises(Refused, match=r"it was withdrawn by ada at .*: hello was removed: nobody uses it; push its"):
        promote(*stores, SNAPSHOT, "bob", ungated)
    build(memory.artifacts, memory.catalogue, manifest(LATER), LATER.encode())
    assert promote(*stores, LATER, "bob", ungated).release == "1.0.1"


@pytest.mark.parametrize("version", [SNAPSHOT, "1.0.0"])
@pytest.mark.parametrize("kind", [Kind.DEPLOY, Kind.ROLLBACK, Kind.CONVERGE])
def test_no_plan_takes_bytes_of_a_removed_service(memory: MemoryContext, version: str, kind: Kind) -> None:
    remove(memory)
    request = replace(Machine().request("1.0.0", kind), version=version, environment="staging")
    with pytest.raises(Refused, match=f"{version} was withdrawn by ada"):
        preview(memory.context, request)


def test_former_versions_are_no_rollback_target_of_the_next_service() -> None:
    """Deployments stay in the ledger. A rollback of the next owner's first one must not bring back other bytes."""
    machine = Machine(hosts=2)
    catalogue, memory = machine.memory.catalogue, machine.memory
    machine.deploy("1.0.0")
    machine.deploy("1.0.1")
    catalogue.claim_service("hello", OWNER)
    for version, snapshot in (("1.0.0", SNAPSHOT), ("1.0.1", LATER)):
        catalogue.claim_release("hello", snapshot, version)
    # Its cluster goes, and another repository makes one of the same name.
    gone = MemoryContext({}, catalogue=catalogue)
    remove_service(replace(memory.context, registry=gone.registry, fleet=gone.fleet), "hello", ADA)
    plan = preview(machine.context, machine.request("1.0.2"))
    assert (plan.previous, plan.blockers) == (None, ())
    name = machine.deploy("1.0.2")
    record = machine.record(name)
    assert (record.state, record.previous) == (DeploymentState.DONE, None)
    assert record.epoch > 2, "the epochs go on"


def test_a_service_with_a_cluster_is_refused() -> None:
    memory = retired()
    found = MemoryContext({CLUSTER: "/"}, catalogue=memory.catalogue, artifacts=memory.artifacts)
    assert refusal(found) == (
        "the removal of hello is refused: production/hello is a cluster: delete its stack "
        "lifecycle-production-hello, then the parameters that are left below /lifecycle/production/hello "
        "(`lifecycle local remove hello` does both on a laptop)"
    )


def test_a_service_with_hosts_is_refused(memory: MemoryContext) -> None:
    memory.fleet.bind(Cluster("staging", "hello"), {"h1": "10.0.0.1"})
    assert "staging/hello has hosts, h1: `lifecycle remove-host hello HOST --environment staging" in refusal(memory)


def test_a_service_that_is_being_deployed_is_refused(memory: MemoryContext) -> None:
    name = "hello-production-20261123120000-aaaa"
    memory.leases.acquire(CLUSTER, name, memory.clock.now(), 0)
    assert f"{name} is deploying production/hello: wait for its end, or `lifecycle resume --abort`" in refusal(memory)


def test_a_service_with_a_pending_deployment_is_refused(memory: MemoryContext) -> None:
    request = Machine().request("1.0.0")
    memory.queue.replace(CLUSTER, None, PendingDeployment(request, memory.clock.now()))
    assert f"{request.deployment} waits to be deployed to production/hello: `lifecycle cancel hello" in refusal(
        memory
    )


def test_a_service_with_a_run_is_refused(memory: MemoryContext) -> None:
    memory.executions.start_delivery(RUN, {})
    assert f"the run {RUN} is not over: wait, or `lifecycle cancel --run {RUN}`" in refusal(memory)
    memory.executions.delivered.add(RUN)
    remove(memory)


def test_a_run_that_began_during_the_removal_ends_it() -> None:
    catalogue = Interrupted()
    memory = retired(catalogue)
    catalogue.then = lambda: memory.executions.start_delivery(RUN, {})
    assert f"the run {RUN} is not over" in refusal(memory)
    entries = [each.what for each in memory.audit_log.read(CLUSTER)]
    assert sorted(entries) == ["end the removal of hello", f"remove the service hello of {OWNER}"]


def test_a_build_that_ends_during_the_removal_is_refused() -> None:
    catalogue, owners = Interrupted(), list[str]()
    memory = retired(catalogue)
    catalogue.then = lambda: owners.append(catalogue.claim_service("hello", OWNER))
    remove(memory)
    assert owners == [f"being removed from {OWNER}"]


def test_an_interrupted_removal_goes_on(memory: MemoryContext) -> None:
    memory.catalogue.transfer_service("hello", OWNER, f"being removed from {OWNER}")
    assert remove(memory).message.startswith(f"hello is removed, and {OWNER} owns it no more")
    assert memory.catalogue.owner("hello") is None


def test_a_second_removal_is_refused(memory: MemoryContext) -> None:
    remove(memory)
    with pytest.raises(Refused, match="it belongs to no repository: it was removed before"):
        remove(memory)


def test_an_unknown_service_is_named() -> None:
    with pytest.raises(Unknown, match="service 'hello' not found"):
        remove(MemoryContext({}))
    with pytest.raises(InvalidName):
        remove_service(MemoryContext({}).context, "No Service", ADA)


def test_garbage_collection_deletes_what_a_removed_service_left() -> None:
    machine = Machine(hosts=1)
    memory = machine.memory
    build(memory.artifacts, memory.catalogue, manifest(SNAPSHOT), SNAPSHOT.encode())
    memory.catalogue.claim_service("hello", OWNER)
    memory.catalogue.claim_release("hello", SNAPSHOT, "1.0.0")
    machine.deploy("1.0.0")
    gone = MemoryContext({}, catalogue=memory.catalogue)
    context = replace(memory.context, registry=gone.registry, fleet=gone.fleet)
    remove_service(context, "hello", ADA)
    memory.artifacts.modified = dict.fromkeys(memory.artifacts.modified, NOW - timedelta(days=90))
    rules = RetentionRules(snapshots=20, releases=10, age=timedelta(days=7))
    found = gc(context, memory.catalogue, "hello", keep=rules, dry_run=False, by="ada")
    assert {each.version for each in found.deleted} == {SNAPSHOT, "1.0.0"}


def test_runs_of_its_repository_and_its_own_count() -> None:
    commit = "a" * 40
    runs = [f"shop-{commit}", f"api--{commit}", f"web--{commit}_2", f"other-{commit}", "strange"]
    assert runs_of("web", "https://example.test/acme/shop.git", runs) == [f"shop-{commit}", f"web--{commit}_2"]
