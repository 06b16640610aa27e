"""Artifacts in memory."""

import hashlib
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import BinaryIO

from lifecycle.application.ports.artifacts import Received, StoredManifest
from lifecycle.domain.delivery.retention import Stored
from lifecycle.domain.errors import DigestMismatch, ForeignObject, Unknown
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.version import artifact_prefix
from lifecycle.gateways.aws.artifacts import refuse_size
from lifecycle.gateways.serialization import to_json


class MemoryArtifacts:
    """Artifacts are written once. `modified` has the time of each; a test may set it back."""

    def __init__(self) -> None:
        self.modified: dict[str, datetime] = {}
        self._manifests: dict[str, Manifest] = {}
        self._texts: dict[str, tuple[Manifest, str]] = {}
        self._bytes: dict[str, bytes] = {}
        self._envelopes: dict[str, str] = {}
        self._uploads: dict[str, tuple[Manifest, bytes]] = {}

    def stored_manifest(self, service: str, version: str) -> StoredManifest:
        prefix = artifact_prefix(service, version)
        if prefix not in self._manifests:
            raise _unknown(service, version)
        return StoredManifest(self._manifests[prefix], hashlib.sha256(self.text(prefix).encode()).hexdigest())

    def text(self, prefix: str) -> str:
        """Return the text of a stored manifest."""
        found = self._manifests[prefix]
        if prefix not in self._texts or self._texts[prefix][0] is not found:
            self._texts[prefix] = found, to_json(found)
        return self._texts[prefix][1]

    def manifest(self, service: str, version: str, sha256: str = "") -> Manifest:
        return self.stored_manifest(service, version).checked(sha256, f"{service} {version}")

    def manifest_digest(self, manifest: Manifest) -> str:
        return hashlib.sha256(to_json(manifest).encode()).hexdigest()

    def has_artifact(self, target: Target, service: str) -> bool:
        prefix = artifact_prefix(service, target.version)
        if prefix not in self._manifests or prefix not in self._bytes:
            return False
        found = hashlib.sha256(self._bytes[prefix]).hexdigest()
        same = target.manifest in ("", self.stored_manifest(service, target.version).sha256)
        return same and target.digest == self._manifests[prefix].digest == found

    def upload(self, upload: str, manifest: Manifest, body: bytes) -> None:
        """Store what a build uploads below a key."""
        self._uploads[f"{upload}/{manifest.prefix}"] = manifest, body

    def received(self, upload: str, service: str, version: str) -> Received:
        prefix = f"{upload}/{artifact_prefix(service, version)}"
        if prefix not in self._uploads:
            raise Unknown("upload", prefix, "Start the build again.")
        manifest, body = self._uploads[prefix]
        return Received(manifest, io.BytesIO(body), len(body))

    def open_artifact(self, service: str, version: str) -> BinaryIO:
        prefix = artifact_prefix(service, version)
        if prefix not in self._bytes:
            raise _unknown(service, version)
        return io.BytesIO(self._bytes[prefix])

    def publish(self, manifest: Manifest, artifact: BinaryIO) -> None:
        refuse_size(manifest)
        body = artifact.read(manifest.size + 1)
        if len(body) != manifest.size:
            raise DigestMismatch(f"the artifact of {manifest.prefix}", f"of {manifest.size} bytes", "another size")
        found = hashlib.sha256(body).hexdigest()
        if found != manifest.digest:
            raise DigestMismatch(f"the artifact of {manifest.prefix}", manifest.digest, found)
        self._refuse_other(manifest)
        self._bytes.setdefault(manifest.prefix, body)
        self._manifests.setdefault(manifest.prefix, manifest)
        self.modified.setdefault(manifest.prefix, datetime.now(UTC))

    def _refuse_other(self, manifest: Manifest) -> None:
        self.refuse_foreign(manifest)
        if (declared := self._manifests.get(manifest.prefix, manifest)) != manifest:
            expected, found = self.manifest_digest(manifest), self.manifest_digest(declared)
            raise ForeignObject(f"s3://artifacts/{manifest.prefix}/manifest.json", expected, found)

    def refuse_foreign(self, manifest: Manifest) -> None:
        prefix = manifest.prefix
        stored, declared = self._bytes.get(prefix), self._manifests.get(prefix)
        if stored is not None and (found := hashlib.sha256(stored).hexdigest()) != manifest.digest:
            raise ForeignObject(f"s3://artifacts/{prefix}/artifact.tar.gz", manifest.digest, found)
        if declared is not None and declared.digest != manifest.digest:
            raise ForeignObject(f"s3://artifacts/{prefix}/manifest.json", manifest.digest, declared.digest)

    def envelope(self, service: str, version: str) -> str:
        return self._envelopes.get(artifact_prefix(service, version), "")

    def keep_envelope(self, service: str, version: str, text: str) -> str:
        return self._envelopes.setdefault(artifact_prefix(service, version), text)

    def replace_envelope(self, service: str, version: str, text: str) -> None:
        """Store an envelope in the place of a version's own, or none, as somebody with access to the bucket could."""
        self._envelopes.pop(artifact_prefix(service, version), None)
        if text:
            self._envelopes[artifact_prefix(service, version)] = text

    def replace_manifest(self, manifest: Manifest) -> None:
        """Store a manifest in the place of a version's own, as somebody with access to the bucket could."""
        self._manifests[manifest.prefix] = manifest

    def put_foreign(self, service: str, version: str, body: bytes) -> None:
        """Store bytes in the place of a version's artifact, as another tool would."""
        prefix = artifact_prefix(service, version)
        self._bytes[prefix] = body
        self.modified[prefix] = datetime.now(UTC)

    def stored(self, service: str) -> Sequence[Stored]:
        return [
            Stored(version, len(body), self.modified[prefix], prefix in self._manifests)
            for prefix, body in self._bytes.items()
            for _, owner, version in (prefix.split("/"),)
            if owner == service
        ]

    def delete(self, service: str, version: str) -> None:
        prefix = artifact_prefix(service, version)
        for store in (self._manifests, self._envelopes, self._bytes, self.modified):
            store.pop(prefix, None)


def _unknown(service: str, version: str) -> Unknown:
    kind = artifact_prefix(service, version).partition("/")[0]
    return Unknown(kind, version, f"See `lifecycle {kind}s {service}`.", of=service)
