"""The port to manifests and artifacts."""

from collections.abc import Sequence
from typing import BinaryIO, Protocol

from lifecycle.domain.delivery.retention import Stored
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.target import Target


class Artifacts(Protocol):
    """Manifests and artifacts in S3."""

    def manifest(self, service: str, version: str) -> Manifest:
        """Return a version's manifest; raises Unknown if there is no such snapshot or release."""

    def has_artifact(self, target: Target, service: str) -> bool:
        """Return whether artifact and manifest are stored, both with the target's digest; downloads nothing."""

    def open_artifact(self, service: str, version: str) -> BinaryIO:
        """Return the bytes of a version's artifact; raises Unknown if there are none."""

    def publish(self, manifest: Manifest, artifact: BinaryIO) -> None:
        """Write artifact, then manifest, each once; the same bytes again are accepted, others raise ForeignObject."""

    def refuse_foreign(self, manifest: Manifest) -> None:
        """Raise ForeignObject if other bytes stand where `publish` would write; writes nothing."""

    def stored(self, service: str) -> Sequence[Stored]:
        """Return every snapshot and release of which anything is stored, in no particular order."""

    def delete(self, service: str, version: str) -> None:
        """Delete the manifest, then the artifact; a missing one counts as deleted."""
