"""A snapshot's manifest, and its publication, which happens once."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.build.errors import SnapshotTaken
from apps.build.pack import Packed
from apps.build.publish import manifest_of, publish
from apps.build.request import Request
from lifecycle.domain.service.manifest import Manifest, ReleaseCommand
from lifecycle.gateways.serialization import to_json
from lifecycle.servicefile import parse_service_file
from tests.fakes.snapshots import MemorySnapshots
from tests.support.records import read, read_plain

ARTIFACT = Path("artifact.tar.gz")
FILE = parse_service_file(b'name = "hello"\nversion = "1.4"\n[run]\ncommand = "./serve"\n[environments.staging]')
REQUEST = Request(
    repository="https://github.com/example/hello.git",
    commit="ab12cd3" + "0" * 33,
    branch="main",
    built_at=datetime(2026, 11, 23, 1, 46, 30, tzinfo=UTC),
    builder="lifecycle-build:1",
)
MANIFEST = manifest_of(FILE, REQUEST, Packed(ARTIFACT, digest="d" * 64, size=7, files=1, unpacked=9))


def test_a_snapshot_is_named_after_the_declared_version_the_time_and_the_commit() -> None:
    assert MANIFEST.prefix == "snapshot/hello/1.4.0-20261123014630-ab12cd3"
    assert (MANIFEST.digest, MANIFEST.size, MANIFEST.snapshot) == ("d" * 64, 7, None)
    assert set(MANIFEST.policies) == {"staging", "production"}


def test_a_manifest_is_read_back_as_it_was_written() -> None:
    assert read(Manifest, to_json(MANIFEST)) == MANIFEST


def test_a_snapshot_is_published_with_its_manifest() -> None:
    snapshots = MemorySnapshots()
    assert publish(snapshots, MANIFEST, ARTIFACT) == MANIFEST
    assert snapshots.digests == {MANIFEST.prefix: "d" * 64}
    assert snapshots.manifests == {MANIFEST.prefix: MANIFEST}


def test_publishing_the_same_build_again_returns_the_first_manifest() -> None:
    snapshots = MemorySnapshots()
    publish(snapshots, MANIFEST, ARTIFACT)
    assert publish(snapshots, replace(MANIFEST, builder="lifecycle-build:2"), ARTIFACT) == MANIFEST


def test_other_bytes_under_the_same_name_are_refused() -> None:
    snapshots = MemorySnapshots()
    publish(snapshots, MANIFEST, ARTIFACT)
    with pytest.raises(SnapshotTaken, match=r"expected sha256 eeee.*, found dddd.*; start a new build"):
        publish(snapshots, replace(MANIFEST, digest="e" * 64), ARTIFACT)
    assert snapshots.manifests == {MANIFEST.prefix: MANIFEST}


def test_other_bytes_of_a_build_without_a_manifest_are_refused() -> None:
    snapshots = MemorySnapshots()
    snapshots.add_artifact(MANIFEST, ARTIFACT)
    with pytest.raises(SnapshotTaken):
        publish(snapshots, replace(MANIFEST, digest="e" * 64), ARTIFACT)
    assert snapshots.manifests == {}


def test_a_manifest_with_another_digest_under_the_same_name_is_refused() -> None:
    snapshots = MemorySnapshots()
    snapshots.add_manifest(replace(MANIFEST, digest="e" * 64))
    with pytest.raises(SnapshotTaken):
        publish(snapshots, MANIFEST, ARTIFACT)


def test_release_command_is_in_the_manifest_and_an_older_manifest_has_none() -> None:
    file = parse_service_file(
        b'name = "hello"\nversion = "1.4"\n[run]\ncommand = "./serve"\n[release]\ncommand = "./migrate"'
    )
    manifest = manifest_of(file, REQUEST, Packed(ARTIFACT, digest="d" * 64, size=7, files=1, unpacked=9))
    assert manifest.release == ReleaseCommand("./migrate", 300)
    written = json.loads(to_json(manifest))
    assert read_plain(Manifest, written) == manifest
    del written["release"]["timeout_seconds"]
    assert read_plain(Manifest, written).release == manifest.release
    del written["release"]
    assert read_plain(Manifest, written).release is None
