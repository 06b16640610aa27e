"""Deployments, questions, turns, the audit log and the registry."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.application.ports.step_reads import LoopRecords
from lifecycle.domain.analysis.model import Judgement, Verdict
from lifecycle.domain.errors import Refused, StoreRefused
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.checkpoint import Baseline, Checkpoint, QueuedHost
from lifecycle.domain.rollout.decision import Answer, Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, Request, without_hosts
from lifecycle.domain.rollout.execution import Visit
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from tests.contract.conftest import Gateways

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_deployment(gateways: Gateways, suffix: str) -> Deployment:
    name = f"{gateways.service}-production-20261123120000-{suffix}"
    request = Request(name, gateways.service, "production", "1.0.1", "ada")
    target, previous = Target("1.0.1", "d1"), Target("1.0.0", "d0")
    return Deployment(request, 3, target, previous, ("host-1", "host-2"), Policy(), NOW, name)


def a_question(gateways: Gateways) -> Question:
    name = f"{gateways.service}-d"
    kind, choices = QuestionKind.DECISION, (Choice.RETRY, Choice.ABORT)
    return Question(name, "decision-host-1-1-0", kind, choices, "it failed", NOW, "host-1", 1)


def a_judgement(verdict: Verdict, minutes: int) -> Judgement:
    return Judgement(verdict, "as measured", (), minutes, 1000, 1000)


def a_turn(order: Order, epoch: int, attempt: int) -> Turn:
    return Turn("host-1", order, "d", epoch, attempt, "1.0.1", "d1", NOW, NOW + timedelta(minutes=15))


def a_checkpoint(deployment: str, number: int) -> Checkpoint:
    host = QueuedHost("host-1", 1, "127.0.0.1", serves=True)
    baseline = Baseline("run", 1, "r", "t", "q", "u", "h", 2, 1, 1, (replace(host, host="host-2"),), 0)
    return Checkpoint(deployment, number, (host,), baseline)


def test_a_deployment_is_read_as_it_was_written(gateways: Gateways) -> None:
    first = a_deployment(gateways, "aaaa")
    gateways.deployments.put(first)
    assert gateways.deployments.get(gateways.cluster, first.id) == first
    assert gateways.deployments.get(gateways.cluster, "unknown") is None


def test_recent_deployments_come_newest_first_and_only_as_many_as_asked(gateways: Gateways) -> None:
    made = [a_deployment(gateways, suffix) for suffix in ("aaaa", "bbbb", "cccc")]
    for each in made:
        gateways.deployments.put(each)
    assert [d.id[-4:] for d in gateways.deployments.recent(gateways.cluster, 2)] == ["cccc", "bbbb"]


def test_an_attempt_is_replaced_by_its_later_state(gateways: Gateways) -> None:
    first = HostAttempt(gateways.service, "host-1", 1, 3, "run", NOW)
    assert not gateways.deployments.has_attempts(gateways.service)
    gateways.deployments.put_attempt(first)
    assert gateways.deployments.has_attempts(gateways.service)
    gateways.deployments.put_attempt(replace(first, number=2))
    gateways.deployments.put_attempt(replace(first, state=AttemptState.ALIVE, finished_at=NOW))
    assert [(a.number, a.state) for a in gateways.deployments.attempts(gateways.service)] == [
        (1, AttemptState.ALIVE),
        (2, AttemptState.STARTED),
    ]


def test_an_attempt_is_begun_once(gateways: Gateways) -> None:
    first = HostAttempt(gateways.service, "host-1", 1, 3, "run", NOW, round=4, diagnosed_in=Visit("run", 9))
    assert gateways.deployments.begin_attempt(first)
    assert gateways.deployments.begin_attempt(first)  # its own write, whose answer was lost
    assert not gateways.deployments.begin_attempt(replace(first, execution="run_2"))
    gateways.deployments.put_attempt(replace(first, state=AttemptState.DRAINED))
    assert not gateways.deployments.begin_attempt(first)
    assert gateways.deployments.begin_attempt(replace(first, number=2))
    found = gateways.deployments.attempts(gateways.service)
    assert found == [replace(first, state=AttemptState.DRAINED), replace(first, number=2)]


def test_step_read_returns_records_or_none(gateways: Gateways) -> None:
    first, cluster = a_deployment(gateways, "aaaa"), gateways.cluster
    nothing = gateways.step_reads.of_host(cluster, first.id, "host-1", 1)
    assert (nothing.deployment, nothing.lease, nothing.attempt, nothing.report) == (None, Lease(), None, None)
    lease = gateways.leases.acquire(cluster, first.id, NOW, 0)
    tried = HostAttempt(first.id, "host-1", 1, lease.epoch, "run", NOW)
    gateways.deployments.put(first)
    gateways.deployments.put_attempt(tried)
    found = gateways.step_reads.of_host(cluster, first.id, "host-1", 1)
    assert (found.deployment, found.lease, found.attempt) == (without_hosts(first), lease, tried)
    assert gateways.step_reads.of_host(cluster, first.id, "host-1", 2).attempt is None
    assert gateways.step_reads.of_deployment(cluster, first.id) == (without_hosts(first), lease)
    assert gateways.step_reads.of_loop(cluster, first.id) == LoopRecords(without_hosts(first), lease, None)


def test_the_order_of_hosts_is_read_apart_and_kept_by_a_write_without_it(gateways: Gateways) -> None:
    first, deployments = a_deployment(gateways, "aaaa"), gateways.deployments
    deployments.put(first)
    slim = replace(without_hosts(first), reason="host-2 next")
    deployments.put(slim)
    assert deployments.recent_without_hosts(gateways.cluster, 1) == [slim]
    assert deployments.recent(gateways.cluster, 1) == [replace(slim, hosts=first.hosts)]
    assert deployments.get(gateways.cluster, first.id) == replace(slim, hosts=first.hosts)
    assert deployments.everything(first.id).hosts == first.hosts
    deployments.put(replace(first, hosts=("host-2",)))
    assert deployments.everything(first.id).hosts == ("host-2",)


def test_everything_of_a_deployment_is_read_by_one_call(gateways: Gateways) -> None:
    question = gateways.deployments.ask(a_question(gateways))
    name = question.deployment
    tried = HostAttempt(name, "host-1", 1, 3, "run", NOW)
    bed = TestBed(name, 1, "host-1", 1, "host-2", 1, NOW, 30)
    gateways.deployments.put_attempt(tried)
    gateways.deployments.put_bed(bed)
    gateways.deployments.put_checkpoint(a_checkpoint(name, 1))
    found = gateways.deployments.everything(name)
    assert (found.hosts, list(found.attempts), list(found.questions), list(found.beds)) == (
        (),
        [tried],
        [question],
        [bed],
    )


def test_one_of_two_racing_checkpoints_is_written(gateways: Gateways) -> None:
    deployments, name = gateways.deployments, f"{gateways.service}-1"
    assert deployments.checkpoint(name) is None
    assert not deployments.put_checkpoint(a_checkpoint(name, 2))
    assert deployments.put_checkpoint(a_checkpoint(name, 1))
    assert not deployments.put_checkpoint(replace(a_checkpoint(name, 1), baseline=None))
    assert deployments.put_checkpoint(a_checkpoint(name, 2))
    assert deployments.checkpoint(name) == a_checkpoint(name, 2)
    assert gateways.step_reads.of_loop(gateways.cluster, name).checkpoint == a_checkpoint(name, 2)


def test_report_with_the_address_of_another_host_says_so(gateways: Gateways) -> None:
    cluster = gateways.cluster
    for host, address in (("host-1", "127.0.0.1"), ("host-2", "127.0.0.2"), ("host-3", "127.0.0.1")):
        gateways.write_report(cluster, HostReport(host, address, 80, "a", NOW, NOW))
    found = gateways.fleet.reports(cluster)
    strangers = {host: each.why for host, each in found.items() if isinstance(each, UnreadableReport)}
    assert list(strangers) == ["host-1", "host-3"]
    assert "127.0.0.1" in strangers["host-1"]


def test_attempts_and_reports_of_some_hosts_are_read_by_name(gateways: Gateways) -> None:
    cluster, name = gateways.cluster, f"{gateways.service}-1"
    assert list(gateways.fleet.names(cluster)) == []
    reports = {f"host-{n}": HostReport(f"host-{n}", f"127.0.0.{n}", 80, "a", NOW, NOW) for n in range(1, 121)}
    for each in reports.values():
        gateways.write_report(cluster, each)
    tried = [HostAttempt(name, "host-1", number, 3, "run", NOW) for number in (1, 2)]
    for attempt in tried:
        gateways.deployments.put_attempt(attempt)
    assert sorted(gateways.fleet.names(cluster)) == sorted(reports)
    found = gateways.step_reads.of_hosts(cluster, name, [("host-1", 2), ("host-9", 1)], ["host-3", "gone"])
    assert (list(found.attempts), found.reports) == ([tried[1]], {"host-3": reports["host-3"]})
    assert gateways.step_reads.of_hosts(cluster, name, [], list(reports)).reports == reports


def test_attempts_and_questions_are_read_by_one_call(gateways: Gateways) -> None:
    question = gateways.deployments.ask(a_question(gateways))
    tried = HostAttempt(question.deployment, "host-1", 1, 3, "run", NOW)
    gateways.deployments.put_attempt(tried)
    assert [list(each) for each in gateways.deployments.attempts_and_questions(question.deployment)] == [
        [tried],
        [question],
    ]


def test_a_test_bed_keeps_its_latest_judgement_and_one_that_fails_whenever_it_was_found(
    gateways: Gateways,
) -> None:
    began = TestBed(f"{gateways.service}-1", 1, "host-1", 1, "host-2", 1, NOW, 30)
    deployments = gateways.deployments
    deployments.put_bed(replace(began, judgement=a_judgement(Verdict.INCONCLUSIVE, 15)))
    for late in (began, replace(began, judgement=a_judgement(Verdict.INCONCLUSIVE, 14))):
        deployments.put_bed(late)
    assert [each.progress_rank.minutes for each in deployments.beds(began.deployment)] == [15]
    fails = replace(began, judgement=a_judgement(Verdict.FAIL, 15))
    deployments.put_bed(fails)
    deployments.put_bed(replace(began, judgement=a_judgement(Verdict.PASS, 30)))
    assert list(deployments.beds(began.deployment)) == [fails]
    ended = replace(fails, state=BedState.FAILED)
    deployments.put_bed(ended)
    deployments.put_bed(fails)
    assert list(deployments.beds(began.deployment)) == [ended]


def test_a_pending_decision_is_recorded_once(gateways: Gateways) -> None:
    question = a_question(gateways)
    assert gateways.deployments.ask(question) == question
    assert gateways.deployments.ask(replace(question, reason="asked again")) == question


def test_an_answer_is_given_once(gateways: Gateways) -> None:
    question = gateways.deployments.ask(a_question(gateways))
    answer = Answer(Choice.RETRY, "ada", "why not", NOW)
    assert gateways.deployments.answer(question, answer).answer == answer
    assert gateways.deployments.answer(question, answer).answer == answer
    with pytest.raises(Refused, match="ada answered RETRY"):
        gateways.deployments.answer(question, Answer(Choice.ABORT, "eve", "", NOW))


def test_a_token_waits_beside_its_question_and_comes_back_with_the_answer(gateways: Gateways) -> None:
    question = gateways.deployments.ask(a_question(gateways))
    gateways.deployments.attach_token(question, "first")
    assert gateways.deployments.attach_token(question, "second").token == "second"
    answered = gateways.deployments.answer(question, Answer(Choice.RETRY, "ada", "", NOW))
    assert answered.token == "second"
    late = gateways.deployments.attach_token(question, "third")
    assert late.answer is not None


def test_a_turn_is_never_replaced_by_one_of_an_older_epoch_or_attempt(gateways: Gateways) -> None:
    fleet, cluster = gateways.fleet, gateways.cluster
    for turn in (a_turn(Order.INSTALL, 5, 2), a_turn(Order.INSTALL, 4, 9), a_turn(Order.INSTALL, 5, 1)):
        fleet.give_turns(cluster, [turn])
    assert gateways.turn_of(cluster, "host-1") == a_turn(Order.INSTALL, 5, 2)


def test_a_quarantined_version_keeps_its_reason(gateways: Gateways) -> None:
    gateways.fleet.quarantine(gateways.cluster, "1.0.1", "rolled back by ada")
    assert gateways.fleet.quarantined(gateways.cluster) == {"1.0.1": "rolled back by ada"}


def test_the_audit_log_is_ordered_by_time_and_read_from_a_time_on(gateways: Gateways) -> None:
    entries = [AuditEntry(NOW + timedelta(seconds=n), str(gateways.cluster), f"step {n}", "ada") for n in range(4)]
    for entry in reversed(entries):
        gateways.audit_log.append(entry)
    gateways.audit_log.append(entries[0])
    assert list(gateways.audit_log.read(gateways.cluster)) == entries
    assert list(gateways.audit_log.read(gateways.cluster, limit=2)) == entries[2:]
    assert list(gateways.audit_log.read(gateways.cluster, after=entries[1].at)) == entries[1:]


def test_findings_are_read_by_kind_however_many_actions_are_newer(gateways: Gateways) -> None:
    def entry(second: int, kind: AuditKind) -> AuditEntry:
        return AuditEntry(
            NOW + timedelta(seconds=second), str(gateways.cluster), f"{kind} {second}", "ada", kind=kind
        )

    outages, over = [entry(n, AuditKind.OUTAGE) for n in (0, 2)], entry(1, AuditKind.OUTAGE_OVER)
    for each in (*outages, over, entry(3, AuditKind.CRASH_LOOP), *(entry(n, AuditKind.ACTION) for n in range(4, 9))):
        gateways.audit_log.append(each)
        gateways.audit_log.append(each)
    read, kinds = gateways.audit_log.read, (AuditKind.OUTAGE, AuditKind.OUTAGE_OVER)
    assert list(read(gateways.cluster, kinds=kinds)) == [outages[0], over, outages[1]]
    assert list(read(gateways.cluster, limit=1, kinds=kinds)) == [outages[1]]
    assert list(read(gateways.cluster, after=over.at, kinds=kinds)) == [over, outages[1]]
    assert list(read(gateways.cluster, kinds=[AuditKind.HAND_MADE])) == []
    assert len(read(gateways.cluster)) == 9
    with pytest.raises(StoreRefused, match="ACTION"):
        read(gateways.cluster, kinds=[AuditKind.ACTION])


def test_the_registry_returns_the_last_write(gateways: Gateways) -> None:
    assert gateways.registry.desired(gateways.cluster) is None
    for epoch in (1, 2):
        gateways.registry.set_desired(gateways.cluster, Desired("1.0.1", "d1", epoch, "d"))
    assert gateways.registry.desired(gateways.cluster) == Desired("1.0.1", "d1", 2, "d")
    assert gateways.cluster in gateways.registry.clusters()
    assert gateways.registry.has(gateways.cluster)
    assert not gateways.registry.has(replace(gateways.cluster, service="nosuch"))
