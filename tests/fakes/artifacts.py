"""Artifacts in memory."""

import hashlib
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import BinaryIO

from lifecycle.domain.delivery.retention import Stored
from lifecycle.domain.errors import DigestMismatch, StoreRefused, Unknown
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
            kind = prefix.partition("/")[0]
            raise Unknown(kind, version, f"See `lifecycle {kind}s {service}`.", of=service)
        return self._manifests[prefix]

    def has_artifact(self, target: Target, service: str) -> bool:
        prefix = artifact_prefix(service, target.version)
        if prefix not in self._manifests or prefix not in self._bytes:
            return False
        found = hashlib.sha256(self._bytes[prefix]).hexdigest()
        return target.digest == self._manifests[prefix].digest == found

    def open_artifact(self, service: str, version: str) -> BinaryIO:
        return io.BytesIO(self._bytes[artifact_prefix(service, version)])

    def publish(self, manifest: Manifest, artifact: BinaryIO) -> None:
        body = artifact.read()
        found = hashlib.sha256(body).hexdigest()
        if found != manifest.digest:
            raise DigestMismatch(f"the artifact of {manifest.prefix}", manifest.digest, found)
        if self._bytes.setdefault(manifest.prefix, body) != body:
            raise StoreRefused(f"{manifest.prefix} exists with other bytes; a release is written once")
        self._manifests.setdefault(manifest.prefix, manifest)
        self.modified.setdefault(manifest.prefix, datetime.now(UTC))

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
