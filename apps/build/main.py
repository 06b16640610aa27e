"""Build the service in the working folder: read lifecycle.toml, run its commands and tests, pack, publish.

In a repository with several services, the build of a push first chooses those that changed (choose.py).

Started by infra/buildspec.yml with the environment of the phase start_build, and by `lifecycle build`.
"""

import argparse
import io
import json
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from apps.build import referenced_content
from apps.build.cache import VARIABLE as CACHES
from apps.build.cache import Cache, Caches, cache_of, caches_at, run_cached
from apps.build.choose import BuildOne, Choice, choose, described, details_of
from apps.build.clean_clone import clean_clone, not_built, uncommitted
from apps.build.errors import BuildFailed
from apps.build.files import Member, folder_members, tracked_members
from apps.build.history import read_history
from apps.build.pack import pack
from apps.build.publish import Snapshots, manifest_of, publish
from apps.build.request import Request, check_branch, check_clone, from_environment, from_worktree
from apps.build.steps import STOP_SIGNALS, run_steps
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.service.manifest import Manifest
from lifecycle.gateways.serialization import to_json
from lifecycle.names import INCOMING, Variable
from lifecycle.servicefile import InvalidServiceFile, ServiceFile, lost_failures, read_service_file


def main(arguments: Sequence[str]) -> int:
    """Build the clone in the working folder; return 0, or 1 after printing the errors to standard error."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.no_publish != (options.dest is not None):
        parser.error("--no-publish needs --dest FOLDER, and --dest needs --no-publish")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for number in STOP_SIGNALS:
        signal.signal(number, _raise_stopped)
    try:
        if options.no_publish:
            built = Built(build_here(Path.cwd(), options.dest, os.environ))
        else:
            built = build_and_publish(Path.cwd(), os.environ, _bucket(os.environ))
        if options.output:
            options.output.write_text(_exports(built))
    except InvalidServiceFile as error:
        return _fail([str(problem) for problem in error.problems])
    except (LifecycleError, OSError) as error:
        return _fail([str(error)])
    return 0


@dataclass(frozen=True, slots=True)
class Built:
    """The result of a build: a manifest, or none with a choice that builds nothing here.

    `upload` is the key below which it was uploaded.
    """

    manifest: Manifest | None
    choice: Choice | None = None
    upload: str = ""


def build_and_publish(root: Path, environ: Mapping[str, str], connect: Callable[[], Snapshots]) -> Built:
    """Build what the commit that the environment names has changed, and publish it; raise LifecycleError."""
    request = from_environment(environ)
    check_clone(root, request)
    check_branch(root, request)
    chosen = choose(root, environ)
    for line in described(chosen):
        print_progress(f"== {line}")
    if not isinstance(chosen, BuildOne):
        return Built(None, chosen)
    folder = root / chosen.folder
    with tempfile.TemporaryDirectory(prefix="lifecycle-build-") as temporary:
        artifact = Path(temporary) / "artifact.tar.gz"
        manifest = _build(folder, request, artifact, environ)
        snapshots = connect()
        published = publish(snapshots, manifest, artifact)
    print_progress(f"== uploaded {published.prefix}")
    return Built(published, chosen, snapshots.upload)


def build_here(folder: Path, into: Path, environ: Mapping[str, str]) -> Manifest:
    """Build the commit of the worktree without AWS, with artifact and manifest in `into`; raise LifecycleError."""
    request = from_worktree(folder, environ, datetime.now(UTC))
    into.mkdir(parents=True, exist_ok=True)
    if changes := uncommitted(folder.resolve(), into.resolve()):
        print_progress(f"== warning: {not_built(changes)}")
    environ = {CACHES: str(into / "cache"), **environ}
    with clean_clone(folder) as clone:
        manifest = _build(clone, request, into / "artifact.tar.gz", environ, exclude=into)
    (into / "manifest.json").write_text(to_json(manifest))
    print_progress(f"== not published; written to {into}")
    return manifest


def _build(
    folder: Path, request: Request, artifact: Path, environ: Mapping[str, str], exclude: Path | None = None
) -> Manifest:
    file = read_service_file(folder)
    print_progress(f"== {file.name} {file.version}: commit {request.commit[:7]} of {request.repository}")
    for line in lost_failures.warnings(file.build):
        print_progress(f"== warning: {line}")
    history = read_history(folder)
    referenced_content.fetch(folder, file)
    for line in referenced_content.missing(folder, file).described():
        print_progress(f"== warning: {line}")
    run_cached(
        _cache(folder, file, request, environ),
        folder,
        lambda: run_steps(file.build, folder, environ, print_progress),
        print_progress,
    )
    referenced_content.check(folder, file)
    members = _members(folder, file, exclude)
    referenced_content.check_packed(members)
    packed = pack(members, artifact, request.built_at)
    manifest = manifest_of(file, request, packed, history)
    print_progress(
        f"== snapshot {manifest.version}: {packed.files} files, {packed.size} bytes, sha256 {packed.digest}"
    )
    return manifest


def _cache(folder: Path, file: ServiceFile, request: Request, environ: Mapping[str, str]) -> Cache | None:
    if not file.build.cache:
        return None
    if home := environ.get(CACHES):
        return cache_of(folder, file, caches_at(Path(home), file, request.repository))
    if caches := _caches_in_s3(file, environ):
        return cache_of(folder, file, caches)
    print_progress("== cache: this build machine keeps none")
    return None


def _caches_in_s3(file: ServiceFile, environ: Mapping[str, str]) -> Caches | None:
    """Return the caches that builds on AWS share; None where the control plane has not given this build any."""
    from apps.build.s3_caches import PREFIX, S3Caches  # noqa: PLC0415 - a build without AWS does not need it

    bucket, prefix = environ.get(Variable.CACHE_BUCKET), environ.get(PREFIX)
    return S3Caches(_s3(), bucket, f"{prefix}/{file.name}") if bucket and prefix else None


def _members(folder: Path, file: ServiceFile, exclude: Path | None) -> list[Member]:
    members = tracked_members(folder) if file.packs_tracked_files else None
    if members is not None:
        return members
    own = [folder / each / ".git" for each in referenced_content.submodules(folder, file)]
    return folder_members(folder, file.build.artifact, [*own, exclude] if exclude else own)


def print_progress(line: str) -> None:
    """Print a line and flush it, to keep its order with the output of the service's commands."""
    print(line, flush=True)


