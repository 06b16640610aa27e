"""The environment of the suite: a service on three hosts with its releases.

Functions and agents can be killed.
"""

import json
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from apps.cli.aws import LambdaFunctions
from apps.cli.connection import on_laptop
from apps.cli.ports import Connection
from apps.local import environment as local_environment
from apps.local.aws.clients import Aws
from apps.local.git.repositories import BRANCH, REMOTE, commit_all, git
from apps.local.paths import Layout
from apps.local.ports import Ports
from apps.local.progress import Progress
from apps.local.services import clusters, hosts
from apps.local.services.hosts import LocalCluster
from lifecycle.domain.fleet.cluster import Cluster
from tests.fault_injection.functions import wrap_functions
from tests.fault_injection.supervisor import Supervisor
from tools.demo.delivery import follow

SERVICE = "probe"
HOSTS = 3  # the fewest that a test bed allows
OPERATOR = "fault injection"
# The releases and what differs in their policy: two plain ones, one with an approval gate, one with a test
# bed.
# A minute of a bake is a second here (apps/local/aws/assembly.py). That is too short for a verdict, so it needs
# an approval.
PLAIN: Mapping[str, Mapping[str, str]] = {"one": {}, "two": {}}
RELEASES: Mapping[str, Mapping[str, str]] = {
    **PLAIN,
    "gate": {"approval": '"before_first_host"'},
    "bed": {"bake_minutes": "4"},
}
CLUSTER = Cluster("production", SERVICE)
_SERVICE = Path(__file__).parent / "service"
QUIET = Progress(quiet=True)
T = TypeVar("T")


class Unexpected(Exception):
    """Something that the suite expected did not happen."""


@dataclass(slots=True)
class Environment:
    """One local environment with the service, and the actions in it."""

    layout: Layout
    ports: Ports
    facts: dict[str, Any]
    copy: Path
    supervisor: Supervisor
    releases: dict[str, str] = field(default_factory=dict)
    # Returns what else counts as progress of the running case, besides the records of the deployment.
    extra_progress: Callable[[], Any] = lambda: None
    _connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            self._connection = on_laptop(self.layout.environment, OPERATOR)
        return self._connection

    @property
    def aws(self) -> Aws:
        return Aws.of(self.facts)

    @property
    def production(self) -> LocalCluster:
        return hosts.clusters(self.layout)[str(CLUSTER)]

    @property
    def notes(self) -> Path:
        return self.layout.home / "notes"

    @property
    def faults(self) -> Path:
        return self.layout.temporary / "faults"

    def reconnect(self) -> None:
        """Forget the connection, after the control plane was restarted."""
        self._connection = None

    def invoke(self, phase: str, payload: Mapping[str, Any], timeout_seconds: float = 60) -> Any:
        """Call a phase and return its answer; call it again after 2 s when its function died."""
        until = time.monotonic() + timeout_seconds
        functions = self.connection.functions
        while True:
            sent = json.dumps(payload).encode()
            if phase != "converge" and isinstance(functions, LambdaFunctions):  # the schedule signs nothing
                sent = functions.signed(phase, payload)
            found = self.aws.client("lambda").invoke(
                FunctionName=f"lifecycle-{phase.replace('_', '-')}", Payload=sent
            )
            answer = json.loads(found["Payload"].read() or b"null")
            if "FunctionError" not in found:
                return answer
            if time.monotonic() > until:
                raise Unexpected(f"{phase} failed for {timeout_seconds:.0f} s: {answer}")
            time.sleep(2)

    def change(self, old: str, new: str) -> None:
        """Change the service's lifecycle.toml."""
        file = self.copy / "lifecycle.toml"
        text = file.read_text()
        file.write_text(re.sub(old, new, text, count=1, flags=re.MULTILINE))

    def push(self, message: str) -> str:
        """Commit and push; return the name of the run that this starts."""
        (self.copy / "note.txt").write_text(message)
        commit = commit_all(self.copy, message)
        git(self.copy, "push", "--quiet", REMOTE, f"HEAD:{BRANCH}")
        return f"{SERVICE}-{commit}"

    def built(self, run: str) -> str:
        """Wait for the end of a run; return its snapshot."""
        found = follow(self.aws, self.facts["state_machines"]["delivery"], run, 180)
        if not found.succeeded:
            raise Unexpected(f"the run {run} failed: {found.reason}")
        return found.version

    def promoted(self, snapshot: str) -> str:
        asked = {"service": SERVICE, "snapshot": snapshot, "requested_by": OPERATOR}
        return str(self.invoke("promote", asked)["release"])


def wait(what: str, poll: Callable[[], T | None], seconds: float = 60, every: float = 0.1) -> T:
    """Poll until it returns a true value; return that. Raises Unexpected after `seconds`."""
    until = time.monotonic() + seconds
    while not (found := poll()):
        if time.monotonic() > until:
            raise Unexpected(f"waited {seconds:.0f} s for {what}")
        time.sleep(every)
    return found


@contextmanager
def running_environment(
    progress: Progress, ports: Ports, releases: Collection[str], began: Callable[[Path], None] = lambda _: None
) -> Iterator[Environment]:
    """Start an environment with these releases; stop and remove it after the block.

    `began` gets its folder before anything is started in it, so that another process can remove it after a kill.
    """
    with tempfile.TemporaryDirectory(prefix="lifecycle-faults-") as folder:
        layout = Layout(Path(folder).resolve())
        began(layout.home)
        supervisor = Supervisor(layout)
        try:
            with progress.step("an environment whose functions and agents can be killed"):
                found = _start(layout, ports, supervisor)
            with progress.step(f"{len(releases)} releases"):
                _build_releases(found, releases)
            yield found
        finally:
            supervisor.stop()
            local_environment.down(layout, QUIET)


def _start(layout: Layout, ports: Ports, supervisor: Supervisor) -> Environment:
    facts = local_environment.up(layout, QUIET, ports)
    wrap_functions(Aws.of(facts))
    added = clusters.add_service(layout, _SERVICE, QUIET, {"staging": 1, "production": HOSTS})
    found = Environment(layout, ports, facts, added.working_copy, supervisor)
    found.notes.mkdir()
    (found.notes / "passed.jsonl").touch()
    supervisor.replace_agents(str(found.faults))
    return found


def _build_releases(found: Environment, releases: Collection[str]) -> None:
    """Push all releases, wait for their builds, then promote them in order."""
    found.change(r'NOTES = ""', f'NOTES = "{found.notes}"')
    file = found.copy / "lifecycle.toml"
    usual, runs = file.read_text(), {}
    for name in releases:
        for key, value in RELEASES[name].items():
            found.change(rf"^{key} = .*$", f"{key} = {value}")
        runs[name] = found.push(name)
        file.write_text(usual)
    found.releases |= {name: found.promoted(found.built(run)) for name, run in runs.items()}
