"""The files and folders of a laptop's environment: all in one folder, `.lifecycle/` or LIFECYCLE_HOME.

Used by every module here, by the CLI and by the Git hook. Everything in the folder may be deleted after
`make stop`.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lifecycle import names

REPOSITORY = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "000000000000"
EMULATED = names.Account("aws", REGION, ACCOUNT)
PLATFORM = names.CONTROL_PLANE_STACK
CLUSTER_TEMPLATE = names.CLUSTER_TEMPLATE


@dataclass(frozen=True, slots=True)
class Layout:
    """The files and folders of one environment."""

    home: Path

    @classmethod
    def find(cls) -> "Layout":
        """Return the environment of this checkout, unless LIFECYCLE_HOME names another."""
        return cls(Path(os.environ.get("LIFECYCLE_HOME") or REPOSITORY / ".lifecycle").resolve())

    @property
    def environment(self) -> Path:
        return self.home / "environment.json"

    @property
    def processes(self) -> Path:
        return self.home / "processes.json"

    @property
    def clusters(self) -> Path:
        return self.home / "clusters.json"

    @property
    def services(self) -> Path:
        return self.home / "services.json"

    @property
    def lock(self) -> Path:
        return self.home / "lock"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def temporary(self) -> Path:
        return self.home / "tmp"

    @property
    def dispatcher(self) -> Path:
        return self.home / "dispatcher"

    @property
    def builds(self) -> Path:
        return self.home / "builds"

    @property
    def repositories(self) -> Path:
        return self.home / "repositories"

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def hosts(self) -> Path:
        return self.home / "hosts"

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"


def read_json(path: Path, default: Any) -> Any:
    """Return a state file's content, or `default` if the file does not exist yet."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return default


def write_json(path: Path, value: Any) -> None:
    """Replace a state file atomically: a reader sees the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file, indent=2, sort_keys=True)
        file.write("\n")
    Path(name).replace(path)