def _fail(messages: Sequence[str]) -> int:
    for message in messages:
        print(f"error: {message}", file=sys.stderr, flush=True)
    return 1


def _raise_stopped(number: int, _frame: FrameType | None) -> None:
    raise BuildFailed(f"stopped by {signal.Signals(number).name}")


def _bucket(environ: Mapping[str, str]) -> Callable[[], Snapshots]:
    if not (bucket := environ.get(Variable.ARTIFACT_BUCKET)):
        raise BuildFailed(
            f"expected the environment variable {Variable.ARTIFACT_BUCKET}, found none; "
            "set it, or build with --no-publish --dest FOLDER"
        )
    import boto3  # noqa: PLC0415 - a build without AWS does not need it
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    from lifecycle.gateways.aws.client import client_config  # noqa: PLC0415

    try:
        return partial(_own_upload, _s3(), boto3.client("sts", config=client_config()), bucket)
    except BotoCoreError as error:
        raise BuildFailed(f"expected an AWS region in the environment: {error}") from error


def _s3() -> Any:
    import boto3  # noqa: PLC0415 - a build without AWS does not need it

    from lifecycle.gateways.aws.client import S3_READ_TIMEOUT, client_config  # noqa: PLC0415

    return boto3.client("s3", config=client_config(read_timeout=S3_READ_TIMEOUT))


def _own_upload(s3: Any, sts: Any, bucket: str) -> Snapshots:
    """Return the place of this build. IAM lets it write below the id of its own session only."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from apps.build.s3 import S3Snapshots  # noqa: PLC0415

    try:
        return S3Snapshots(s3, bucket, f"{INCOMING}/{sts.get_caller_identity()['UserId']}")
    except (BotoCoreError, ClientError) as error:
        raise BuildFailed(f"expected AWS credentials in the environment: {error}") from error


def _exports(built: Built) -> str:
    values = {}
    if manifest := built.manifest:
        values = {"LIFECYCLE_SERVICE": manifest.service, "LIFECYCLE_VERSION": manifest.version}
    if built.upload:
        values["LIFECYCLE_UPLOAD"] = built.upload
    if built.choice and (details := details_of(built.choice)):
        values["LIFECYCLE_DETAILS"] = json.dumps(details, separators=(",", ":"))
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -P -m apps.build", description=__doc__)
    parser.add_argument(
        "--output", type=Path, help="write LIFECYCLE_SERVICE, _VERSION, _UPLOAD and _DETAILS to this file, as exports"
    )
    parser.add_argument("--no-publish", action="store_true", help="build and pack without AWS; needs --dest")
    parser.add_argument("--dest", type=Path, help="with --no-publish: the folder for artifact and manifest")
    return parser
