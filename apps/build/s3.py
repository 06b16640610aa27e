"""Snapshots in the artifact bucket, with conditional writes that never overwrite. Used by main."""

import base64
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.service.manifest import Manifest
from lifecycle.gateways.aws.artifacts import manifest_of
from lifecycle.gateways.serialization import to_json

_MAXIMUM_TRIES = 4


class S3Snapshots:
    """The bucket's `snapshot/` prefix; the role needs s3:PutObject and s3:GetObject on it."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def add_artifact(self, manifest: Manifest, artifact: Path) -> str:
        key = f"{manifest.prefix}/artifact.tar.gz"
        checksum = base64.b64encode(bytes.fromhex(manifest.digest)).decode()
        with artifact.open("rb") as body:
            # S3 verifies the checksum, and refuses bytes that were damaged in transit.
            written = self._put(
                key,
                body,
                ContentType="application/gzip",
                ChecksumSHA256=checksum,
                Metadata={"sha256": manifest.digest},
            )
        if written:
            return manifest.digest
        metadata: dict[str, str] = self._call("head_object", key)["Metadata"]
        return metadata.get("sha256", "")

    def add_manifest(self, manifest: Manifest) -> Manifest:
        key = f"{manifest.prefix}/manifest.json"
        if self._put(key, to_json(manifest).encode(), ContentType="application/json"):
            return manifest
        return manifest_of(self._call("get_object", key)["Body"].read(), self._bucket, key)

    def _put(self, key: str, body: Any, **more: Any) -> bool:
        """Write the object if it does not exist; return whether it was written."""
        for attempt in range(1, _MAXIMUM_TRIES + 1):
            try:
                self._call("put_object", key, Body=body, IfNoneMatch="*", **more)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in {"PreconditionFailed", "412"}:
                    return False
                # S3 answers 409 during another conditional write of the same key; a retry is expected.
                if code not in {"ConditionalRequestConflict", "409"} or attempt == _MAXIMUM_TRIES:
                    raise self._refused(key, error) from error
                if not isinstance(body, bytes):
                    body.seek(0)
            else:
                return True
        raise AssertionError("unreachable")

    def _call(self, action: str, key: str, **arguments: Any) -> Any:
        try:
            return getattr(self._s3, action)(Bucket=self._bucket, Key=key, **arguments)
        except BotoCoreError as error:
            raise self._refused(key, error) from error
        except ClientError as error:
            if action == "put_object":
                raise
            raise self._refused(key, error) from error

    def _refused(self, key: str, error: Exception) -> StoreRefused:
        return StoreRefused(f"s3://{self._bucket}/{key}: {error}")
