"""Pushes of the example, from `git push` to its snapshot and to staging, beside the same commands run by hand."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from apps.local.errors import LaptopError
from apps.local.git.repositories import git
from apps.local.services.clusters import Added
from lifecycle.ambient import without_python
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.servicefile import read_service_file
from tools.bench.figures import Figures, by_name
from tools.bench.laboratory import Laboratory, say
from tools.demo.phases import change, push

_POLL_SECONDS = 0.02
_TIMEOUT_SECONDS = 120.0
_MOST_OVERHEAD = 1.5
T = TypeVar("T")


def pushes(lab: Laboratory, times: int) -> dict[str, Any]:
    """Push small changes one after the other; return seconds from the push, and those of the commands by hand."""
    added, rows = lab.run_again(), list[dict[str, float]]()
    _ = _push(lab, added)  # the first one also starts the workers of the functions
    for number in range(times):
        say(f"push {number + 1} of {times}")
        row = _push(lab, added)
        by_hand = _by_hand(lab.layout.repositories / f"{added.service}.git")
        rows.append({**row, "commands_by_hand": by_hand, "overhead": row["snapshot"] - by_hand})
    found: dict[str, Figures] = by_name(rows)
    return {**found, "within_1.5_s": found["overhead"]["median"] <= _MOST_OVERHEAD}


def _push(lab: Laboratory, added: Added) -> dict[str, float]:
    here, staging = lab.connection(), Cluster("staging", added.service)
    change(lab.demo, added)
    began = time.monotonic()
    commit = push(lab.demo, added)
    answered = time.monotonic() - began

    def made() -> str:
        snapshots = here.catalogue.snapshots(added.service)
        return next((name for name, facts in snapshots.items() if facts.get("commit") == commit), "")

    version = _awaited("a snapshot", made)
    snapshot = time.monotonic() - began

    def serves() -> bool:
        recent = here.context.deployments.recent(staging, 1)
        return bool(recent) and (recent[0].target.version, recent[0].state) == (version, DeploymentState.DONE)

    _ = _awaited("staging", serves)
    return {"push_answered": answered, "snapshot": snapshot, "staging": time.monotonic() - began}


def _awaited(what: str, look: Callable[[], T]) -> T:
    until = time.monotonic() + _TIMEOUT_SECONDS
    while not (found := look()):
        if time.monotonic() > until:
            raise LaptopError(f"expected {what} within {_TIMEOUT_SECONDS:.0f} s after the push, found none")
        time.sleep(_POLL_SECONDS)
    return found


def _by_hand(bare: Path) -> float:
    """Return the seconds of a clone and the service's own commands, without Lifecycle."""
    with tempfile.TemporaryDirectory() as temporary:
        clone = Path(temporary) / "clone"
        began = time.monotonic()
        git(Path(temporary), "clone", "-q", str(bare), str(clone))
        build = read_service_file(clone).build
        environment = without_python(os.environ) | dict(build.environment)
        for command in (*build.commands, *build.unit_tests, *build.integration_tests):
            subprocess.run(["sh", "-ec", command], cwd=clone, env=environment, check=True, capture_output=True)
        return time.monotonic() - began
