"""Caches between builds in S3: one archive for each name. Used by main where no folder of the machine has them.

They are below a random prefix of the repository, in a bucket that no build may list. So no build finds the caches of
another repository, although builds of several repositories may have one role.
"""

import gzip
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from apps.build.cache import CacheUnavailable
from lifecycle.gateways.aws.errors import code_of

PREFIX = "LIFECYCLE_CACHE_PREFIX"
"""The variable with the repository's prefix, which the phase start_build gives to its builds."""

_MOST_BYTES = 2 << 30
_SECONDS = "seconds"
# Without s3:ListBucket, S3 answers AccessDenied for a key that does not exist.
_NONE_YET = {"NoSuchKey", "404", "AccessDenied", "403"}


class S3Caches:
    """The caches of one service below the key `prefix`; the role needs s3:GetObject and s3:PutObject there."""

    def __init__(self, s3: Any, bucket: str, prefix: str, most_bytes: int = _MOST_BYTES) -> None:
        self._s3 = s3
        self._most_bytes = most_bytes
        self._bucket = bucket
        self._prefix = prefix

    def load(self, name: str, folders: Sequence[str], into: Path) -> float | None:
        try:
            found = self._s3.get_object(**self._place(name))
            seconds = float(found["Metadata"][_SECONDS])
            # GzipFile raises for half an archive, which tarfile alone takes for a whole one.
            with gzip.GzipFile(fileobj=found["Body"]) as body, tarfile.open(fileobj=body, mode="r|") as archive:
                wanted = (each for each in archive if _is_in(each.name, folders))
                archive.extractall(into, wanted, filter="tar")  # it refuses what leaves the folder  # nosec B202
        except ClientError as error:
            if code_of(error) in _NONE_YET:
                return None
            raise CacheUnavailable(str(error)) from error
        except (BotoCoreError, OSError, EOFError, KeyError, ValueError, tarfile.TarError, zlib.error) as error:
            raise CacheUnavailable(f"{self._prefix}/{name} cannot be read: {error!r}") from error
        return seconds

    def save(self, name: str, folders: Sequence[str], of: Path, seconds: float) -> None:
        try:
            with tempfile.TemporaryFile() as file:
                with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive:
                    for each in folders:
                        if (of / each).is_dir():
                            archive.add(of / each, arcname=each)
                if (size := file.tell()) > self._most_bytes:
                    raise CacheUnavailable(f"packed it has {size:,} bytes, at most {self._most_bytes:,} are kept")
                file.seek(0)
                about = {"Metadata": {_SECONDS: f"{seconds:.3f}"}}
                self._s3.upload_fileobj(file, **self._place(name), ExtraArgs=about)
        except (BotoCoreError, ClientError, Boto3Error, OSError, tarfile.TarError) as error:
            raise CacheUnavailable(str(error)) from error

    def _place(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}/{name}.tar.gz"}


def _is_in(name: str, folders: Sequence[str]) -> bool:
    return any(name == each or name.startswith(f"{each}/") for each in folders)
