"""Fetches a build's sources: the clone of the repository, and zips from S3."""

import zipfile
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from apps.local.codebuild.cancellation import Cancellation
from lifecycle.ambient import git_environment

_CHUNK = 1_048_576
_LARGEST_UNPACKED = 2_147_483_648


class PhaseFailedError(Exception):
    """A phase of a build failed; `code` is CodeBuild's code of the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def clone(location: str, version: str, folder: Path, environment: dict[str, str], cancellation: Cancellation) -> str:
    """Clone a repository and check out a commit, branch or tag; return the commit. Raises PhaseFailedError."""
    if location.startswith("-") or version.startswith("-"):
        raise PhaseFailedError("INVALID_INPUT", f"a source cannot begin with a hyphen: {location} {version}")
    quiet = git_environment(environment)

    def git(*arguments: str) -> str:
        status, output = cancellation.run(["git", *arguments], folder, quiet)
        if status:
            raise PhaseFailedError(
                "GIT_CLONE_FAILED",
                f"git {arguments[0]} of {location} at {version or 'its default branch'} failed "
                f"(exit status {status}): {output.strip()[-1000:]}",
            )
        return output.strip()

    git("clone", "--quiet", "--no-checkout", "--", location, ".")
    revision = version or "HEAD"
    try:
        commit = git("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{revision}^{{commit}}")
    except PhaseFailedError:
        commit = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").splitlines()[-1]
    git("checkout", "--quiet", "--detach", commit)
    return commit


def fetch_zip(s3: Any, location: str, folder: Path, scratch: Path) -> None:
    """Download `bucket/key` (or its ARN) and unpack it into `folder`; raise PhaseFailedError."""
    bucket, _, key = location.removeprefix("arn:aws:s3:::").partition("/")
    archive = scratch / "source.zip"
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        with archive.open("wb") as file:
            for chunk in body.iter_chunks(_CHUNK):
                file.write(chunk)
    except (BotoCoreError, ClientError) as error:
        raise PhaseFailedError("CLIENT_ERROR", f"cannot download s3://{bucket}/{key}: {error}") from error
    try:
        _unpack(archive, folder)
    except zipfile.BadZipFile as error:
        raise PhaseFailedError("CLIENT_ERROR", f"expected a zip in s3://{bucket}/{key}: {error}") from error
    archive.unlink()


def _unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as found:
        if sum(member.file_size for member in found.infolist()) > _LARGEST_UNPACKED:
            raise zipfile.BadZipFile(f"unpacks to more than {_LARGEST_UNPACKED} bytes")
        for member in found.infolist():
            # `extract` drops absolute paths and `..`, but also the permission bits.
            path = Path(found.extract(member, folder))
            if mode := member.external_attr >> 16 & 0o777:
                path.chmod(mode | 0o600)
