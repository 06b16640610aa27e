"""Measure a handler in fresh processes: the least of several, because other work on a machine only adds to it.

They run over the layers as Lambda gets them, under the same version of Python. Where this machine has none, they run
over the same layers made for its own.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layers.build import SERVICES, build, compiled, core, files, lambda_python, pack
from lifecycle.names import Variable

ROOT = Path(__file__).resolve().parents[2]
_PROBE = Path(__file__).with_name("probe.py")
_CORE = ROOT / "layers" / "core"
# What the stack gives each function (infra/stacks/control_plane.py), as far as a first use reads it.
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_SECRET_ACCESS_KEY": "none",  # nosec B105 - it opens nothing
    **dict.fromkeys((Variable.LEDGER_TABLE, Variable.ARTIFACT_BUCKET, Variable.BUILD_PROJECT), "lifecycle"),
    **dict.fromkeys((Variable.BUILD_ROLES, Variable.NOTICES_TOPIC), "arn:aws:iam::123456789012:role/lifecycle"),
}
# At this memory, a function has one virtual CPU; below, a part of it in proportion:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
WHOLE_CPU_MB = 1769


@dataclass(frozen=True, slots=True)
class Cold:
    """Seconds of processor time until a handler is imported, and then until its clients are made."""

    imports: float
    first_use: float
    modules: int
    packages: tuple[str, ...]
    megabytes: float

    @property
    def seconds(self) -> float:
        return self.imports + self.first_use

    def seconds_at(self, megabytes: int) -> float:
        """Return the seconds with the part of a processor that this much memory brings, on this processor."""
        return self.seconds * max(1.0, WHOLE_CPU_MB / megabytes)


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers in one of their forms, and the Python that runs them."""

    python: str
    path: tuple[Path, ...]

    @classmethod
    def unpacked(cls, folder: Path) -> "Layers":
        """Unpack the layers in an empty folder, as Lambda does in /opt."""
        own = lambda_python()
        for archive in (build("lambda"), core()) if own else (build("host"), _core_of_this_python(folder)):
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(folder)
        return cls(own or sys.executable, (folder / "python",))

    @classmethod
    def not_compiled(cls, folder: Path) -> "Layers":
        """Copy the sources of the layers to a folder, without what this machine's Python has compiled."""
        dependencies = build("lambda").with_suffix("") / "python"
        shutil.copytree(_CORE, folder, ignore=shutil.ignore_patterns("__pycache__"))
        return cls(lambda_python(), (dependencies, folder / "python"))

    def cold(self, handler: Path, clients: Sequence[str], *, times: int = 3) -> Cold:
        """Return the least of so many cold starts."""
        return self._least(handler, clients, "lazy", times)

    def eager(self, handler: Path, *, times: int = 3) -> Cold:
        """Return the same for a function that imports all of Lifecycle, and makes every client."""
        return self._least(handler, SERVICES, "eager", times)

    def _least(self, handler: Path, clients: Sequence[str], variant: str, times: int) -> Cold:
        found = (self._run(handler, clients, variant) for _ in range(times))
        return min(found, key=lambda each: each.seconds)

    def _run(self, handler: Path, clients: Sequence[str], variant: str) -> Cold:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, self.path)),
            **_ENVIRONMENT,
        }
        command = [self.python, "-B", str(_PROBE), str(handler), ",".join(clients), variant]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=handler)
        if done.returncode:
            raise RuntimeError(f"the cold start of {handler.name} failed:\n{done.stderr}")
        found = json.loads(done.stdout)
        return Cold(**{**found, "packages": tuple(found["packages"])})


def handlers() -> dict[str, Path]:
    """Return the folder of each function by its name."""
    return {each.parent.name: each.parent for each in sorted((ROOT / "functions").glob("*/*/handler.py"))}


def _core_of_this_python(folder: Path) -> Path:
    members = {name: path for name, path in files(_CORE) if "__pycache__" not in name}
    pack(compiled(members, folder, sys.executable), folder / "core.zip", compressed=False)
    return folder / "core.zip"
