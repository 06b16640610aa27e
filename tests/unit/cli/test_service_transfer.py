"""service transfer, as typed."""

from tests.unit.cli.conftest import Desk

OLD, NEW = "https://example.test/acme/hello.git", "https://example.test/other/hello.git"


def test_service_is_handed_over(desk: Desk) -> None:
    desk.machine.memory.catalogue.claim_service("hello", OLD)
    done = desk.type(f"service transfer hello --to {NEW} --yes --why moved")
    assert done.exit_code == 0, done.output
    assert f"hello belongs to {NEW} now; it belonged to {OLD}" in done.stdout


def test_owner_that_cannot_be_read_is_replaced(desk: Desk) -> None:
    desk.machine.memory.catalogue.claim_service("hello", OLD)
    desk.machine.memory.catalogue.damaged_owners.add("hello")
    done = desk.type(f"service transfer hello --to {NEW} --yes --why damaged")
    assert done.exit_code == 0, done.output
    assert "it belonged to an owner that could not be read" in done.stdout
    assert desk.machine.memory.catalogue.owner("hello") == NEW
