"""The transfer of a service to a repository that was renamed or has another owner."""

from dataclasses import replace

import pytest

from lifecycle.application.context import Context
from lifecycle.application.delivery.transfer_service import transfer_service
from lifecycle.application.operator_command import RequestedBy
from lifecycle.domain.errors import InvalidName, Refused, UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.catalogue import DynamoCatalogue
from lifecycle.gateways.aws.table import Table, key
from lifecycle.gateways.serialization import to_json
from lifecycle.gateways.small_records import Owner
from tests.fakes.context import MemoryContext
from tests.support.aws_in_memory import StoredLedger

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


@pytest.fixture
def ledger() -> StoredLedger:
    return StoredLedger()


def stored(memory: MemoryContext, ledger: StoredLedger, body: str, version: str = "3") -> Context:
    """Return a context whose ledger has this body as the owner of shop."""
    ledger.store({**key("SERVICE#shop", "OWNER"), "body": {"S": body}, "v": {"N": version}})
    return replace(memory.context, catalogue=DynamoCatalogue(Table(ledger, "ledger")))


@pytest.mark.parametrize("body", ['{"repository": "https://h/\\ud800"}', "{}", "", "no JSON"])
def test_owner_that_cannot_be_read_is_replaced_after_an_audit_entry(
    memory: MemoryContext, ledger: StoredLedger, body: str
) -> None:
    context = stored(memory, ledger, body)
    found = transfer_service(context, "shop", NEW, ADA)
    assert found.message == f"shop belongs to {NEW} now; it belonged to an owner that could not be read"
    assert context.catalogue.owner("shop") == NEW
    (entry,) = memory.audit_log.read(Cluster("production", "shop"))
    assert entry.what == f"transfer shop from an owner that could not be read to {NEW}"


def test_owner_that_a_newer_version_wrote_stays(memory: MemoryContext, ledger: StoredLedger) -> None:
    context = stored(memory, ledger, '{"repository": "x"}', "99")
    with pytest.raises(UnreadableRecord, match="Do not delete it"):
        transfer_service(context, "shop", NEW, ADA)


def test_owner_that_can_be_read_is_not_taken_for_an_unreadable_one(
    memory: MemoryContext, ledger: StoredLedger
) -> None:
    context = stored(memory, ledger, to_json(Owner(OLD)))
    assert not context.catalogue.transfer_service("shop", None, NEW)
    assert context.catalogue.owner("shop") == OLD
