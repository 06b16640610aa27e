"""The in-memory fake of S3Snapshots, for tests."""

from pathlib import Path

from lifecycle.domain.service.manifest import Manifest


class MemorySnapshots:
    """Snapshots in dictionaries, by prefix."""

    upload = "incoming/AROA:AWSCodeBuild-1"

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}
        self.manifests: dict[str, Manifest] = {}

    def add_artifact(self, manifest: Manifest, artifact: Path) -> str:
        return self.digests.setdefault(manifest.prefix, manifest.digest)

    def add_manifest(self, manifest: Manifest) -> Manifest:
        return self.manifests.setdefault(manifest.prefix, manifest)
