"""An account of fifty services with forty hosts in each environment, for tests of the console's speed.

Used by the unit test of rendering, and by `python -m tests.console_speed`, which uses the emulator.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle.application.ports.catalogue import ChangeBuilds
from lifecycle.domain.delivery.repository import NewestSnapshot
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster
from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import CONSEQUENCES, Choice, EvidenceKind, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request, deployment_id
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target

SERVICES, HOSTS, DEPLOYMENTS = 50, 40, 10
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
VERSION, DIGEST = "1.0.1", "d" * 64
# Every tenth cluster has a running deployment, and every second of those is halted.
RUNS_EVERY = 10
LOG = "Traceback (most recent call last):\n" + '  File "app.py", line 7, in serve\n' * 40


@dataclass(frozen=True)
class Stores:
    """The functions that store one record each."""

    report: Callable[[Cluster, HostReport], object]
    deployment: Callable[[Deployment], object]
    attempt: Callable[[HostAttempt], object]
    ask: Callable[[Question], object]
    trail: Callable[[AuditEntry], object]
    lease: Callable[[Cluster, Lease], object]
    snapshot: Callable[[str, str, dict[str, str]], object]
    release: Callable[[str, str, str], object]
    owner: Callable[[str, str], object]
    builds: Callable[[str, ChangeBuilds], object]


def clusters(services: int = SERVICES) -> Iterator[Cluster]:
    """Yield both clusters of each service."""
    for number in range(services):
        for environment in ENVIRONMENTS:
            yield Cluster(environment, f"service-{number:02}")


def fill(stores: Stores, services: int = SERVICES, now: datetime = NOW) -> None:
    """Write the account: serving hosts, a history, and in some clusters a running or halted deployment."""
    for place, cluster in enumerate(clusters(services)):
        for number in range(HOSTS):
            stores.report(cluster, _report(number, now))
        for number in range(DEPLOYMENTS):
            stores.deployment(_deployment(cluster, number, now))
        for number in range(40):
            stores.trail(AuditEntry(now - timedelta(minutes=number), str(cluster), "drain", "ada", "new prices"))
        if place % RUNS_EVERY == 0:
            _run(stores, cluster, now, halted=place % (2 * RUNS_EVERY) == 0)
    for number in range(services):
        _catalogue(stores, f"service-{number:02}", now)


def _report(number: int, now: datetime) -> HostReport:
    return HostReport(
        host=f"host-{number:02}",
        address=f"10.0.0.{number}",
        port=8080,
        zone="abc"[number % 3],
        seen_at=now,
        agent_started_at=now - timedelta(days=3),
        stage=AgentStage.DONE,
        installed=VERSION,
        digest=DIGEST,
        boot=f"boot-{number}",
        running=True,
        self_test=SelfTest(True, DIGEST, f"boot-{number}", "ok"),
        releases=("1.0.0", VERSION),
    )


def _deployment(cluster: Cluster, number: int, now: datetime, **changes: Any) -> Deployment:
    begun = now - timedelta(hours=12 * (number + 1))
    name = deployment_id(cluster, begun, f"{number + 1:04x}")
    done = Deployment(
        request=Request(name, cluster.service, cluster.environment, VERSION, "ada", "new prices"),
        epoch=DEPLOYMENTS - number,
        target=Target(VERSION, DIGEST),
        previous=Target("1.0.0", "c" * 64),
        hosts=tuple(f"host-{each:02}" for each in range(HOSTS)),
        policy=Policy(),
        started_at=begun,
        execution=name,
        state=DeploymentState.DONE,
        reason=f"{HOSTS} hosts serve {VERSION}, in rotation and healthy",
        finished_at=begun + timedelta(minutes=12),
    )
    return replace(done, **changes)


def _run(stores: Stores, cluster: Cluster, now: datetime, *, halted: bool) -> None:
    state = DeploymentState.HALTED if halted else DeploymentState.RUNNING
    current = _deployment(cluster, -1, now, state=state, finished_at=None, reason="host-03 failed")
    stores.deployment(current)
    stores.lease(cluster, Lease(DEPLOYMENTS + 1, current.id, now, now + timedelta(hours=3)))
    for number in range(20):
        attempt = HostAttempt(
            current.id,
            f"host-{number:02}",
            1,
            DEPLOYMENTS + 1,
            current.id,
            now,
            AttemptState.ALIVE,
            finished_at=now,
        )
        stores.attempt(attempt)
    if halted:
        choices = (Choice.RETRY, Choice.SKIP_HOST, Choice.FORCE_NEXT, Choice.ROLL_BACK, Choice.ABORT)
        asked = Question(
            current.id,
            "decision-host-03-1-0",
            QuestionKind.DECISION,
            choices,
            "failed while self-testing: 500 from /self_test",
            now,
            host="host-03",
            attempt=1,
            evidence=LOG,
            evidence_kind=EvidenceKind.HOST_LOG,
            effects={choice: CONSEQUENCES[choice] for choice in choices},
        )
        stores.ask(asked)


def _catalogue(stores: Stores, service: str, now: datetime) -> None:
    for number in range(20):
        snapshot = f"1.0.{number}-{now - timedelta(days=20 - number):%Y%m%d%H%M%S}-{number:07x}"
        facts = {"commit": f"{number:040x}", "digest": DIGEST, "branch": "main", "built": "-"}
        # The first ones are from before their commits were counted.
        counted = {"commits": str(100 + number)} if number else {}
        stores.snapshot(service, snapshot, facts | counted)
        stores.release(service, snapshot, f"1.0.{number}")
    repository = f"https://example.com/{service}.git"
    stores.owner(service, repository)
    newest = NewestSnapshot(snapshot, now, 119)
    stores.builds(repository, lambda before: before.counted(service, "main", newest))
