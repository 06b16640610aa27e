"""Sentences are for people: no decision depends on one that was recorded.

The facts are those of whole rollouts on scripted hosts. Every sentence in them is replaced by a random text, by none,
or by a sentence of another record; the decision must stay what it was.
"""

import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lifecycle.application.context import Context
from lifecycle.application.convergence.converge import cluster_facts
from lifecycle.application.monitoring.watch_alarms import watch, watch_facts
from lifecycle.application.ports.step_reads import HostRecords, LoopRecords, StepReads, StepRecords
from lifecycle.application.rollout import observe
from lifecycle.domain.convergence.decide import converge
from lifecycle.domain.convergence.facts import ClusterFacts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.monitoring.alarms import Alarm, WatchFacts, follow
from lifecycle.domain.monitoring.notifications import (
    Change,
    Notification,
    NotificationKind,
    Quarantine,
    Recorded,
    notification_of,
)
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment, Request
from lifecycle.domain.rollout.execution import Visit
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.next_step import next_step
from lifecycle.domain.rollout.plan import plan
from lifecycle.domain.rollout.plan_facts import Observed
from lifecycle.domain.rollout.steps import (
    AwaitApproval,
    AwaitDecision,
    AwaitResume,
    Bake,
    Facts,
    Finish,
    RollBack,
)
from lifecycle.domain.service.policy import AfterBake, ApprovalGate, OnAlarm, OnFail, Policy
from tests.fakes.alarms import MemoryAlarms
from tests.support.rollout import CLUSTER, Machine
from tests.unit.rollout.test_bed.conftest import served

SENTENCES = {
    *(
        "reason",
        "why",
        "detail",
        "diagnosis",
        "sentence",
        "evidence",
        "log_tail",
        "what",
        "expected",
        "found",
    ),
    *("no_rollback_target", "blockers", "warnings", "summary", "text", "expected_from"),
}
# By name or by choice: why each is quarantined, and what each choice would do.
SENTENCES_BY_KEY = {"quarantined", "bad_versions", "bad_hosts", "effects", "drift"}


def reworded(value: Any, word: Callable[[str], str]) -> Any:
    """Return the same facts, with every sentence in them put through `word`."""
    if is_dataclass(value) and not isinstance(value, type):
        changed = {each.name: _field(each.name, getattr(value, each.name), word) for each in fields(value)}
        return replace(value, **changed)
    if isinstance(value, Mapping):
        return {key: reworded(each, word) for key, each in value.items()}
    if type(value) in (tuple, list):
        return type(value)(reworded(each, word) for each in value)
    return value


def _field(name: str, value: Any, word: Callable[[str], str]) -> Any:
    if name in SENTENCES and isinstance(value, str):
        return word(value)
    if name in SENTENCES and isinstance(value, tuple):
        return tuple(word(each) for each in value)
    if name in SENTENCES_BY_KEY and isinstance(value, Mapping):
        return {key: word(each) for key, each in value.items()}
    return reworded(value, word)


def decided(step: Any) -> tuple[str, Any]:
    """Return a decision without its sentences."""
    return type(step).__name__, reworded(step, lambda _: "")


