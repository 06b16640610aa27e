"""The largest item of each kind in the ledger, and the largest payloads: every one has a bound.

DynamoDB takes 400 KB an item, Step Functions 256 KiB a payload, and SSM 4 KB a parameter.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.cli.start import request_payload
from lifecycle.application.rollout.next_step import Decided
from lifecycle.domain.analysis.downsampling import MOST_POINTS
from lifecycle.domain.analysis.model import Better, Judgement, Measure, MetricResult, Scale, Series, Verdict
from lifecycle.domain.convergence.decide import REPAIR_LIMIT
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest, host_name
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.listing import SHOWN, listed
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt
from lifecycle.domain.rollout.checkpoint import QUEUE_LIMIT, Baseline, Checkpoint, QueuedHost
from lifecycle.domain.rollout.decision import Answer, Choice, EvidenceKind, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, Kind, Override, Request, without_hosts
from lifecycle.domain.rollout.desired_writes import INTENDED_LIMIT, DesiredWrites
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.next_step import HOSTS_PER_EXECUTION
from lifecycle.domain.rollout.preflight import HOSTS_LIMIT
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.domain.service.commits import SUBJECT_LENGTH, ChangeNote
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.version import parse_version
from lifecycle.entrypoints.events import REASON_LENGTH, RequestDeployment
from lifecycle.gateways.aws.table import item
from lifecycle.gateways.serialization import to_json
from lifecycle.names import Partition
from lifecycle.servicefile.metrics import MAXIMUM_METRICS
from tests.support.counting_dynamodb import ITEM_BYTES, size_of

NOW = datetime(2026, 11, 27, 12, 34, 56, 789012, tzinfo=UTC)
PAYLOAD_BYTES = 256 * 1024
PARAMETER_BYTES = 4096
# A character that is six bytes in JSON. A log's bytes that are no text become U+FFFD.
WIDE = "\ufffd"
VERSION = "999999999.999999999.999999999-20261127123456-abcdef0"
NAME = f"{'s' * 24}-production-20261127123456-abcdefghr"
EXECUTION = f"{NAME}_99"
DIGEST = "f" * 64
ADDRESS = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"
TARGET = Target(VERSION, DIGEST)
REASON = WIDE * REASON_LENGTH
# apps/agent: a result's text, and the end of a log.
DETAIL, LOG = WIDE * 1000, WIDE * 4000


def hosts(count: int) -> tuple[str, ...]:
    return tuple(f"{number:06}".ljust(63, "h") for number in range(count))


def request(only: int = 0) -> Request:
    overrides = tuple(Override)
    return Request(
        NAME, "s" * 24, "production", VERSION, WIDE * 200, REASON, Kind.CONVERGE, NAME, overrides, hosts(only)
    )


def deployment(skipped: int) -> Deployment:
    policy = Policy(frozen=("Mon 00:00 - Sun 23:59 Europe/Luxembourg",) * 20)
    writes = DesiredWrites()
    for epoch in range(10**9 - 2 * INTENDED_LIMIT, 10**9):
        writes = writes.intending(Desired(TARGET.version, TARGET.digest, epoch, EXECUTION)).confirming(epoch)
    return Deployment(
        request=request(REPAIR_LIMIT),
        epoch=10**9,
        target=TARGET,
        previous=TARGET,
        hosts=hosts(HOSTS_LIMIT),
        policy=policy,
        started_at=NOW,
        execution=EXECUTION,
        reason=REASON,
        finished_at=NOW,
        skipped_hosts=hosts(skipped),
        host_count=HOSTS_LIMIT,
        writes=writes,
        changes=ChangeNote(WIDE * 200, (WIDE * SUBJECT_LENGTH,) * 5, "l" * 500),
    )


def checkpoint() -> Checkpoint:
    queued = [QueuedHost(host, 100, ADDRESS, serves=False) for host in hosts(HOSTS_PER_EXECUTION + QUEUE_LIMIT)]
    base = Baseline(
        execution=EXECUTION,
        attempts=400,
        reporting=DIGEST,
        targets=DIGEST,
        questions=DIGEST,
        unhealthy=DIGEST,
        quarantined=DIGEST,
        required=HOSTS_LIMIT,
        limit=HOSTS_LIMIT,
        spare=HOSTS_LIMIT,
        queue=tuple(queued[:QUEUE_LIMIT]),
        beyond=HOSTS_LIMIT,
    )
    return Checkpoint(NAME, 10**6, tuple(queued[QUEUE_LIMIT:]), base)


def report() -> HostReport:
    test = SelfTest(True, DIGEST, "b" * 32, DETAIL)
    (host,) = hosts(1)
    return HostReport(
        host=host_name(host),
        address=ADDRESS,
        port=65535,
        zone="z" * 63,
        seen_at=NOW,
        agent_started_at=NOW,
        epoch=10**9,
        attempt=100,
        order=Order.INSTALL,
        deployment=NAME,
        stage=AgentStage.SELF_TESTING,
        failed_stage=AgentStage.SELF_TESTING,
        detail=DETAIL,
        log_tail=LOG,
        installed=VERSION,
        digest=DIGEST,
        boot="b" * 32,
        running=True,
        self_test=test,
        releases=(VERSION,) * 10,
    )


def attempt() -> HostAttempt:
    return HostAttempt(
        deployment=NAME,
        host=hosts(1)[0],
        number=100,
        epoch=10**9,
        execution=EXECUTION,
        started_at=NOW,
        state=AttemptState.FAILED,
        reason=REASON,
        evidence=DETAIL + LOG,
        finished_at=NOW,
        blame=Blame.VERSION,
        diagnosis=REASON,
    )


def question() -> Question:
    return Question(
        deployment=NAME,
        id=f"decision-{hosts(1)[0]}-100-100",
        kind=QuestionKind.DECISION,
        choices=tuple(Choice),
        reason=REASON,
        asked_at=NOW,
        host=hosts(1)[0],
        evidence=DETAIL + LOG,
        expires_at=NOW,
        token="t" * 1024,
        answer=Answer(Choice.FORCE_NEXT, WIDE * 200, WIDE * 1000, NOW),
        blame=Blame.VERSION,
        diagnosis=REASON,
        effects=dict.fromkeys(Choice, REASON[:1000]),
        evidence_kind=EvidenceKind.HOST_LOG,
    )


def a_test_bed() -> TestBed:
    measure = Measure("m" * 63, Better.LOWER, Scale.RATIO, 0.123456, 0.123456, "u" * 20)
    points = (-1.23456e-100,) * MOST_POINTS
    count = MAXIMUM_METRICS + 3
    result = MetricResult("m" * 63, Verdict.INCONCLUSIVE, WIDE * 400, *[-1.2345678901234567e-100] * 6)
    judgement = Judgement(Verdict.INCONCLUSIVE, WIDE * 4000, (result,) * count, 10**5, 10**9, 10**9)
    series = (Series(measure, points, points),) * count
    return TestBed(NAME, 3, hosts(1)[0], 100, hosts(1)[0], 100, NOW, 10**5, judgement=judgement, series=series)


def turn() -> Turn:
    return Turn(hosts(1)[0], Order.INSTALL, NAME, 10**9, 100, VERSION, DIGEST, NOW, NOW + timedelta(days=7))


def entry() -> AuditEntry:
    return AuditEntry(NOW, f"production/{'s' * 24}", WIDE * 300, WIDE * 300, REASON, NAME, hosts(1)[0])


LARGEST: list[tuple[str, Any, int]] = [
    ("hosts", hosts(HOSTS_LIMIT), 340_000),
    # The hosts that humans skipped one by one: so many decisions are the bound.
    ("deployment", without_hosts(deployment(skipped=2_000)), 270_000),
    ("checkpoint", checkpoint(), 130_000),
    ("report", report(), 45_000),
    ("attempt", attempt(), 90_000),
    ("question", question(), 160_000),
    ("test bed", a_test_bed(), 390_000),
    ("turn", turn(), 1_000),
    ("audit entry", entry(), 30_000),
    ("lease", Lease(10**9, NAME, NOW, NOW), 500),
    ("queue", PendingDeployment(request(REPAIR_LIMIT), NOW), 100_000),
]


@pytest.mark.parametrize(("kind", "record", "most"), LARGEST, ids=[kind for kind, _, _ in LARGEST])
def test_largest_item_has_a_bound(kind: str, record: Any, most: int) -> None:
    key = f"{Partition.REPORTS}".ljust(100, "x")
    size = size_of(item(key, key, record, place=10**9, stands=kind))
    assert most / 3 < size < most < ITEM_BYTES


def test_longest_version_is_one_that_is_allowed() -> None:
    assert str(parse_version(VERSION)) == VERSION


def test_desired_version_fits_a_parameter() -> None:
    assert len(to_json(Desired(VERSION, DIGEST, 10**9, NAME)).encode()) < PARAMETER_BYTES


def test_largest_step_fits_a_payload() -> None:
    names = hosts(HOSTS_PER_EXECUTION)
    given: tuple[dict[str, str | int], ...] = tuple(
        {"host": host, "attempt": 100, "group": "test-bed"} for host in names
    )
    step = Decided("UPDATE_HOSTS", listed(names), hosts=given)
    # The state machine passes a step on with the deployment's ids and its own input.
    assert len(json.dumps(asdict(step))) < PAYLOAD_BYTES / 2


def test_long_reason_of_a_request_is_cut_and_not_refused() -> None:
    given = RequestDeployment(**{**request_payload(request()), "reason": "x" * 10_000})
    assert given.request().reason == "x" * REASON_LENGTH


@pytest.mark.parametrize(
    ("count", "text"), [(0, ""), (1, "0"), (SHOWN, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"), (5_000, "9 and 4990 more")]
)
def test_sentence_names_a_few_hosts_and_counts_the_rest(count: int, text: str) -> None:
    assert listed([str(number) for number in range(count)]).endswith(text)
