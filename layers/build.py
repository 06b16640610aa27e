"""Build the dependencies layer from pinned wheels, for Lambda or for the machine that emulates it.

Called by infra/app.py before it describes the layer, and by hand as `python layers/build.py --platform host`.
The result is the folder build/layers/dependencies/<platform>/python, and a zip of it that CDK publishes unchanged.

Lambda compiles each module at each cold start, because its layers are read-only. So the zips for it have compiled
modules where this machine has Lambda's Python (docs/cold-start.md). The folder keeps the sources, which hosts run.
"""

import argparse
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "layers" / "dependencies" / "requirements.txt"
PLATFORMS = ("lambda", "host")
LAMBDA_PYTHON = "3.13"
_LAMBDA_WHEELS = ("--platform", "manylinux2014_x86_64", "--implementation", "cp", "--python-version", LAMBDA_PYTHON)
# botocore contains the model of every AWS service, 25 MB compressed; the phases call only these services.
SERVICES = (
    *("autoscaling", "cloudwatch", "codebuild", "codecommit", "dynamodb", "ec2", "elbv2", "events", "kms"),
    *("lambda", "logs", "s3", "secretsmanager", "sns", "ssm", "stepfunctions", "sts"),
)
# EC2's model alone has a megabyte, which a first call would read.
_EC2_OPERATIONS = ("DescribeInstances",)
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
_UNUSED = (
    *("bin", "boto3/data", "boto3/examples", "aws_lambda_powertools/event_handler"),
    *("pydantic/v1", "pydantic/mypy.py", "dateutil/zoneinfo/dateutil-zoneinfo.tar.gz"),
)
_POWERTOOLS_UTILITIES = ("__init__.py", "jmespath_utils", "typing")
_NO_PYTHON = (
    f"note: this machine has no python{LAMBDA_PYTHON}, so the layers are not compiled, and cold starts take twice as "
    "long (docs/cold-start.md)"
)
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
        _compile(target, sys.executable)
    members = {f"python/{name}": path for name, path in files(target)}
    if platform == "lambda":
        members = compiled(members, folder / "compiled", lambda_python())
    # The emulator unpacks the layer for each worker; an uncompressed zip unpacks faster.
    pack(members, archive, compressed=platform == "lambda")
    (folder / ".stamp").write_text(_fingerprint(platform))


def core() -> Path:
    """Return the zip of layers/core for Lambda."""
    members = {name: path for name, path in files(ROOT / "layers" / "core") if "__pycache__" not in name}
    archive = ROOT / "build" / "layers" / "core.zip"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        python, folder = lambda_python(), archive.with_suffix("")
        sources = {**members, "": Path(__file__)}
        digests = [f"{hashlib.sha256(path.read_bytes()).hexdigest()} {name}" for name, path in sources.items()]
        wanted = "\n".join([python, *digests])
        stamp = archive.with_suffix(".stamp")
        if not (archive.exists() and stamp.exists() and stamp.read_text() == wanted):
            pack(compiled(members, folder, python), archive, compressed=True)
            stamp.write_text(wanted)
    return archive


def compiled(members: dict[str, Path], folder: Path, python: str) -> dict[str, Path]:
    """Return a layer's files with modules that a `python` compiled in the place of their sources.

    They are made in `folder`. Without a `python`, the files are as they were.
    """
    if not python:
        print(_NO_PYTHON, file=sys.stderr)
        return members
    shutil.rmtree(folder, ignore_errors=True)
    found = {name for name in members if name.endswith(".py")}
    for name in found:
        (copy := folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(members[name], copy)
    _compile(folder, python, "-s", str(folder), "-p", "/opt")  # where Lambda has its layers
    rest = {name: path for name, path in members.items() if name not in found}
    return rest | dict(files(folder))


def lambda_python() -> str:
    """Return a Python of the version that the functions run on, or "" where this machine has none."""
    name = f"python{LAMBDA_PYTHON}"
    pyenv = Path.home() / ".pyenv" / "versions"
    candidates = [sys.executable, shutil.which(name) or "", *map(str, pyenv.glob(f"{LAMBDA_PYTHON}.*/bin/{name}"))]
    return next((each for each in candidates if each and _version(each) == LAMBDA_PYTHON), "")


def _version(python: str) -> str:
    """Return the version of a Python such as 3.13; "" for a name that only stands for one, as pyenv leaves it."""
    program = "import sys; print(*sys.version_info[:2], sep='.')"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    return done.stdout.strip()


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
    interpreter = lambda_python() if platform == "lambda" else f"{sys.implementation.cache_tag}-{sys.platform}"
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
    _keep_only(data, (*SERVICES, *_SHARED_MODELS))
    for service in SERVICES:
        # boto3 uses the newest version of a service's interface; EC2 has seven more.
        _keep_only(data / service, [max(each.name for each in (data / service).iterdir())])
    (ec2,) = (data / "ec2").iterdir()
    _keep_operations(ec2, _EC2_OPERATIONS)
    _keep_only(target / "aws_lambda_powertools" / "utilities", _POWERTOOLS_UTILITIES)
    unused = [target / name for name in _UNUSED]
    for pattern in ("tests", "ecdsa/test_*.py", "__pycache__", "*.pyi", "botocore/data/*/*/examples-1.json*"):
        unused += target.rglob(pattern)
    for record in _RECORDS:
        unused += target.glob(f"*.dist-info/{record}")
    for path in unused:
        _remove(path)


def _keep_operations(folder: Path, names: Iterable[str]) -> None:
    """Remove the other operations of a service's model, and the shapes that only they use."""
    path = folder / "service-2.json.gz"
    model = json.loads(gzip.decompress(path.read_bytes()))
    model["operations"] = {name: model["operations"][name] for name in names}
    shapes, seen = model["shapes"], set[str]()
    reached = _shapes(model["operations"])
    while new := reached - seen:
        seen |= new
        reached = {inner for name in new for inner in _shapes(shapes[name])}
    model["shapes"] = {name: shapes[name] for name in sorted(seen)}
    path.write_bytes(gzip.compress(json.dumps(model).encode(), mtime=0))
    (folder / "waiters-2.json").unlink()


def _shapes(part: Any) -> set[str]:
    """Return the names of the shapes that a part of a model refers to."""
    if not isinstance(part, dict):
        return {name for each in part for name in _shapes(each)} if isinstance(part, list) else set()
    own = {part["shape"]} if isinstance(part.get("shape"), str) else set()
    return own.union(*map(_shapes, part.values()))


def _keep_only(folder: Path, names: Iterable[str]) -> None:
    for entry in folder.iterdir():
        if entry.name not in names:
            _remove(entry)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _compile(target: Path, python: str, *places: str) -> None:
    """Put compiled modules in the place of sources: half the files to unpack, and no compilation at an import."""
    command = [python, "-m", "compileall", "-q", "-b", "-j", "2", "--invalidation-mode", "unchecked-hash", *places]
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
