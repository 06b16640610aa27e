"""Artifacts in S3: written once, the manifest last, so that a manifest means that its bytes are there."""

import base64
import hashlib
from typing import Any, BinaryIO, cast

from botocore.exceptions import ClientError

from lifecycle.domain.deployment import Target
from lifecycle.domain.errors import DigestMismatch, StoreRefused, Unknown
from lifecycle.domain.manifest import Manifest
from lifecycle.domain.versions import artifact_prefix
from lifecycle.gateways.records import from_json, to_json

_CHUNK = 1 << 20


class S3Artifacts:
    """`snapshot/<service>/<version>/` and `release/<service>/<version>/` in one bucket."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def manifest(self, service: str, version: str) -> Manifest:
        prefix = artifact_prefix(service, version)
        kind = prefix.partition("/")[0]
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=f"{prefix}/manifest.json")
        except self._s3.exceptions.NoSuchKey as error:
            raise Unknown(kind, f"{version} of {service}", f"see: lifecycle {kind}s {service}") from error
        return from_json(Manifest, found["Body"].read())

    def has_artifact(self, target: Target, service: str) -> bool:
        key = f"{artifact_prefix(service, target.version)}/artifact.tar.gz"
        try:
            self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return False
            raise
        return True

    def open_artifact(self, service: str, version: str) -> BinaryIO:
        key = f"{artifact_prefix(service, version)}/artifact.tar.gz"
        return cast("BinaryIO", self._s3.get_object(Bucket=self._bucket, Key=key)["Body"])

    def publish(self, manifest: Manifest, artifact: BinaryIO) -> None:
        # S3 compares nothing but existence, so the bytes are checked here before they get their name.
        body = artifact.read()
        found = hashlib.sha256(body).hexdigest()
        if found != manifest.digest:
            raise DigestMismatch(f"the artifact of {manifest.prefix}", manifest.digest, found)
        self._put_once(f"{manifest.prefix}/artifact.tar.gz", body, manifest)
        self._put_once(f"{manifest.prefix}/manifest.json", to_json(manifest).encode(), manifest)

    def _put_once(self, key: str, body: bytes, manifest: Manifest) -> None:
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        try:
            self._s3.put_object(
                Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*", ChecksumSHA256=checksum
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "412"):
                raise
            if self.manifest_digest(key) not in (manifest.digest, None):
                raise StoreRefused(f"{key} exists with other bytes; a release is written once") from error

    def manifest_digest(self, key: str) -> str | None:
        """The digest of what stands at a key: by its own bytes, or by what a manifest says."""
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
        if key.endswith(".json"):
            return from_json(Manifest, body.read()).digest
        digest = hashlib.sha256()
        while chunk := body.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()
