"""Build the dependencies layer from pinned wheels, for Lambda or for the machine that emulates it.

Called by infra/app.py before it describes the layer, and by hand as `python layers/build.py --platform host`.
The result is the folder build/layers/dependencies/<platform>/python, and a zip of it that CDK publishes unchanged.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "layers" / "dependencies" / "requirements.txt"
PLATFORMS = ("lambda", "host")
_LAMBDA_WHEELS = ("--platform", "manylinux2014_x86_64", "--implementation", "cp", "--python-version", "3.13")
# botocore contains the model of every AWS service, 25 MB compressed; the phases call only these services.
_SERVICES = (
    *("autoscaling", "cloudwatch", "codebuild", "codecommit", "dynamodb", "ec2", "elbv2", "events", "kms"),
    *("lambda", "logs", "s3", "secretsmanager", "sns", "ssm", "stepfunctions", "sts"),
)
_SHARED_MODELS = (
    "endpoints.json",
    "endpoints.json.gz",
    "partitions.json",
    "sdk-default-configuration.json",
    "_retry.json",
)
# Only the installer reads these. METADATA stays for importlib.metadata, and licences stay with their code.
_RECORDS = ("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json")
# No phase uses boto3's resources, or more of powertools than Logger, Metrics and their types. Each file costs time
# at a cold start.
_UNUSED = ("bin", "boto3/data", "boto3/examples", "aws_lambda_powertools/event_handler")
_POWERTOOLS_UTILITIES = ("__init__.py", "jmespath_utils", "typing")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a constant time keeps the zip's bytes equal, so CDK finds the same asset


def build(platform: str) -> Path:
    """Return the layer's zip for `platform`; rebuild it only when the requirements or this file changed."""
    if platform not in PLATFORMS:
        raise SystemExit(f"platform {platform!r} is unknown: expected {' or '.join(PLATFORMS)}")
    folder = ROOT / "build" / "layers" / "dependencies" / platform
    archive = folder.with_suffix(".zip")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two tests, or a test and `make run`, may build it at the same time
        if not _up_to_date(platform, folder, archive):
            _build(platform, folder, archive)
    return archive


def _up_to_date(platform: str, folder: Path, archive: Path) -> bool:
    stamp = folder / ".stamp"
    return archive.exists() and stamp.exists() and stamp.read_text() == _fingerprint(platform)


def _build(platform: str, folder: Path, archive: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    target = folder / "python"
    target.mkdir(parents=True)
    _install(platform, target)
    _prune(target)
    if platform == "host":
        _compile(target)
    # The emulator unpacks the layer for each worker; an uncompressed zip unpacks faster.
    pack({f"python/{name}": path for name, path in files(target)}, archive, compressed=platform == "lambda")
    (folder / ".stamp").write_text(_fingerprint(platform))


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file in `folder`, sorted, with its path relative to `folder`."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def pack(members: dict[str, Path], archive: Path, *, compressed: bool) -> None:
    """Zip `members`, with the same bytes for the same files. All users may read them: Lambda runs as another user."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_suffix(f".{os.getpid()}")
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(unfinished, "w", method, compresslevel=6) as target:
        for name, path in sorted(members.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = method
            target.writestr(entry, path.read_bytes())
    unfinished.replace(archive)


def _fingerprint(platform: str) -> str:
    interpreter = "" if platform == "lambda" else f"{sys.implementation.cache_tag}-{sys.platform}"
    content = REQUIREMENTS.read_bytes() + Path(__file__).read_bytes()
    return f"{hashlib.sha256(content).hexdigest()} {platform} {interpreter}"


def _install(platform: str, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-compile", "--no-deps", "--require-hashes", "--only-binary=:all:", "--target", str(target)]
    command += _LAMBDA_WHEELS if platform == "lambda" else ()
    done = subprocess.run([*command, "-r", str(REQUIREMENTS)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"cannot install the {platform} layer from {REQUIREMENTS}:\n{done.stderr}")


def _prune(target: Path) -> None:
    """Remove files that no Lambda reads: models of other services, tests, scripts and the installer's records."""
    data = target / "botocore" / "data"
    _keep_only(data, (*_SERVICES, *_SHARED_MODELS))
    _keep_only(target / "aws_lambda_powertools" / "utilities", _POWERTOOLS_UTILITIES)
    unused = [target / name for name in _UNUSED]
    for pattern in ("tests", "__pycache__", "*.pyi", "botocore/data/*/*/examples-1.json*"):
        unused += target.rglob(pattern)
    for record in _RECORDS:
        unused += target.glob(f"*.dist-info/{record}")
    for path in unused:
        _remove(path)


def _keep_only(folder: Path, names: Iterable[str]) -> None:
    for entry in folder.iterdir():
        if entry.name not in names:
            _remove(entry)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _compile(target: Path) -> None:
    # Bytecode replaces the sources: half the files to unpack, and no compilation at a worker's first import.
    command = [sys.executable, "-m", "compileall", "-q", "-b", "-j", "2", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, str(target)], check=True)
    for source in target.rglob("*.py"):
        source.unlink()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Build layers/dependencies for one platform.")
    parser.add_argument("--platform", choices=PLATFORMS, default="lambda")
    began = time.monotonic()
    platform = parser.parse_args().platform
    print(f"set-up  {'layers':14}     0 s  {REQUIREMENTS.relative_to(ROOT)} for {platform}", flush=True)
    try:
        archive = build(platform)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    size = f"{archive.relative_to(ROOT)}, {archive.stat().st_size / 1e6:.1f} MB"
    print(f"set-up  {'layers':14}  {time.monotonic() - began:4.0f} s  {size}")


if __name__ == "__main__":
    main()
