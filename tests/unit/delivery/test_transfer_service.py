"""The transfer of a service to a repository that was renamed or has another owner."""

import pytest

from lifecycle.application.delivery.transfer_service import transfer_service
from lifecycle.application.operator_command import RequestedBy
from lifecycle.domain.errors import InvalidName, Refused
from lifecycle.domain.fleet.cluster import Cluster
from tests.fakes.context import MemoryContext

OLD, NEW = "https://example.test/alice/shop.git", "https://example.test/org/shop.git"
ADA = RequestedBy("ada", "the repository has moved")


@pytest.fixture
def memory() -> MemoryContext:
    memory = MemoryContext({})
    memory.catalogue.claim_service("shop", OLD)
    return memory


def test_builds_of_the_new_repository_own_the_service_after_an_audit_entry(memory: MemoryContext) -> None:
    found = transfer_service(memory.context, "shop", NEW, ADA)
    assert found.message == f"shop belongs to {NEW} now; it belonged to {OLD}"
    assert memory.catalogue.claim_service("shop", NEW) == NEW
    assert memory.catalogue.claim_service("shop", OLD) == NEW
    (entry,) = memory.audit_log.read(Cluster("production", "shop"))
    assert (entry.what, entry.who, entry.why) == (f"transfer shop from {OLD} to {NEW}", "ada", ADA.why)


def test_a_transfer_to_the_owner_is_refused_and_not_recorded(memory: MemoryContext) -> None:
    with pytest.raises(Refused, match="it belongs to that repository already"):
        transfer_service(memory.context, "shop", OLD, ADA)
    assert memory.audit_log.read(Cluster("production", "shop")) == []


def test_a_service_that_was_never_built_gets_its_owner(memory: MemoryContext) -> None:
    found = transfer_service(memory.context, "other", NEW, ADA)
    assert found.message == f"other belongs to {NEW} now; it belonged to no repository"
    assert memory.catalogue.claim_service("other", OLD) == NEW
    (entry,) = memory.audit_log.read(Cluster("production", "other"))
    assert entry.what == f"transfer other from no repository to {NEW}"


def test_no_repository_owns_what_is_no_name_of_a_service(memory: MemoryContext) -> None:
    with pytest.raises(InvalidName):
        transfer_service(memory.context, "No Service", NEW, ADA)


def test_a_transfer_from_a_former_owner_changes_nothing(memory: MemoryContext) -> None:
    assert not memory.catalogue.transfer_service("shop", NEW, "https://example.test/third.git")
    assert memory.catalogue.owner("shop") == OLD
