"""Records of a deployment of hello, and the ledger's stream as AWS gives it to a function."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.decision import Answer, Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from lifecycle.domain.service.policy import ApprovalGate, Policy
from lifecycle.domain.service.target import Target
from lifecycle.gateways.aws.table import cluster_key, deployment_key, item, trail_key

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLUSTER = Cluster("production", "hello")
NAME = "hello-production-20261123120000-ab12"


def deployment(state: DeploymentState, kind: Kind = Kind.DEPLOY, reason: str = "") -> Deployment:
    return Deployment(
        request=Request(NAME, "hello", "production", "1.0.1", "ada", kind=kind),
        epoch=7,
        target=Target("1.0.1", "b"),
        previous=Target("1.0.0", "a"),
        hosts=("h1",),
        policy=Policy(),
        started_at=NOW,
        execution=NAME,
        state=state,
        reason=reason,
        finished_at=NOW + timedelta(minutes=5) if state.final else None,
    )


DECISION = Question(
    deployment=NAME,
    id="decision-h1-1-0",
    kind=QuestionKind.DECISION,
    choices=(Choice.RETRY, Choice.ROLL_BACK),
    reason="its self-test failed: 500",
    asked_at=NOW,
    host="h1",
    attempt=1,
    evidence="x" * 9000 + "the last line",
    diagnosis="1.0.0 passes there: it is the version",
    effects={Choice.RETRY: "install 1.0.1 again", Choice.ROLL_BACK: "h1 back to 1.0.0"},
    expires_at=NOW + timedelta(days=7),
)
APPROVAL = Question(
    NAME,
    "approval",
    QuestionKind.APPROVAL,
    (Choice.APPROVE, Choice.REJECT),
    "requires an approval",
    NOW,
    gate=ApprovalGate.BEFORE_FIRST_HOST,
)
LINE = AuditEntry(
    NOW, str(CLUSTER), "alarm: is left to you", "alarm lc-p-hello-errors", "rings", NAME, kind=AuditKind.ALARM
)
BED = TestBed(NAME, 1, "h1", 1, "h2", 1, NOW, 30)


def answered(question: Question, choice: Choice) -> Question:
    return replace(question, answer=Answer(choice, "grace", "seen", NOW + timedelta(minutes=1)))


def judged(state: BedState) -> TestBed:
    return replace(BED, state=state, reason="4.0 points worse", ended_at=NOW + timedelta(minutes=9))


def deployment_item(record: Deployment) -> dict[str, Any]:
    return item(cluster_key(CLUSTER), f"DEPLOYMENT#{record.id}", record)


def question_item(record: Question) -> dict[str, Any]:
    return item(deployment_key(NAME), f"QUESTION#{record.id}", record)


def bed_item(record: TestBed) -> dict[str, Any]:
    return item(deployment_key(NAME), "TESTBED#001", record)


def trail_item(record: AuditEntry) -> dict[str, Any]:
    return item(trail_key(CLUSTER), "2026-11-23T12:00:00#ab", record, kind=record.kind)


def streamed(before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    """Return one record of the stream, NEW_AND_OLD_IMAGES."""
    image = after or before or {}
    images = {"OldImage": before, "NewImage": after}
    return {
        "eventName": "REMOVE" if after is None else "MODIFY" if before else "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": NOW.timestamp(),
            "Keys": {"pk": image["pk"], "sk": image["sk"]},
            **{name: image for name, image in images.items() if image},
        },
    }
