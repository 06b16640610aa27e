"""The record of a snapshot: its digest is the one that was recorded first."""

import io

from lifecycle.application.delivery.build import record_snapshot
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.catalogue import MemoryCatalogue
from tests.support.rollout import BUILT, manifest

SNAPSHOT = "1.0.1-20261123110000-aaaaaaa"
REPOSITORY = "https://example.test/hello.git"


def published() -> MemoryArtifacts:
    artifacts, made = MemoryArtifacts(), manifest(SNAPSHOT)
    artifacts.publish(made, io.BytesIO(SNAPSHOT.encode()))
    return artifacts


def test_snapshot_is_recorded_twice_with_the_same_bytes() -> None:
    catalogue, artifacts = MemoryCatalogue(), published()
    for _ in range(2):
        found = record_snapshot(catalogue, artifacts, REPOSITORY, "a" * 40, "hello", SNAPSHOT, BUILT)
        assert found.kind == "RECORDED", found


def test_snapshot_that_was_recorded_with_other_bytes_is_refused() -> None:
    catalogue = MemoryCatalogue()
    assert catalogue.record_snapshot("hello", SNAPSHOT, {"digest": "0" * 64})
    found = record_snapshot(catalogue, published(), REPOSITORY, "a" * 40, "hello", SNAPSHOT, BUILT)
    assert found.kind == "REFUSED"
    assert "was recorded with sha256 000000000000" in found.reason
    assert "publish the bytes under another version" in found.reason
