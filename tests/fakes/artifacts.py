"""Artifacts in memory."""

import hashlib
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import BinaryIO

from lifecycle.domain.delivery.retention import Stored
from lifecycle.domain.errors import DigestMismatch, ForeignObject, Unknown
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.version import artifact_prefix


class MemoryArtifacts:
    """Artifacts are written once. `modified` has the time of each; a test may set it back."""

    def __init__(self) -> None:
        self.modified: dict[str, datetime] = {}
        self._manifests: dict[str, Manifest] = {}
        self._bytes: dict[str, bytes] = {}

    def manifest(self, service: str, version: str) -> Manifest:
        prefix = artifact_prefix(service, version)
        if prefix not in self._manifests:
            raise _unknown(service, version)
        return self._manifests[prefix]

    def has_artifact(self, target: Target, service: str) -> bool:
        prefix = artifact_prefix(service, target.version)
        if prefix not in self._manifests or prefix not in self._bytes:
            return False
        found = hashlib.sha256(self._bytes[prefix]).hexdigest()
        return target.digest == self._manifests[prefix].digest == found

    def open_artifact(self, service: str, version: str) -> BinaryIO:
        prefix = artifact_prefix(service, version)
        if prefix not in self._bytes:
            raise _unknown(service, version)
        return io.BytesIO(self._bytes[prefix])

    def publish(self, manifest: Manifest, artifact: BinaryIO) -> None:
        body = artifact.read()
        found = hashlib.sha256(body).hexdigest()
        if found != manifest.digest:
            raise DigestMismatch(f"the artifact of {manifest.prefix}", manifest.digest, found)
        self.refuse_foreign(manifest)
        self._bytes.setdefault(manifest.prefix, body)
        self._manifests.setdefault(manifest.prefix, manifest)
        self.modified.setdefault(manifest.prefix, datetime.now(UTC))

    def refuse_foreign(self, manifest: Manifest) -> None:
        prefix = manifest.prefix
        stored, declared = self._bytes.get(prefix), self._manifests.get(prefix)
        if stored is not None and (found := hashlib.sha256(stored).hexdigest()) != manifest.digest:
            raise ForeignObject(f"s3://artifacts/{prefix}/artifact.tar.gz", manifest.digest, found)
        if declared is not None and declared.digest != manifest.digest:
            raise ForeignObject(f"s3://artifacts/{prefix}/manifest.json", manifest.digest, declared.digest)

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
        for store in (self._manifests, self._bytes, self.modified):
            store.pop(prefix, None)


def _unknown(service: str, version: str) -> Unknown:
    kind = artifact_prefix(service, version).partition("/")[0]
    return Unknown(kind, version, f"See `lifecycle {kind}s {service}`.", of=service)
