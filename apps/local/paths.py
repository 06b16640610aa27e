"""The files and folders of a laptop's environment: all in one folder, `.lifecycle/` or LIFECYCLE_HOME.

Used by every module here, by the CLI and by the Git hook. Everything in the folder may be deleted after
`make stop`.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from apps.local.own_files import check_folder
from lifecycle import names

REPOSITORY = Path(__file__).resolve().parents[2]
# Where Python finds this checkout's own code, also where the virtual environment has that of another one.
PYTHONPATH = f"{REPOSITORY}:{REPOSITORY / 'layers' / 'core' / 'python'}"
REGION = "us-east-1"
ACCOUNT = "000000000000"
EMULATED = names.Account("aws", REGION, ACCOUNT)
PLATFORM = names.CONTROL_PLANE_STACK
CLUSTER_TEMPLATE, WORKER_TEMPLATE = names.CLUSTER_TEMPLATE, names.WORKER_TEMPLATE


class Layout:
    """The files and folders of one environment."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = home / "environment.json"
        self.processes = home / "processes.json"
        self.clusters = home / "clusters.json"
        self.services = home / "services.json"
        self.lock = home / "lock"
        self.logs = home / "logs"
        self.temporary = home / "tmp"
        self.dispatcher = home / "dispatcher"
        self.builds = home / "builds"
        self.repositories = home / "repositories"
        self.work = home / "work"
        self.removed = home / "removed"
        self.hosts = home / "hosts"
        self.trusted_keys = home / "trusted-keys"

    @classmethod
    def find(cls) -> "Layout":
        """Return the environment of this checkout, unless LIFECYCLE_HOME names another."""
        return cls(Path(os.environ.get("LIFECYCLE_HOME") or REPOSITORY / ".lifecycle").resolve())

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"


def private(folder: Path) -> None:
    """Make a folder that only its owner may read, with its parents; make an existing one so.

    Raises ForeignFile for the folder of another user.
    """
    folder.mkdir(parents=True, exist_ok=True)
    check_folder(folder)
    folder.chmod(0o700)


def write_json(path: Path, value: Any) -> None:
    """Replace a state file atomically: a reader sees the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, sort_keys=True)
        file.write("\n")
    Path(name).replace(path)