@dataclass
class Observations:
    """The facts of every decision in some rollouts, and their times."""

    steps: list[tuple[Facts, datetime]] = field(default_factory=list)
    clusters: list[tuple[ClusterFacts, datetime]] = field(default_factory=list)
    alarms: list[tuple[WatchFacts, datetime]] = field(default_factory=list)
    plans: list[tuple[Request, Observed, datetime]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


@dataclass
class Recording:
    """Step reads that note the facts of each step."""

    context: Context
    observations: Observations
    inner: StepReads
    last: object = None

    def of_host(self, cluster: Cluster, deployment: str, host: str, attempt: int) -> StepRecords:
        return self.inner.of_host(cluster, deployment, host, attempt)

    def of_deployment(self, cluster: Cluster, deployment: str) -> tuple[Deployment | None, Lease]:
        return self.inner.of_deployment(cluster, deployment)

    def of_hosts(
        self, cluster: Cluster, deployment: str, attempts: Sequence[tuple[str, int]], hosts: Sequence[str]
    ) -> HostRecords:
        return self.inner.of_hosts(cluster, deployment, attempts, hosts)

    def of_loop(self, cluster: Cluster, deployment: str) -> LoopRecords:
        found = self.inner.of_loop(cluster, deployment)
        current, lease, now = found.deployment, found.lease, self.context.clock.now()
        if current is not None and self._is_news(
            facts := observe.facts(self.context, current, lease, Visit(deployment, 0))
        ):
            self.observations.steps.append((facts, now))
            request = replace(current.request, deployment=f"{deployment}-again")
            self.observations.plans.append((request, observe.observed(self.context, request), now))
            for since in (current.started_at, now):
                alarm = Alarm("lc-p-hello-errors", CLUSTER, True, since, "at most 2 %", "4.1 %")
                self.observations.alarms.append((watch_facts(self.context, alarm), now))
            self.observations.clusters.append((cluster_facts(self.context, cluster), now))
        return found

    def _is_news(self, facts: Facts) -> bool:
        """Return whether the step differs from the one before: most minutes of a bake are alike."""
        before, self.last = self.last, decided(next_step(facts, self.context.clock.now()))
        return self.last != before


def recorded(machine: Machine, observations: Observations) -> Machine:
    machine.context = replace(
        machine.context, step_reads=Recording(machine.context, observations, machine.context.step_reads)
    )
    return machine


def _failing_hosts(observations: Observations) -> Iterator[Machine]:
    for choice in (Choice.RETRY, Choice.SKIP_HOST, Choice.FORCE_NEXT, Choice.ROLL_BACK, Choice.ABORT):
        machine = served(Policy(watch_minutes=30))
        machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
        name = recorded(machine, observations).deploy("1.0.1")
        machine.decide(name, choice, "host-2")
        machine.context.fleet.quarantine(CLUSTER, "1.0.1", "it fails")
        machine.context.fleet.quarantine_host(CLUSTER, "host-3", "its disk fails")
        machine.context.freezes.put(Freeze("production", "ada", "the sale", machine.now))
        request = machine.request("1.0.1")
        observations.plans.append((request, observe.observed(machine.context, request), machine.now))
        _alarm_rings(machine)
        yield machine


def _alarm_rings(machine: Machine) -> None:
    alarms = MemoryAlarms()
    alarms.put(Alarm("lc-p-hello-errors", CLUSTER, True, machine.now, "at most 2 %", "4.1 %"))
    watch(machine.context, alarms)


def _operators(observations: Observations) -> Iterator[Machine]:
    policy = Policy(watch_minutes=30, on_alarm=OnAlarm.ROLL_BACK, approval=ApprovalGate.AFTER_FIRST_HOST)
    for choice in (Choice.APPROVE, Choice.REJECT, Choice.ROLL_BACK):
        machine = recorded(Machine(policy=policy), observations)
        machine.approve(machine.deploy("1.0.0"), Choice.APPROVE)
        name = machine.deploy("1.0.1")
        if choice is Choice.ROLL_BACK:
            machine.tell(name, choice)
            machine.run(name)
        else:
            machine.tell(name, Choice.PAUSE)
            machine.approve(name, choice)
            machine.tell(name, Choice.RESUME)
            machine.run(name)
        yield machine


def _test_beds(observations: Observations) -> Iterator[Machine]:
    for on_fail, choice in (
        (OnFail.HALT, Choice.FORCE_NEXT),
        (OnFail.HALT, Choice.RETRY),
        (OnFail.ROLL_BACK, None),
    ):
        machine = recorded(served(Policy(bake_minutes=12, on_fail=on_fail)), observations)
        machine.errors["1.0.1"] = 30
        name = machine.deploy("1.0.1")
        if choice:
            machine.decide(name, choice, machine.bed(name).host)
        yield machine
    for choice in (Choice.APPROVE, Choice.EXTEND, Choice.REJECT):
        machine = recorded(served(Policy(bake_minutes=12, after_bake=AfterBake.ASK)), observations)
        machine.metrics.old_stacks.add(CLUSTER)  # every interim analysis fails
        name = machine.deploy("1.0.1")
        machine.approve(name, choice)
        yield machine


def _unhealthy_hosts(observations: Observations) -> Iterator[Machine]:
    for silent in (False, True):
        machine = recorded(served(Policy(bake_minutes=12)), observations)
        machine.stop_at = "BAKE"
        name = machine.deploy("1.0.1")
        machine.stop_at = ""
        host = machine.host(machine.bed(name).host)
        host.silent = silent
        machine.memory.dispatcher.dead.add(host.address)
        machine.tick()
        machine.run(name)
        machine.memory.clock.sleep(timedelta(days=1).total_seconds())
        machine.run(name)
        yield machine


@cache
def observations() -> Observations:
    """Return the facts of every scenario."""
    found = Observations()
    for scenario in (_failing_hosts, _operators, _test_beds, _unhealthy_hosts):
        for machine in scenario(found):
            found.changes += _changes(machine)
    return found


def _changes(machine: Machine) -> Iterator[Change]:
    deployments = machine.memory.deployments
    for record in deployments.recent(CLUSTER, 100):
        records: list[Recorded] = [record, *deployments.questions(record.id), *deployments.beds(record.id)]
        records += [*machine.memory.audit_log.entries, Quarantine(CLUSTER, "1.0.1", "it fails")]
        for after in records:
            yield Change(None, after, machine.now)
            yield Change(after, after, machine.now)


@cache
def sentences() -> list[str]:
    """Return the sentences of those facts: each may stand in the place of another."""
    found: set[str] = set()

    def note(text: str) -> str:
        found.add(text)
        return text

    reworded([facts for facts, _ in observations().steps], note)
    return sorted(found)


def words(seed: int) -> Callable[[str], str]:
    """Return a text for each sentence: none, any, or a sentence of another record."""
    random = Random(seed)  # noqa: S311 (no secret)

    def word(_: str) -> str:
        noise = "".join(random.choices(string.printable, k=random.randrange(40)))
        return random.choice(("", noise, random.choice(sentences())))

    return word


SEEDS = st.integers(0, 2**32)
# A seed cannot be shrunk.
OFTEN = settings(max_examples=4, deadline=None, phases=[Phase.generate])


def test_scenarios_reach_the_decisions_that_once_read_sentences() -> None:
    steps = [next_step(facts, now) for facts, now in observations().steps]
    assert {type(step) for step in steps} >= {AwaitDecision, AwaitApproval, AwaitResume, RollBack, Finish}
    notes = [step.note for step in steps if isinstance(step, Bake)]
    assert any(note.last_analysis for note in notes)
    assert any(note.unhealthy_host for note in notes)
    assert any(facts.deployment.bake_note.last_analysis for facts, _ in observations().steps)
    assert any(facts.deployment.bake_note.unhealthy_host for facts, _ in observations().steps)
    assert len({type(follow(facts, now)) for facts, now in observations().alarms}) >= 4
    assert any(observed.bad_versions for _, observed, _ in observations().plans)
    notifications = [notification_of(change) for change in observations().changes]
    assert {each.kind for each in notifications if each} >= {NotificationKind.ALARM, NotificationKind.HALTED}


@OFTEN
@given(seed=SEEDS)
def test_no_sentence_changes_the_next_step(seed: int) -> None:
    word = words(seed)
    for facts, now in observations().steps:
        assert decided(next_step(reworded(facts, word), now)) == decided(next_step(facts, now))


@OFTEN
@given(seed=SEEDS)
def test_no_sentence_changes_what_convergence_does(seed: int) -> None:
    word = words(seed)
    for facts, now in observations().clusters:
        assert decided(converge(reworded(facts, word), now)) == decided(converge(facts, now))


@OFTEN
@given(seed=SEEDS)
def test_no_sentence_changes_what_follows_from_an_alarm(seed: int) -> None:
    word = words(seed)
    for facts, now in observations().alarms:
        assert decided(follow(reworded(facts, word), now)) == decided(follow(facts, now))


@OFTEN
@given(seed=SEEDS)
def test_no_sentence_changes_a_plan(seed: int) -> None:
    word, timeout = words(seed), timedelta(seconds=30)
    for request, observed, now in observations().plans:
        other = plan(reworded(request, word), reworded(observed, word), now, timeout)
        assert decided(other) == decided(plan(request, observed, now, timeout))


@OFTEN
@given(seed=SEEDS)
def test_no_sentence_changes_whether_and_as_what_a_change_is_notified(seed: int) -> None:
    word = words(seed)
    for change in observations().changes:
        same: dict[str, str] = {}

        def once(text: str, same: dict[str, str] = same) -> str:
            """Return one text for one sentence, so that an unchanged record stays unchanged."""
            return same.setdefault(text, word(text) + str(len(same)))

        assert _kind(notification_of(reworded(change, once))) == _kind(notification_of(change))


def _kind(notification: Notification | None) -> tuple[object, ...]:
    return (
        (notification.kind, notification.deployment, notification.question, notification.choices)
        if notification
        else ()
    )
