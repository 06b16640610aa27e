"""The port to manifests and artifacts."""

from collections.abc import Sequence
from typing import BinaryIO, Protocol

from lifecycle.domain.delivery.retention import Stored
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.target import Target


class Artifacts(Protocol):
    """Manifests and artifacts in S3."""

    def manifest(self, service: str, version: str) -> Manifest:
        """Raises Unknown when there is no such snapshot or release."""
        ...

    def has_artifact(self, target: Target, service: str) -> bool:
        """Whether artifact and manifest are there, both with the target's digest; nothing is downloaded for it."""
        ...

    def open_artifact(self, service: str, version: str) -> BinaryIO: ...

    def publish(self, manifest: Manifest, artifact: BinaryIO) -> None:
        """Write artifact, then manifest, each once; the same bytes again are fine, others raise StoreRefused."""
        ...

    def stored(self, service: str) -> Sequence[Stored]:
        """Every snapshot and release of which anything is stored, in no order."""
        ...

    def delete(self, service: str, version: str) -> None:
        """Delete the manifest, then the artifact; what is not there counts as deleted."""
        ...
