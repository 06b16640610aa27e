"""Publishing: upload the artifact first and its manifest last, each once, so that a manifest always has its artifact.

Called by main as the last step of the build. The phase record_snapshot checks the upload, and publishes it.
"""

from pathlib import Path
from typing import Protocol

from apps.build.errors import SnapshotTaken
from apps.build.pack import Packed
from apps.build.request import Request
from lifecycle.domain.service.commits import History
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.version import SnapshotVersion
from lifecycle.servicefile import ServiceFile


class Snapshots(Protocol):
    """The port that stores uploads; it never overwrites one. `upload` is the key below which they are."""

    @property
    def upload(self) -> str: ...

    def add_artifact(self, manifest: Manifest, artifact: Path) -> str:
        """Write the bytes if there are none yet; return the digest of the stored bytes."""

    def add_manifest(self, manifest: Manifest) -> Manifest:
        """Write the manifest if there is none yet; return the stored one."""


def manifest_of(file: ServiceFile, request: Request, packed: Packed, history: History | None = None) -> Manifest:
    """Return a snapshot's manifest; its version is made of the declared version, the time and the commit."""
    parts = file.to_manifest_parts()
    version = SnapshotVersion.of(file.base, request.built_at, request.commit)
    return Manifest(
        service=file.name,
        version=str(version),
        commit=request.commit,
        repository=request.repository,
        branch=request.branch,
        digest=packed.digest,
        size=packed.size,
        built_at=request.built_at,
        builder=request.builder,
        run=parts.run,
        is_alive=parts.is_alive,
        self_test=parts.self_test,
        policies=parts.policies,
        metrics=parts.metrics,
        metrics_path=parts.metrics_path,
        history=history,
        config=parts.config,
        environments=parts.environments,
        release=parts.release,
        processes=parts.processes,
        schedules=parts.schedules,
        supersede=parts.supersede,
        tests=(*file.build.unit_tests, *file.build.integration_tests),
    )


def publish(snapshots: Snapshots, manifest: Manifest, artifact: Path) -> Manifest:
    """Publish a snapshot, or return the one already published; raise SnapshotTaken when that has other bytes."""
    if (found := snapshots.add_artifact(manifest, artifact)) != manifest.digest:
        raise SnapshotTaken(manifest.prefix, manifest.digest, found)
    published = snapshots.add_manifest(manifest)
    if published.digest != manifest.digest:
        raise SnapshotTaken(manifest.prefix, manifest.digest, published.digest)
    return published
