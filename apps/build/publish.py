"""Publishing: the artifact first, its manifest last, each written once; a manifest promises its artifact.

Last step of the build; called by main. In the bucket it is where `promote` and the hosts look for it.
"""

from pathlib import Path
from typing import Protocol

from apps.build.errors import SnapshotTaken
from apps.build.pack import Packed
from apps.build.request import Request
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.version import SnapshotVersion
from lifecycle.servicefile import ServiceFile


class Snapshots(Protocol):
    """Where snapshots are kept; nothing in it is ever overwritten."""

    def add_artifact(self, manifest: Manifest, artifact: Path) -> str:
        """Write the bytes if none are there; the digest of those that are there now."""
        ...

    def add_manifest(self, manifest: Manifest) -> Manifest:
        """Write the manifest if none is there; the one that is there now."""
        ...


def manifest_of(file: ServiceFile, request: Request, packed: Packed) -> Manifest:
    """The manifest of a snapshot, named after the declared version, the time and the commit."""
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
    )


def publish(snapshots: Snapshots, manifest: Manifest, artifact: Path) -> Manifest:
    """Publish, or find the same already published; raises SnapshotTaken when it has other bytes."""
    if (found := snapshots.add_artifact(manifest, artifact)) != manifest.digest:
        raise SnapshotTaken(manifest.prefix, manifest.digest, found)
    published = snapshots.add_manifest(manifest)
    if published.digest != manifest.digest:
        raise SnapshotTaken(manifest.prefix, manifest.digest, published.digest)
    return published
