"""The records of a repository on GitHub and of its deployments, a forge, and the reports about both."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from lifecycle.application.delivery.report_status import Outcome, Reporting
from lifecycle.domain.delivery.forge_status import CommitStatus
from lifecycle.domain.errors import ForgeFailed
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from tests.fakes.context import MemoryContext
from tests.fakes.forge import MemoryForge
from tests.support.rollout import manifest

SHOP, COMMIT, OTHER = "acme/shop", "a" * 40, "b" * 40
URL = "https://github.com/acme/shop.git"
RUN = f"shop-{COMMIT}"
STAGING, PRODUCTION = Cluster("staging", "hello"), Cluster("production", "hello")
SNAPSHOT = f"1.0.0-20261123110000-{COMMIT[:7]}"
BUILD, ON_STAGING, IN_PRODUCTION = (f"lifecycle/{stage}" for stage in ("build", "staging", "production"))
DOWN = ForgeFailed("unreachable", "no answer in time")


@dataclass
class Scene:
    """The records, a forge, and the reports that an event or the schedule starts."""

    staging = STAGING
    memory: MemoryContext = field(default_factory=lambda: MemoryContext({STAGING: "/", PRODUCTION: "/"}))
    forge: MemoryForge = field(default_factory=MemoryForge)

    def __post_init__(self) -> None:
        numbers = itertools.count(1)
        self.reporting = Reporting(self.memory.context, self.forge, lambda: f"call-{next(numbers)}")

    def run(self, name: str = RUN, **given: Any) -> str:
        self.memory.executions.start_delivery(name, {"repository": URL, "commit": COMMIT, "delivery": "1", **given})
        return name

    def ends(self, name: str = RUN, **output: Any) -> None:
        usual = {"service": "hello", "version": SNAPSHOT}
        self.memory.executions.outputs[name] = output or usual

    def deployment(
        self,
        state: DeploymentState,
        number: int = 1,
        version: str = SNAPSHOT,
        cluster: Cluster = STAGING,
        **more: Any,
    ) -> Deployment:
        name = f"hello-{cluster.environment}-2026112312000{number}-ab1{number}"
        usual = Request(name, "hello", cluster.environment, version, "delivery")
        request = replace(usual, **more)
        target = Target(version, manifest(version).digest)
        found = Deployment(request, 1, target, None, (), Policy(), self.memory.clock.now(), name, state)
        self.memory.deployments.put(found)
        return found

    def published(self, version: str = SNAPSHOT, repository: str = URL, **changes: Any) -> None:
        self.memory.publish(manifest(version, repository=repository, **changes), version.encode())

    def reported(self, deployment: Deployment) -> Outcome:
        return self.reporting.report_deployment(deployment.cluster, deployment.id).outcome

    def shown(self, commit: str = COMMIT) -> dict[str, str]:
        return self.forge.shown(SHOP, commit)

    def passes(self, time: timedelta) -> None:
        self.memory.clock.sleep(time.total_seconds())

    @classmethod
    def of(cls, forge: MemoryForge) -> "Scene":
        """Return a scene in which the snapshot is published."""
        found = cls(forge=forge)
        found.published()
        return found


class Killed(BaseException):
    """The end of a function that was stopped."""


class Interrupted(MemoryForge):
    """A forge at whose first status, before or after its effect, something else happens once."""

    def __init__(self, *, before: bool) -> None:
        super().__init__()
        self.before = before
        self.happens: Callable[[], object] | None = None

    def set_status(self, repository: str, commit: str, status: CommitStatus) -> None:
        self._interrupt(before=True)
        super().set_status(repository, commit, status)
        self._interrupt(before=False)

    def _interrupt(self, *, before: bool) -> None:
        if self.happens and before is self.before:
            happens, self.happens = self.happens, None
            happens()
