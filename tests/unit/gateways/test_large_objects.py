"""A manifest or an envelope that would fill its reader's memory is refused after a mebibyte, in words."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.agent.aws import S3Releases
from lifecycle.domain.errors import DigestMismatch, StoreRefused
from lifecycle.gateways.aws.artifacts import MAXIMUM_TEXT_BYTES, S3Artifacts
from tests.support.aws_in_memory import StoredObjects
from tests.support.rollout import manifest

SNAPSHOT = "1.0.1-20261123110000-aaaaaaa"


class Endless(io.RawIOBase):
    """A body without an end; `taken` counts what was read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert 0 <= size <= 2 * MAXIMUM_TEXT_BYTES, "it would be read to its end"
        self.taken += size
        return bytes(size)

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        while True:
            yield self.read(size)


class LargeObjects(StoredObjects):
    """S3, where every object is endless."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Endless()

    def get_object(self, **_: Any) -> dict[str, Any]:
        return {"Body": self.body, "ContentLength": 1 << 50}


READS: dict[str, Callable[[LargeObjects], object]] = {
    "manifest": lambda s3: S3Artifacts(s3, "artifacts").stored_manifest("hello", "1.0.1"),
    "envelope": lambda s3: S3Artifacts(s3, "artifacts").envelope("hello", "1.0.1"),
    "upload": lambda s3: S3Artifacts(s3, "artifacts").received("incoming/1", "hello", SNAPSHOT),
    "manifest on a host": lambda s3: S3Releases(lambda: s3, "artifacts").manifest("hello", "1.0.1"),
    "envelope on a host": lambda s3: S3Releases(lambda: s3, "artifacts").envelope("hello", "1.0.1"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_endless_object_is_refused_in_words(read: Callable[[LargeObjects], object]) -> None:
    s3 = LargeObjects()
    with pytest.raises(StoreRefused, match="expected at most 1048576; publish the version again"):
        read(s3)
    assert s3.body.taken <= 2 * MAXIMUM_TEXT_BYTES


def test_upload_is_read_up_to_the_size_of_its_manifest() -> None:
    """An artifact of more bytes than that was never checked to fit the memory of its reader."""
    body = Endless()
    made = manifest(SNAPSHOT, size=1000)
    with pytest.raises(DigestMismatch, match="expected sha256 of 1000 bytes, found more than 1000 bytes"):
        S3Artifacts(LargeObjects(), "artifacts").publish(made, body)  # type: ignore[arg-type]
    assert body.taken == 1001


def test_artifact_that_is_larger_than_any_is_not_read() -> None:
    body = Endless()
    with pytest.raises(StoreRefused, match="expected at most 1073741824: build a smaller one"):
        S3Artifacts(LargeObjects(), "artifacts").publish(manifest(SNAPSHOT, size=1024**3 + 1), body)  # type: ignore[arg-type]
    assert body.taken == 0
