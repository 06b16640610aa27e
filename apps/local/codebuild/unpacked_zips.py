"""Zips from S3, each unpacked once: a build gets a link to the folder. Used by build.py for secondary sources.

To unpack the build's tools takes a second, and the builds of a laptop follow one another. They run as one user, who
may write there. A folder whose files were changed is left, and the zip unpacked again.
"""

import hashlib
import os
import shutil
import threading
import uuid
import zipfile
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from apps.local.codebuild.sources import PhaseFailedError

_CHUNK = 1_048_576
_LARGEST_UNPACKED = 2_147_483_648
_BYTECODE = "__pycache__"  # Python writes there when it imports


class UnpackedZips:
    """The unpacked zips below the folder `home`, which this process alone uses."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._known: dict[tuple[str, str, str], tuple[Path, str]] = {}
        self._lock = threading.Lock()
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)

    def link(self, s3: Any, location: str, into: Path) -> None:
        """Make `into` a link to the unpacked zip `bucket/key`, or its ARN; raise PhaseFailedError.

        `s3` has the build's own credentials, which must be allowed to read the zip, each time.
        """
        bucket, _, key = location.removeprefix("arn:aws:s3:::").partition("/")
        try:
            tag = str(s3.head_object(Bucket=bucket, Key=key)["ETag"])
            with self._lock:
                folder, unpacked = self._known.get((bucket, key, tag), (None, ""))
                if folder is None or fingerprint(folder) != unpacked:
                    folder = self._unpacked(s3, bucket, key)
                    self._known[bucket, key, tag] = folder, fingerprint(folder)
        except (BotoCoreError, ClientError) as error:
            raise PhaseFailedError("CLIENT_ERROR", f"cannot download s3://{bucket}/{key}: {error}") from error
        except zipfile.BadZipFile as error:
            raise PhaseFailedError("CLIENT_ERROR", f"expected a zip in s3://{bucket}/{key}: {error}") from error
        into.symlink_to(folder, target_is_directory=True)

    def _unpacked(self, s3: Any, bucket: str, key: str) -> Path:
        folder = self._home / uuid.uuid4().hex
        archive = folder.with_suffix(".zip")
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        try:
            with archive.open("wb") as file:
                for chunk in body.iter_chunks(_CHUNK):
                    file.write(chunk)
            unpack(archive, folder)
        finally:
            archive.unlink(missing_ok=True)
        return folder


def fingerprint(folder: Path) -> str:
    """Return a text that differs after a write, a removal or a new name; bytecode does not count."""
    found = hashlib.sha256()
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if each != _BYTECODE)
        for name in sorted(files):
            facts = os.lstat(f"{place}/{name}")
            found.update(f"{place}/{name} {facts.st_ino} {facts.st_size} {facts.st_ctime_ns}\n".encode())
    return found.hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip with its permission bits; raise BadZipFile for one that is too large."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive) as found:
        if sum(member.file_size for member in found.infolist()) > _LARGEST_UNPACKED:
            raise zipfile.BadZipFile(f"unpacks to more than {_LARGEST_UNPACKED} bytes")
        for member in found.infolist():
            # `extract` drops absolute paths and `..`, but also the permission bits.
            path = Path(found.extract(member, folder))
            if mode := member.external_attr >> 16 & 0o777:
                path.chmod(mode | 0o600)
