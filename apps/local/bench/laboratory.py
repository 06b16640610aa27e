"""An environment for measurements: a temporary folder, free ports, two releases of the example; ended afterwards."""

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from apps.cli.connect import on_laptop
from apps.cli.ports import Connection
from apps.local import clusters, environment, hosts, tour
from apps.local.clusters import Added
from apps.local.delivery import follow
from apps.local.emulator import Aws
from apps.local.errors import LaptopError
from apps.local.hosts import LocalCluster
from apps.local.layout import Layout
from apps.local.ports import VARIABLE, Ports
from apps.local.progress import Progress
from apps.local.tour import EXAMPLE, Tour
from lifecycle.application.requests import payload
from lifecycle.domain.deployment import Deployment, DeploymentState, Kind, Request, deployment_id
from lifecycle.domain.fleet import Cluster

# Durations come from the history, so looking seldom costs no precision, and disturbs less.
_LOOK_SECONDS = 0.25
_PATIENCE_SECONDS = 600.0


def say(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Laboratory:
    """One environment, and what is done in it; `tour` has the times of `make run`'s phases."""

    layout: Layout
    ports: Ports
    tour: Tour
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def production(self) -> LocalCluster:
        return next(each for each in hosts.clusters(self.layout).values() if each.environment == "production")

    @property
    def cluster(self) -> Cluster:
        return Cluster("production", self.production.service)

    def connection(self) -> Connection:
        return on_laptop(self.layout.environment, "bench")

    def run_tour(self) -> None:
        """What `make run` does."""
        tour.take(self.tour)
        self.facts = environment.up(self.layout, Progress(quiet=True))

    def run_again(self) -> Added:
        """How a second `make run` begins."""
        environment.up(self.layout, Progress(quiet=True))
        return clusters.add_service(self.layout, EXAMPLE, Progress(quiet=True))

    def release(self) -> str:
        """Push a small change, and promote its snapshot once staging is through; the release's version."""
        added, here = self.run_again(), self.connection()
        commit = tour.push(self.tour, added)
        machine = self.facts["state_machines"]["delivery"]
        done = follow(Aws(self.ports), machine, f"{added.service}-{commit}")
        if not done.succeeded:
            raise LaptopError(f"the build failed: {done.reason}")
        self._settled(here, Cluster("staging", added.service), done.version)
        asked = {"service": added.service, "snapshot": done.version, "requested_by": "bench"}
        return str(here.functions.call("promote", asked)["release"])

    def roll(self, version: str, rollback_of: str | None = None) -> Deployment:
        """Deploy a version to production, or go back to it, and wait for the end."""
        here, cluster = self.connection(), self.cluster
        request = Request(
            deployment=deployment_id(cluster, here.world.clock.now(), secrets.token_hex(2)),
            service=cluster.service,
            environment=cluster.environment,
            version=version,
            requested_by="bench",
            kind=Kind.ROLLBACK if rollback_of else Kind.DEPLOY,
            rollback_of=rollback_of,
        )
        here.world.executions.start_rollout(request.deployment, payload(request))
        return self._settled(here, cluster, version, request.deployment)

    def history(self, deployment: str) -> list[dict[str, Any]]:
        """The events of a rollout's execution, the oldest first."""
        client = Aws(self.ports).client("stepfunctions")
        arn = self.facts["state_machines"]["rollout"].replace(":stateMachine:", ":execution:")
        pages = client.get_paginator("get_execution_history").paginate(executionArn=f"{arn}:{deployment}")
        return [event for page in pages for event in page["events"]]

    @staticmethod
    def _settled(here: Connection, cluster: Cluster, version: str, name: str = "") -> Deployment:
        """The deployment once it is over; raises LaptopError when it did not end well."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            recent = here.world.deployments.recent(cluster, 1)
            if recent and recent[0].target.version == version and (not name or recent[0].id == name):
                if recent[0].state is DeploymentState.DONE:
                    return recent[0]
                if recent[0].state is not DeploymentState.RUNNING:
                    raise LaptopError(f"{recent[0].id} is {recent[0].state}: {recent[0].reason}")
            time.sleep(_LOOK_SECONDS)
        raise LaptopError(f"{version} did not reach {cluster} within {_PATIENCE_SECONDS:.0f} s")


@contextmanager
def laboratory() -> Iterator[Laboratory]:
    """An environment of its own; nothing of it is left behind."""
    ports = Ports.free()
    with tempfile.TemporaryDirectory(prefix="lifecycle-bench-") as folder:
        layout = Layout(Path(folder).resolve())
        os.environ["LIFECYCLE_HOME"] = str(layout.home)
        os.environ[VARIABLE] = ",".join(f"{name}={number}" for name, number in asdict(ports).items())
        try:
            yield Laboratory(layout, ports, Tour(layout, Progress()))
        finally:
            environment.down(layout, Progress())
