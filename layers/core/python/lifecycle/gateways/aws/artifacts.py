"""Artifacts in S3: written once, the manifest last, so that a manifest implies its artifact."""

import base64
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, cast

from lifecycle.application.ports.artifacts import Received, StoredManifest
from lifecycle.domain.delivery.retention import Stored
from lifecycle.domain.errors import DigestMismatch, ForeignObject, InvalidName, StoreRefused, Unknown
from lifecycle.domain.service.envelope import ENVELOPE
from lifecycle.domain.service.manifest import MAXIMUM_ARTIFACT_BYTES, Manifest
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.version import artifact_prefix
from lifecycle.gateways.aws.errors import code_of, failure, repeated, translated
from lifecycle.gateways.serialization import Source, from_json, to_json

MAXIMUM_TEXT_BYTES = 1 << 20
"""The size of the largest manifest or envelope that is read; that of examples/notes has about 2 KiB."""
_CHUNK = 1 << 20
_PUBLISH_AGAIN = "publish the version again, or restore the object's earlier version"
_ARTIFACT = "artifact.tar.gz"
_MANIFEST = "manifest.json"
_MISSING = ("NoSuchKey", "404")
# S3 answers so to one of two conditional writes of a key at the same time.
AT_THE_SAME_TIME = ("ConditionalRequestConflict", "OperationAborted", "409")


@translated
class S3Artifacts:
    """`snapshot/<service>/<version>/` and `release/<service>/<version>/` in one bucket."""

    def __init__(self, s3: Any, bucket: str, sleep: Callable[[float], object] = time.sleep) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._sleep = sleep

    def stored_manifest(self, service: str, version: str) -> StoredManifest:
        key = f"{artifact_prefix(service, version)}/{_MANIFEST}"
        body = self._body(key)
        if body is None:
            raise _unknown(service, version)
        text = self._text_of(body, key)
        return StoredManifest(manifest_of(text, self._bucket, key), hashlib.sha256(text).hexdigest())

    def manifest(self, service: str, version: str, sha256: str = "") -> Manifest:
        return self.stored_manifest(service, version).checked(sha256, f"{service} {version}")

    def manifest_digest(self, manifest: Manifest) -> str:
        return hashlib.sha256(_text(manifest)).hexdigest()

    def has_artifact(self, target: Target, service: str) -> bool:
        key = f"{artifact_prefix(service, target.version)}/{_ARTIFACT}"
        try:
            found = self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
            manifest = self.manifest(service, target.version, target.manifest)
        except (Unknown, StoreRefused, DigestMismatch):
            return False
        except Exception as error:
            if code_of(error) in _MISSING:
                return False
            raise
        if (found["ContentLength"], manifest.digest) != (manifest.size, target.digest):
            return False
        # An object that another tool wrote may have another kind of checksum.
        return (_sha256(found) or self._digest(key)) == target.digest

    def received(self, upload: str, service: str, version: str) -> Received:
        prefix = f"{upload}/{artifact_prefix(service, version)}"
        manifest, artifact = self._body(f"{prefix}/{_MANIFEST}"), self._object(f"{prefix}/{_ARTIFACT}")
        if manifest is None or artifact is None:
            raise Unknown("upload", prefix, "Start the build again.")
        text = self._text_of(manifest, f"{prefix}/{_MANIFEST}")
        found = manifest_of(text, self._bucket, f"{prefix}/{_MANIFEST}")
        return Received(found, artifact["Body"], artifact["ContentLength"])

    def open_artifact(self, service: str, version: str) -> BinaryIO:
        key = f"{artifact_prefix(service, version)}/{_ARTIFACT}"
        body = self._body(key)
        if body is None:
            raise _unknown(service, version)
        return cast("BinaryIO", body)

    def publish(self, manifest: Manifest, artifact: BinaryIO) -> None:
        # IfNoneMatch compares nothing but existence, so the bytes are checked before they are written.
        refuse_size(manifest)
        body = artifact.read(manifest.size + 1)
        if len(body) != manifest.size:
            found = f"more than {manifest.size} bytes" if len(body) > manifest.size else f"{len(body)} bytes"
            raise DigestMismatch(f"the artifact of {manifest.prefix}", f"of {manifest.size} bytes", found)
        found = hashlib.sha256(body).hexdigest()
        if found != manifest.digest:
            raise DigestMismatch(f"the artifact of {manifest.prefix}", manifest.digest, found)
        self._put_once(f"{manifest.prefix}/{_ARTIFACT}", body)
        self._put_once(f"{manifest.prefix}/{_MANIFEST}", _text(manifest))

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
        for name in (_MANIFEST, ENVELOPE, _ARTIFACT):
            self._s3.delete_object(Bucket=self._bucket, Key=f"{prefix}/{name}")

    def refuse_foreign(self, manifest: Manifest) -> None:
        for name in (_ARTIFACT, _MANIFEST):
            self._refuse_foreign(f"{manifest.prefix}/{name}", manifest)

    def envelope(self, service: str, version: str) -> str:
        key = f"{artifact_prefix(service, version)}/{ENVELOPE}"
        body = self._body(key)
        return self._text_of(body, key).decode(errors="replace") if body else ""

    def keep_envelope(self, service: str, version: str, text: str) -> str:
        try:
            self._put_once(f"{artifact_prefix(service, version)}/{ENVELOPE}", text.encode())
        except ForeignObject:
            return self.envelope(service, version)
        return text

    def _put_once(self, key: str, body: bytes) -> None:
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()

        def put() -> None:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*", ChecksumSHA256=checksum)

        try:
            repeated(put, *AT_THE_SAME_TIME, sleep=self._sleep)
        except Exception as error:
            if code_of(error) not in ("PreconditionFailed", "412"):
                if (words := failure(error, self._url(key))) is None:
                    raise
                raise words from error
            # Another promotion wrote it, or botocore repeated this write because its answer was lost.
            if not self._refuse_other(key, body):
                raise StoreRefused(f"{self._url(key)} was deleted meanwhile; repeat the command") from error

    def _refuse_other(self, key: str, body: bytes) -> bool:
        """Return whether there is an object; raises ForeignObject if it has not exactly these bytes."""
        found, expected = self._sha256_of(key), hashlib.sha256(body).hexdigest()
        if found not in (expected, None):
            raise ForeignObject(self._url(key), expected, found)
        return found is not None

    def _refuse_foreign(self, key: str, manifest: Manifest) -> bool:
        """Return whether there is an object; raises ForeignObject if it has other bytes."""
        found = self._digest(key)
        if found not in (manifest.digest, None):
            raise ForeignObject(self._url(key), manifest.digest, found)
        return found is not None

    def _digest(self, key: str) -> str | None:
        """Return the digest of an artifact's bytes, or the digest that a manifest names; None if there is no object.

        It is empty for a manifest that cannot be read.
        """
        if not key.endswith(_MANIFEST):
            return self._sha256_of(key)
        body = self._body(key)
        if body is None:
            return None
        try:
            return manifest_of(self._text_of(body, key), self._bucket, key).digest
        except StoreRefused:
            return ""

    def _sha256_of(self, key: str) -> str | None:
        """Return the digest of an object's bytes; None if there is no object."""
        body = self._body(key)
        if body is None:
            return None
        digest = hashlib.sha256()
        while chunk := body.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()

    def _body(self, key: str) -> Any:
        """Return the stream of an object; None if there is none."""
        found = self._object(key)
        return found["Body"] if found else None

    def _object(self, key: str) -> Any:
        """Return S3's answer about an object, with its stream; None if there is none."""
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=key)
        except Exception as error:
            if code_of(error) not in _MISSING:
                raise
            return None

    def _text_of(self, body: Any, key: str) -> bytes:
        """Return the bytes of a manifest or an envelope; raises StoreRefused if they are too many."""
        text: bytes = body.read(MAXIMUM_TEXT_BYTES + 1)
        refuse_large(len(text), self._url(key))
        return text

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"


