"""service remove, as typed."""

from dataclasses import replace

from tests.fakes.context import MemoryContext
from tests.unit.cli.conftest import SNAPSHOTS, Desk

OWNER = "https://example.test/acme/hello.git"


def without_cluster(desk: Desk) -> Desk:
    """Take the cluster away, as the deletion of its stack and of its hosts does."""
    gone = MemoryContext({}, catalogue=desk.machine.memory.catalogue)
    desk.machine.context = replace(desk.machine.context, registry=gone.registry, fleet=gone.fleet)
    desk.machine.memory.catalogue.claim_service("hello", OWNER)
    return desk


def test_removed_service_has_only_withdrawn_versions(desk: Desk) -> None:
    done = without_cluster(desk).type("service remove hello --yes --why unused")
    assert done.exit_code == 0, done.output
    assert f"hello is removed, and {OWNER} owns it no more" in done.stdout
    assert done.stdout.splitlines()[-1] == "next: lifecycle gc hello deletes the bytes of its versions"
    listed = desk.facts("snapshots hello")["snapshots"]
    assert {each["withdrawn"]["why"] for each in listed} == {"hello was removed: unused"}
    assert "withdrawn" in desk.type("snapshots hello").stdout
    assert desk.type("promote hello --yes").exit_code == 1
    done = desk.type(f"promote hello {SNAPSHOTS[-1]} --yes")
    assert (done.exit_code, "it was withdrawn by ada at 2026-" in done.stderr) == (1, True)


def test_service_with_a_cluster_is_refused_with_what_to_do(desk: Desk) -> None:
    desk.machine.memory.catalogue.claim_service("hello", OWNER)
    done = desk.type("service remove hello --yes --why unused")
    assert done.exit_code == 1
    assert "delete its stack lifecycle-production-hello" in done.stderr
    assert "`lifecycle remove-host hello HOST --environment production --why '...'` for each" in done.stderr
