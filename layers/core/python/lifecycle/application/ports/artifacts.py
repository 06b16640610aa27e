"""The port to manifests and artifacts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from lifecycle.domain.delivery.retention import Stored
from lifecycle.domain.errors import DigestMismatch
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest, and the sha256 of its bytes as they are stored."""

    manifest: Manifest
    sha256: str

    def checked(self, sha256: str, what: str) -> Manifest:
        """Return the manifest; raises DigestMismatch if it must have another sha256. Any will do for an empty one."""
        if sha256 and self.sha256 != sha256:
            raise DigestMismatch(f"the manifest of {what}", sha256, self.sha256)
        return self.manifest

    @property
    def as_published(self) -> Published:
        """The digests that a version has by what is stored."""
        return Published(self.manifest.digest, self.sha256)


@dataclass(frozen=True, slots=True)
class Received:
    """A version as a build uploaded it: claims, until they are checked; `size` is the store's."""

    manifest: Manifest
    artifact: BinaryIO
    size: int


class Artifacts(Protocol):
    """Manifests and artifacts in S3."""

    def stored_manifest(self, service: str, version: str) -> StoredManifest:
        """Return a version's manifest with its digest; raises Unknown if there is no such snapshot or release."""

    def manifest(self, service: str, version: str, sha256: str = "") -> Manifest:
        """Return a version's manifest; raises Unknown, and DigestMismatch if it must have another sha256."""

    def manifest_digest(self, manifest: Manifest) -> str:
        """Return the sha256 that the bytes of this manifest have where `publish` writes them."""

    def has_artifact(self, target: Target, service: str) -> bool:
        """Return whether artifact and manifest are stored, both with the target's digests; downloads nothing."""

    def received(self, upload: str, service: str, version: str) -> Received:
        """Return what a build uploaded below the key `upload`; raises Unknown if it did not."""

    def open_artifact(self, service: str, version: str) -> BinaryIO:
        """Return the bytes of a version's artifact; raises Unknown if there are none."""

    def publish(self, manifest: Manifest, artifact: BinaryIO) -> None:
        """Write artifact, then manifest, each once; the same bytes again are accepted, others raise ForeignObject.

        No more is read than the manifest's size. Raises DigestMismatch, and StoreRefused for a size that none has.
        """

    def envelope(self, service: str, version: str) -> str:
        """Return the envelope of a version, as it is stored; empty if there is none."""

    def keep_envelope(self, service: str, version: str, text: str) -> str:
        """Write a version's envelope unless it has one; returns the one that is stored then."""

    def refuse_foreign(self, manifest: Manifest) -> None:
        """Raise ForeignObject if another artifact, or a manifest of one, stands where `publish` would write."""

    def stored(self, service: str) -> Sequence[Stored]:
        """Return every snapshot and release of which anything is stored, in no particular order."""

    def delete(self, service: str, version: str) -> None:
        """Delete the manifest, then the rest; a missing object counts as deleted."""