def refuse_size(manifest: Manifest) -> None:
    """Raise StoreRefused for a manifest of an artifact that is larger than any, which is then not read."""
    if manifest.size > MAXIMUM_ARTIFACT_BYTES:
        found = f"has {manifest.size} bytes, expected at most {MAXIMUM_ARTIFACT_BYTES}"
        raise StoreRefused(f"the artifact of {manifest.prefix} {found}: build a smaller one")


def _text(manifest: Manifest) -> bytes:
    return to_json(manifest).encode()


def _unknown(service: str, version: str) -> Unknown:
    kind = artifact_prefix(service, version).partition("/")[0]
    return Unknown(kind, version, f"See `lifecycle {kind}s {service}`.", of=service)


def manifest_of(text: bytes, bucket: str, key: str) -> Manifest:
    """Return the manifest that an object holds; raises UnreadableRecord, which names the object."""
    other = "A version is written once: use another version, or push the commit again."
    restore = f"To restore it, see `aws s3api list-object-versions --bucket {bucket} --prefix {key}`"
    return from_json(Manifest, text, Source(f"s3://{bucket}/{key}", f"{other} {restore}"))


def refuse_large(size: int, url: str) -> None:
    """Raise StoreRefused for a manifest or an envelope of so many bytes, which would fill the reader's memory."""
    if size > MAXIMUM_TEXT_BYTES:
        raise StoreRefused(f"{url} has {size} bytes or more, expected at most {MAXIMUM_TEXT_BYTES}; {_PUBLISH_AGAIN}")


def _sha256(head: Mapping[str, Any]) -> str | None:
    """Return S3's digest of an object's bytes; None if there is none, or only one of its parts' digests."""
    checksum = head.get("ChecksumSHA256", "")
    if not checksum or "-" in checksum:
        return None
    return base64.b64decode(checksum).hex()


def _is_ours(kind: str, version: str, name: str) -> bool:
    try:
        return artifact_prefix("", version).startswith(kind) and name in (_MANIFEST, ENVELOPE, _ARTIFACT)
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
