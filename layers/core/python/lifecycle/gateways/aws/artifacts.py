"""Artifacts in S3: written once, the manifest last, so that a manifest implies its artifact."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, cast

from botocore.exceptions import ClientError

from lifecycle.domain.delivery.retention import Stored
from lifecycle.domain.errors import DigestMismatch, InvalidName, StoreRefused, Unknown
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.version import artifact_prefix
from lifecycle.gateways.serialization import from_json, to_json

_CHUNK = 1 << 20
_ARTIFACT = "artifact.tar.gz"
_MANIFEST = "manifest.json"


class S3Artifacts:
    """`snapshot/<service>/<version>/` and `release/<service>/<version>/` in one bucket."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def manifest(self, service: str, version: str) -> Manifest:
        prefix = artifact_prefix(service, version)
        kind = prefix.partition("/")[0]
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=f"{prefix}/{_MANIFEST}")
        except self._s3.exceptions.NoSuchKey as error:
            raise Unknown(kind, version, f"See `lifecycle {kind}s {service}`.", of=service) from error
        return from_json(Manifest, found["Body"].read())

    def has_artifact(self, target: Target, service: str) -> bool:
        key = f"{artifact_prefix(service, target.version)}/{_ARTIFACT}"
        try:
            found = self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
            manifest = self.manifest(service, target.version)
        except (Unknown, StoreRefused):
            return False
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return False
            raise
        # An object that another tool wrote may have another kind of checksum; then its size has to suffice.
        matches = found["ContentLength"] == manifest.size and _sha256(found) in (target.digest, None)
        return matches and manifest.digest == target.digest

    def open_artifact(self, service: str, version: str) -> BinaryIO:
        key = f"{artifact_prefix(service, version)}/{_ARTIFACT}"
        return cast("BinaryIO", self._s3.get_object(Bucket=self._bucket, Key=key)["Body"])

    def publish(self, manifest: Manifest, artifact: BinaryIO) -> None:
        # IfNoneMatch compares nothing but existence, so the bytes are checked before they are written.
        body = artifact.read()
        found = hashlib.sha256(body).hexdigest()
        if found != manifest.digest:
            raise DigestMismatch(f"the artifact of {manifest.prefix}", manifest.digest, found)
        self._put_once(f"{manifest.prefix}/{_ARTIFACT}", body, manifest)
        self._put_once(f"{manifest.prefix}/{_MANIFEST}", to_json(manifest).encode(), manifest)

    def stored(self, service: str) -> Sequence[Stored]:
        found: dict[str, Stored] = {}
        pages = self._s3.get_paginator("list_objects_v2")
        for kind in ("snapshot", "release"):
            prefix = f"{kind}/{service}/"
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for each in page.get("Contents", []):
                    version, _, name = each["Key"].removeprefix(prefix).partition("/")
                    if _is_ours(kind, version, name):
                        found[version] = _with(found.get(version), version, name, each)
        return list(found.values())

    def delete(self, service: str, version: str) -> None:
        prefix = artifact_prefix(service, version)
        for name in (_MANIFEST, _ARTIFACT):
            self._s3.delete_object(Bucket=self._bucket, Key=f"{prefix}/{name}")

    def _put_once(self, key: str, body: bytes, manifest: Manifest) -> None:
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        try:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*", ChecksumSHA256=checksum)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "412"):
                raise
            if self.manifest_digest(key) not in (manifest.digest, None):
                raise StoreRefused(f"{key} exists with other bytes; a release is written once") from error

    def manifest_digest(self, key: str) -> str | None:
        """Return the digest of an artifact's bytes at `key`, or the digest that a manifest there names."""
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
        if key.endswith(".json"):
            return from_json(Manifest, body.read()).digest
        digest = hashlib.sha256()
        while chunk := body.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()


def _sha256(head: Mapping[str, Any]) -> str | None:
    """Return S3's digest of an object's bytes; None if there is none, or only one of its parts' digests."""
    checksum = head.get("ChecksumSHA256", "")
    if not checksum or "-" in checksum:
        return None
    return base64.b64decode(checksum).hex()


def _is_ours(kind: str, version: str, name: str) -> bool:
    try:
        return artifact_prefix("", version).startswith(kind) and name in (_MANIFEST, _ARTIFACT)
    except InvalidName:
        return False


def _with(before: Stored | None, version: str, name: str, listed: Mapping[str, Any]) -> Stored:
    previous = before or Stored(version, 0, listed["LastModified"], has_manifest=False)
    return Stored(
        version,
        previous.bytes + int(listed["Size"]),
        max(previous.modified, listed["LastModified"]),
        previous.has_manifest or name == _MANIFEST,
    )
