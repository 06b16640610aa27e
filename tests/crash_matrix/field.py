"""The matrix's environment: one service, two hosts, functions and agents that can be killed, releases built once."""

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from apps.cli.connect import on_laptop
from apps.cli.ports import Connection
from apps.local import clusters, environment, hosts
from apps.local.delivery import follow
from apps.local.emulator import Aws
from apps.local.hosts import LocalCluster
from apps.local.layout import Layout, write_json
from apps.local.ports import Ports, chosen_ports
from apps.local.progress import Progress
from apps.local.repositories import BRANCH, REMOTE, commit_all, git
from lifecycle.domain.fleet import Cluster
from tests.crash_matrix.functions import wrapped_functions
from tests.crash_matrix.supervisor import Supervisor

SERVICE = "matrix"
HOSTS = 2
AS = "the matrix"
CLUSTER = Cluster("production", SERVICE)
_SERVICE = Path(__file__).parent / "service"
QUIET = Progress(quiet=True)
T = TypeVar("T")


class Unexpected(Exception):
    """The matrix expected something that did not come."""


@dataclass(slots=True)
class Field:
    """One environment, and what is done in it."""

    layout: Layout
    ports: Ports
    facts: dict[str, Any]
    copy: Path
    supervisor: Supervisor
    releases: dict[str, str] = field(default_factory=dict)
    # What else counts as progress of the case that runs.
    also: Callable[[], Any] = lambda: None
    _connection: Connection | None = None

    @property
    def here(self) -> Connection:
        if self._connection is None:
            self._connection = on_laptop(self.layout.environment, AS)
        return self._connection

    @property
    def aws(self) -> Aws:
        return Aws(self.ports)

    @property
    def production(self) -> LocalCluster:
        return hosts.clusters(self.layout)[str(CLUSTER)]

    @property
    def notes(self) -> Path:
        return self.layout.home / "notes"

    @property
    def faults(self) -> Path:
        return self.layout.temporary / "crash"

    def reconnect(self) -> None:
        """After the control plane came back."""
        self._connection = None

    def invoke(self, phase: str, payload: Mapping[str, Any], patience_seconds: float = 60) -> Any:
        """Call a phase as a person or a schedule does; one whose function died is called again after 2 s."""
        until = time.monotonic() + patience_seconds
        while True:
            found = self.aws.client("lambda").invoke(
                FunctionName=f"lifecycle-{phase.replace('_', '-')}", Payload=json.dumps(payload).encode()
            )
            answer = json.loads(found["Payload"].read() or b"null")
            if "FunctionError" not in found:
                return answer
            if time.monotonic() > until:
                raise Unexpected(f"{phase} fails: {answer}")
            time.sleep(2)

    def change(self, old: str, new: str) -> None:
        """Change the service's lifecycle.toml."""
        file = self.copy / "lifecycle.toml"
        text = file.read_text()
        file.write_text(re.sub(old, new, text, count=1, flags=re.MULTILINE))

    def push(self, message: str) -> str:
        """Commit and push; the name of the run that it starts."""
        (self.copy / "note.txt").write_text(message)
        commit = commit_all(self.copy, message)
        git(self.copy, "push", "--quiet", REMOTE, f"HEAD:{BRANCH}")
        return f"{SERVICE}-{commit}"

    def built(self, run: str) -> str:
        """The snapshot of a run, once it ended."""
        found = follow(self.aws, self.facts["state_machines"]["delivery"], run, 180)
        if not found.succeeded:
            raise Unexpected(f"the run {run} failed: {found.reason}")
        return found.version

    def promoted(self, snapshot: str) -> str:
        asked = {"service": SERVICE, "snapshot": snapshot, "requested_by": AS}
        return str(self.invoke("promote", asked)["release"])

    def release(self, name: str) -> None:
        """Build and promote what the working copy is now, and remember it by a name."""
        self.releases[name] = self.promoted(self.built(self.push(name)))


def wait(what: str, look: Callable[[], T | None], seconds: float = 60, every: float = 0.1) -> T:
    """Look until there is something; raises Unexpected."""
    until = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > until:
            raise Unexpected(f"waited {seconds:.0f} s for {what}")
        time.sleep(every)
    return found


@contextmanager
def made(progress: Progress) -> Iterator[Field]:
    """An environment of its own, with the releases `one`, `two` and `gate`; nothing of it is left behind."""
    ports = chosen_ports() or Ports.free()
    with tempfile.TemporaryDirectory(prefix="lifecycle-crash-") as folder:
        layout = Layout(Path(folder).resolve())
        os.environ["LIFECYCLE_HOME"] = str(layout.home)
        supervisor = Supervisor(layout)
        try:
            with progress.step("an environment whose functions and agents can be killed"):
                yield_field = _made(layout, ports, supervisor)
            with progress.step("three releases"):
                _released(yield_field)
            yield yield_field
        finally:
            supervisor.stop()
            environment.down(layout, QUIET)


def _made(layout: Layout, ports: Ports, supervisor: Supervisor) -> Field:
    facts = environment.up(layout, QUIET, ports, {"functions_dir": str(wrapped_functions())})
    added = clusters.add_service(layout, _SERVICE, QUIET, {"staging": 1, "production": HOSTS})
    found = Field(layout, ports, facts, added.working_copy, supervisor)
    found.notes.mkdir()
    (found.notes / "passed.jsonl").touch()
    supervisor.take_over(str(found.faults))
    return found


def _released(made: Field) -> None:
    made.change(r'NOTES = ""', f'NOTES = "{made.notes}"')
    made.release("one")
    made.release("two")
    made.change(r'^approval = "none"', 'approval = "before_first_host"')
    made.release("gate")
    made.change(r'^approval = "before_first_host"', 'approval = "none"')
    write_json(made.layout.home / "releases.json", made.releases)
