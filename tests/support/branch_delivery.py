"""A repository's delivery over fakes: its pushes, their runs, builds and snapshots."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle.application.delivery.build import (
    FinishedBuild,
    Recorded,
    Sources,
    Started,
    deploy_again,
    record_snapshot,
    start_build,
)
from lifecycle.application.delivery.check_build import Checked, check_build
from lifecycle.application.delivery.receive_push import Push, Response, start
from lifecycle.domain.service.policy import Policy
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.builds import MemoryBuilds
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.clock import ManualClock
from tests.fakes.executions import MemoryExecutions
from tests.fakes.fleet import MemoryFleet
from tests.fakes.requests import MemoryRequests
from tests.fakes.signer import SNAPSHOT_SIGNER
from tests.support.rollout import manifest

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REPOSITORY = "https://example.test/hello.git"
A, B, C, D = (letter * 40 for letter in "abcd")
AUTOMATIC = {"staging": Policy(automatic=True)}


@dataclass
class Delivery:
    """A repository's delivery over fakes; `push` numbers the deliveries, and a push takes a second."""

    catalogue: MemoryCatalogue = field(default_factory=MemoryCatalogue)
    executions: MemoryExecutions = field(default_factory=MemoryExecutions)
    artifacts: MemoryArtifacts = field(default_factory=MemoryArtifacts)
    builds: MemoryBuilds = field(default_factory=MemoryBuilds)
    requests: MemoryRequests = field(default_factory=MemoryRequests)
    pushes: list[Push] = field(default_factory=list)
    clock: ManualClock = field(default_factory=ManualClock)

    def pushed(self, before: str, after: str) -> Push:
        """Return the next push; nothing has received it yet."""
        at = (NOW + timedelta(seconds=len(self.pushes))).isoformat()
        number = str(len(self.pushes) + 1)
        self.pushes.append(Push(REPOSITORY, "hello", after, "main", "ada", number, before=before, at=at))
        return self.pushes[-1]

    def receive(self, push: Push, after: timedelta = timedelta(hours=1)) -> Response:
        return start(push, self.executions, self.catalogue, NOW + after)

    def push(self, before: str, after: str) -> str:
        """Push and receive it; return its run."""
        return str(self.receive(self.pushed(before, after)).body["run"])

    def start_build(self, run: str) -> Started:
        given = Push(**self.executions.deliveries[run])
        return start_build(self.builds, self.catalogue, MemoryAuditLog(), given, NOW.isoformat(), run)

    def check_build(self, run: str, build: str, look: timedelta = timedelta(seconds=1)) -> Checked:
        push = Push(**self.executions.deliveries[run])
        return check_build(self.builds, self.catalogue, push, build, run, self.clock, look)

    def build(self, run: str, folder: str = "", **changes: Any) -> Recorded:
        """Let the build of a run end well, and the run with it; of one service of several if it has a `folder`."""
        commit = self.executions.deliveries[run]["commit"]
        version = f"1.0.0-20261123100000-{commit[:7]}"
        made = manifest(version, commit=commit, repository=REPOSITORY, policies=AUTOMATIC, **changes)
        upload = f"incoming/{run}"
        self.artifacts.upload(upload, made, version.encode())
        sources = Sources(folder, "1 tree")
        built = FinishedBuild(REPOSITORY, commit, "main", f"build-{run}", "hello", version, upload, sources)
        return self.ended(
            run,
            record_snapshot(
                *self._stores, SNAPSHOT_SIGNER, self.requests, MemoryAuditLog(), MemoryFleet(), built, NOW
            ),
        )

    def deploy_again(self, run: str) -> Recorded:
        started = self.start_build(run)
        assert started.kind == "BUILT"
        commit = self.executions.deliveries[run]["commit"]
        built = FinishedBuild(REPOSITORY, commit, "main", "", started.service, started.version, "")
        known = *self._stores, self.requests, MemoryAuditLog(), MemoryFleet()
        return self.ended(run, deploy_again(*known, built, NOW))

    @property
    def _stores(self) -> tuple[MemoryCatalogue, MemoryArtifacts]:
        return self.catalogue, self.artifacts

    def ended(self, run: str, found: Recorded) -> Recorded:
        if found.kind == "RECORDED":
            made = {"service": found.service, "version": found.version, "folder": found.folder}
            self.executions.outputs[run] = made
        return found
