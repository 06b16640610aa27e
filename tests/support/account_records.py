"""Records of the account of account.py: the deliveries, a host's report, the question about one, an old release."""

from dataclasses import replace
from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.domain.delivery.refused_push import RefusedPush
from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Choice, EvidenceKind, Question, QuestionKind
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState
from tests.support.rollout import manifest


def report(number: int, address: str, version: str, now: datetime) -> HostReport:
    """Return the report of a host that serves a version."""
    digest, boot = manifest(version).digest, f"boot-{number}"
    return HostReport(
        host=f"host-{number}",
        address=address,
        port=8080,
        zone="a",
        seen_at=now + timedelta(minutes=5),
        agent_started_at=now,
        stage=AgentStage.DONE,
        installed=version,
        digest=digest,
        boot=boot,
        running=True,
        self_test=SelfTest(True, digest, boot, "ok"),
        releases=("1.0.0", version),
    )


def question(deployment: str, name: str, now: datetime) -> Question:
    """Return the pending decision about host-2."""
    return Question(
        deployment=deployment,
        id=name,
        kind=QuestionKind.DECISION,
        choices=(Choice.RETRY, Choice.SKIP_HOST, Choice.FORCE_NEXT, Choice.ROLL_BACK, Choice.ABORT),
        reason="scripted",
        asked_at=now,
        host="host-2",
        attempt=1,
        evidence="a log",
        evidence_kind=EvidenceKind.HOST_LOG,
    )


def attempt(context: Context, deployment: str, host: str, state: AttemptState) -> None:
    """Record an attempt that has just ended."""
    now = context.clock.now()
    made = HostAttempt(deployment, host, 1, 2, deployment, now, state, finished_at=now, reason="scripted")
    context.deployments.put_attempt(made)


def own_with_old_release(catalogue: Catalogue, repository: str, now: datetime) -> None:
    """Make a repository the owner of hello, with 0.8.0, which was withdrawn."""
    catalogue.claim_service("hello", repository)
    withdrawn = Withdrawal("0.8.0", "ada", "as agreed", now, WithdrawalState.DONE)
    catalogue.put_withdrawal("hello", None, withdrawn)


def record_deliveries(catalogue: Catalogue, repository: str, now: datetime) -> None:
    """Record a run and the branch of a repository, a refused push, and a forge that refuses its token."""
    catalogue.change_builds(repository, lambda builds: builds.begun("a" * 40, now))
    catalogue.change_branch(repository, "main", lambda branch: branch.read("a" * 40, now))
    catalogue.record_refused_push(RefusedPush(now, "acme/hello", 409, "five runs failed", signed=True))
    catalogue.change_reported("acme/hello", lambda found: replace(found, problem="token"))
