"""One suite for the bucket and its in-memory fake: a snapshot is written once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from apps.build.publish import Snapshots
from apps.build.s3 import S3Snapshots
from lifecycle.domain.errors import CallFailed
from lifecycle.domain.service.manifest import Check, Manifest, Run
from tests.fakes.snapshots import MemorySnapshots

from .conftest import BUCKET, Build, Repository, push_environment

UPLOAD = "incoming/AROA:AWSCodeBuild-1"
BYTES = b"the artifact"
MANIFEST = Manifest(
    service="hello",
    version="1.4.0-20261123014630-ab12cd3",
    commit="ab12cd3" + "0" * 33,
    repository="url",
    branch="main",
    digest=sha256(BYTES).hexdigest(),
    size=len(BYTES),
    built_at=datetime(2026, 11, 23, 1, 46, 30, tzinfo=UTC),
    builder="build:1",
    run=Run("./serve", 8080),
    is_alive=Check("/is_alive"),
    self_test=Check("/self_test"),
)
OTHER = b"other bytes"
OTHER_MANIFEST = replace(MANIFEST, digest=sha256(OTHER).hexdigest(), builder="build:2")


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.emulator)])
def snapshots(request: pytest.FixtureRequest) -> Snapshots:
    if request.param == "memory":
        return MemorySnapshots()
    return S3Snapshots(request.getfixturevalue("s3"), BUCKET, UPLOAD)


@pytest.fixture
def artifact(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        (tmp_path / "artifact.tar.gz").write_bytes(data)
        return tmp_path / "artifact.tar.gz"

    return write


Artifact = Callable[[bytes], Path]


def test_an_artifact_is_written_once(snapshots: Snapshots, artifact: Artifact) -> None:
    assert snapshots.add_artifact(MANIFEST, artifact(BYTES)) == MANIFEST.digest
    assert snapshots.add_artifact(MANIFEST, artifact(BYTES)) == MANIFEST.digest
    assert snapshots.add_artifact(OTHER_MANIFEST, artifact(OTHER)) == MANIFEST.digest


def test_a_manifest_is_written_once(snapshots: Snapshots) -> None:
    assert snapshots.add_manifest(MANIFEST) == MANIFEST
    assert snapshots.add_manifest(OTHER_MANIFEST) == MANIFEST


@pytest.mark.emulator
def test_artifact_and_manifest_are_stored_under_the_snapshots_prefix(s3: Any, artifact: Artifact) -> None:
    snapshots = S3Snapshots(s3, BUCKET, UPLOAD)
    snapshots.add_artifact(MANIFEST, artifact(BYTES))
    snapshots.add_manifest(MANIFEST)
    found = s3.get_object(Bucket=BUCKET, Key=f"{UPLOAD}/{MANIFEST.prefix}/artifact.tar.gz")
    assert (found["Body"].read(), found["Metadata"]) == (BYTES, {"sha256": MANIFEST.digest})
    found["Body"].close()
    s3.head_object(Bucket=BUCKET, Key=f"{UPLOAD}/{MANIFEST.prefix}/manifest.json")


@pytest.mark.emulator
def test_the_bucket_refuses_bytes_that_were_damaged_in_transit(s3: Any, artifact: Artifact) -> None:
    with pytest.raises(CallFailed, match="BadDigest"):
        S3Snapshots(s3, BUCKET, UPLOAD).add_artifact(MANIFEST, artifact(OTHER))


@pytest.mark.emulator
def test_a_missing_bucket_is_named(s3: Any, artifact: Artifact) -> None:
    with pytest.raises(CallFailed, match=r"s3://no-such-bucket/incoming/[^/]*/snapshot/hello/.*NoSuchBucket"):
        S3Snapshots(s3, "no-such-bucket", UPLOAD).add_artifact(MANIFEST, artifact(BYTES))


@pytest.mark.emulator
def test_publishing_the_same_build_twice_succeeds(
    s3: Any, endpoint: str, repository: Repository, build: Build, tmp_path: Path
) -> None:
    folder = repository({"serve": ""})
    environ = push_environment(endpoint, folder)
    exports = tmp_path / "exports"
    for number in (1, 2):
        done = build(folder, "--output", str(exports), **{**environ, "CODEBUILD_BUILD_ID": f"build:{number}"})
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    prefix = f"snapshot/hello/1.4.0-20261123014630-{environ['LIFECYCLE_COMMIT'][:7]}"
    assert done.stdout.endswith(f"== uploaded {prefix}\n")
    assert prefix.rpartition("/")[2] in exports.read_text()
    assert "LIFECYCLE_UPLOAD=incoming/" in exports.read_text()
    (folder / "serve").write_text("changed")
    done = build(folder, "--output", str(exports), **environ)
    assert (done.returncode, "was published before with other bytes" in done.stderr) == (1, True)
