"""Uploads to the artifact bucket, with conditional writes that never overwrite. Used by main."""

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifecycle.domain.service.manifest import Manifest
from lifecycle.gateways.aws.artifacts import AT_THE_SAME_TIME, manifest_of
from lifecycle.gateways.aws.errors import code_of, failure, repeated
from lifecycle.gateways.serialization import to_json


class S3Snapshots:
    """Snapshots below the key `upload`; the role needs s3:PutObject and s3:GetObject on it."""

    def __init__(self, s3: Any, bucket: str, upload: str, sleep: Callable[[float], object] = time.sleep) -> None:
        self._s3 = s3
        self._bucket = bucket
        self.upload = upload
        self._sleep = sleep

    def add_artifact(self, manifest: Manifest, artifact: Path) -> str:
        key = f"{self.upload}/{manifest.prefix}/artifact.tar.gz"
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
        with self._translated(key):
            metadata: dict[str, str] = self._s3.head_object(Bucket=self._bucket, Key=key)["Metadata"]
        return metadata.get("sha256", "")

    def add_manifest(self, manifest: Manifest) -> Manifest:
        key = f"{self.upload}/{manifest.prefix}/manifest.json"
        if self._put(key, to_json(manifest).encode(), ContentType="application/json"):
            return manifest
        with self._translated(key):
            text = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return manifest_of(text, self._bucket, key)

    def _put(self, key: str, body: Any, **more: Any) -> bool:
        """Write the object if it does not exist; return whether it was written."""

        def put() -> None:
            if not isinstance(body, bytes):
                body.seek(0)
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*", **more)

        with self._translated(key):
            try:
                repeated(put, *AT_THE_SAME_TIME, sleep=self._sleep)
            except ClientError as error:
                if code_of(error) in {"PreconditionFailed", "412"}:
                    return False
                raise
        return True

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        """Name the object in an error of AWS, and what to do."""
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise failure(error, f"s3://{self._bucket}/{key}") or error from error
