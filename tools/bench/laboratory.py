"""An environment for measurements: a temporary folder, free ports, the example service.

Removed afterwards.
"""

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

from apps.cli.connection import on_laptop
from apps.cli.ports import Connection
from apps.cli.start import request_payload
from apps.local import environment, priority
from apps.local.aws.clients import Aws
from apps.local.errors import LaptopError
from apps.local.own_files import read_json
from apps.local.paths import Layout
from apps.local.ports import VARIABLE, Ports
from apps.local.progress import Progress
from apps.local.services import clusters, hosts
from apps.local.services.clusters import Added
from apps.local.services.hosts import LocalCluster
from lifecycle.application.rollout.requests import payload
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import Choice, Question
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Override, Request, deployment_id
from lifecycle.names import execution_arn
from tools.demo.delivery import follow
from tools.demo.demo import run_demo
from tools.demo.phases import EXAMPLE, Demo, change, push

# Durations come from the history, so polling seldom costs no precision, and disturbs less.
_POLL_SECONDS = 0.25
_TIMEOUT_SECONDS = 600.0


def say(text: str) -> None:
    """Print one line of progress."""
    print(text, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Laboratory:
    """One environment, and the actions in it; `demo` has the times of `make run`'s phases."""

    layout: Layout
    ports: Ports
    demo: Demo
    facts: dict[str, Any] = field(default_factory=dict)
    _here: Connection | None = None

    @property
    def working_copy(self) -> Path:
        """The working copy from which the example is changed and pushed."""
        return Path(read_json(self.layout.services, {})[self.cluster.service]["copy"])

    @property
    def production(self) -> LocalCluster:
        return next(each for each in hosts.clusters(self.layout).values() if each.environment == "production")

    @property
    def cluster(self) -> Cluster:
        return Cluster("production", self.production.service)

    def connection(self) -> Connection:
        """Return the connection; made once, because making it takes a second of a core."""
        if self._here is None:
            self._here = on_laptop(self.layout.environment, "bench")
        return self._here

    def run_demo(self) -> None:
        """Do what `make run` does, without a test bed."""
        run_demo(self.demo)
        self.facts = environment.up(self.layout, Progress(quiet=True))

    def run_again(self) -> Added:
        """Do what a second `make run` does before it pushes."""
        environment.up(self.layout, Progress(quiet=True))
        return clusters.add_service(self.layout, EXAMPLE, Progress(quiet=True))

    def release(self) -> str:
        """Push a small change and promote its snapshot after staging; return the version of the release."""
        added, here = self.run_again(), self.connection()
        change(self.demo, added)
        commit = push(self.demo, added)
        machine = self.facts["state_machines"]["delivery"]
        done = follow(Aws.of(self.facts), machine, f"{added.service}-{commit}")
        if not done.succeeded:
            raise LaptopError(f"the build failed: {done.reason}")
        self.newest(Cluster("staging", added.service), done.version)
        asked = {"service": added.service, "snapshot": done.version, "requested_by": "bench"}
        return str(here.functions.call("promote", asked)["release"])

    def roll(self, version: str, rollback_of: str | None = None, overrides: tuple[Override, ...] = ()) -> Deployment:
        """Deploy a version to production, or roll back to it, and wait until it is DONE."""
        return self.settled(self.start(version, rollback_of, overrides))

    def ensure_version(self, version: str) -> None:
        """Deploy this version to production, unless the newest deployment has it."""
        if self.connection().context.deployments.recent(self.cluster, 1)[0].target.version != version:
            self.roll(version)

    def start(self, version: str, rollback_of: str | None = None, overrides: tuple[Override, ...] = ()) -> Request:
        """Start a deployment to production, or a rollback; return its request."""
        here, cluster = self.connection(), self.cluster
        request = Request(
            deployment=deployment_id(cluster, here.context.clock.now(), secrets.token_hex(2)),
            service=cluster.service,
            environment=cluster.environment,
            version=version,
            requested_by=here.by,
            kind=Kind.ROLLBACK if rollback_of else Kind.DEPLOY,
            rollback_of=rollback_of,
            overrides=overrides,
        )
        here.functions.call("request", request_payload(request))
        here.context.executions.start_rollout(request.deployment, payload(request))
        return request

    def settled(self, request: Request, expected: DeploymentState = DeploymentState.DONE) -> Deployment:
        """Wait for a state of the deployment; return it, or raise LaptopError when it ends otherwise."""
        return self.newest(request.cluster, request.version, request.deployment, expected)

    def question(self, deployment: str) -> Question:
        """Return the question of a halted deployment."""
        asked = self.connection().context.deployments.questions(deployment)
        return next(each for each in asked if not each.answer and each.host)

    def decide(self, question: Question, choice: Choice, why: str) -> None:
        """Decide about the failed host of a halted deployment, as an operator does."""
        here, cluster = self.connection(), self.cluster
        about = {"deployment": question.deployment, "host": question.host, "attempt": question.attempt}
        where = {"service": cluster.service, "environment": cluster.environment}
        here.functions.call("decide", {**about, **where, "choice": str(choice), "by": here.by, "why": why})

    def history(self, deployment: str) -> list[dict[str, Any]]:
        """Return the events of a rollout's execution, oldest first."""
        client = Aws.of(self.facts).client("stepfunctions")
        arn = execution_arn(self.facts["state_machines"]["rollout"], deployment)
        pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]

    def newest(
        self, cluster: Cluster, version: str, name: str = "", expected: DeploymentState = DeploymentState.DONE
    ) -> Deployment:
        """Wait for the cluster's newest deployment to have this version, this name if given, and this state.

        Raises LaptopError when it is in another state that is neither RUNNING nor QUEUED.
        """
        here, until = self.connection(), time.monotonic() + _TIMEOUT_SECONDS
        while time.monotonic() < until:
            recent = here.context.deployments.recent(cluster, 1)
            if recent and recent[0].target.version == version and (not name or recent[0].id == name):
                if recent[0].state is expected:
                    return recent[0]
                if recent[0].state not in (DeploymentState.RUNNING, DeploymentState.QUEUED):
                    raise LaptopError(f"{recent[0].id} is {recent[0].state}: {recent[0].reason}")
            else:
                self._raise_if_refused(here, name)
            time.sleep(_POLL_SECONDS)
        raise LaptopError(f"{version} on {cluster} was not {expected} within {_TIMEOUT_SECONDS:.0f} s")

    @staticmethod
    def _raise_if_refused(here: Connection, name: str) -> None:
        """Raise LaptopError if the plan was refused: that leaves a failed execution, but no deployment."""
        run = here.runs.rollout(name) if name else None
        if run and run.status not in ("RUNNING", "SUCCEEDED"):
            raise LaptopError(f"{name} {run.status}: {run.cause}")


@contextmanager
def laboratory(nice: int) -> Iterator[Laboratory]:
    """Make an environment whose control plane has this niceness; stop and remove it after the block."""
    ports = Ports.free()
    with tempfile.TemporaryDirectory(prefix="lifecycle-bench-") as folder:
        layout = Layout(Path(folder).resolve())
        os.environ["LIFECYCLE_HOME"] = str(layout.home)
        os.environ[priority.VARIABLE] = str(nice)
        os.environ[VARIABLE] = ",".join(f"{name}={number}" for name, number in asdict(ports).items())
        try:
            yield Laboratory(layout, ports, Demo(layout, Progress(), with_test_bed=False))
        finally:
            environment.down(layout, Progress())
