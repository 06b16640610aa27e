"""Invariants 6, 7, 8, 9, 10, 22, 23 and 24: the records, their order, and the decisions behind them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Choice, Question, answers_on
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.membership import AUTOMATIC_ATTEMPTS
from lifecycle.domain.rollout.test_bed.model import BedState
from lifecycle.domain.service.host_count import at_most
from tests.simulation.history import GRACE
from tests.simulation.hosts import Host
from tests.simulation.scheduler import Actor

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle

_ORDER = list(AttemptState)
_GO_ON = (Choice.RETRY, Choice.SKIP_HOST, Choice.FORCE_NEXT, Choice.GO_ON)
# Seconds within which a stage reports an unreachable host: a heartbeat timeout of 30 s, and some polls.
UNREACHABLE_IS_REPORTED = 120.0


def audit_entry_comes_first(oracle: "Oracle", deployment: str, host: str, what: str, effect: str) -> None:
    """22: an audit entry is written before each effect."""
    if (deployment, host, what) not in oracle.audited:
        oracle.fail("22 trail", f"no audit entry before {effect} ({what} {host} of {deployment})")


def audit_log_only_grows(oracle: "Oracle") -> None:
    """22: the audit log is append-only."""
    length = len(oracle.sim.audit_log.entries)
    if length < oracle.audit_log_length:
        oracle.fail("22 trail", "entries of the audit log are gone")
    oracle.audit_log_length = length


def final_is_final(oracle: "Oracle", actor: Actor, before: Deployment | None, now: Deployment) -> None:
    """10: a deployment that has ended keeps its final state, as long as nobody deletes its record."""
    if now.id in oracle.deleted:
        return
    if before is not None and before.state.final and before.state is not now.state:
        oracle.fail("10 resurrected", f"{actor.name}: {now.id} was {before.state}, and is {now.state}")


def attempts_move_forward(oracle: "Oracle", actor: Actor, old: HostAttempt | None, now: HostAttempt) -> None:
    """6, 7, 9: an attempt is handed out first, passes each stage once, and never changes after its end."""
    key = (now.deployment, now.host, now.number)
    if old is None:
        oracle.fail("9 undecided", f"{actor.name}: attempt {now.number} on {now.host} was never handed out")
        return
    passed_at = oracle.stage_passed_at.get((actor.function, *key))
    if now.state is AttemptState.FAILED and passed_at is not None and actor.began > passed_at:
        oracle.fail("7 twice", f"{actor.name} fails {now.host} {now.number}, which passed it before: {now.reason}")
    if old.state.ended and now.state is not old.state:
        oracle.fail("7 twice", f"{actor.name}: {now.host} {now.number} was {old.state}, and is {now.state}")
    elif _ORDER.index(now.state) < _ORDER.index(old.state):
        oracle.fail("7 backwards", f"{actor.name}: {now.host} {now.number} went from {old.state} to {now.state}")
    elif now.release and now.state is AttemptState.RELEASED:
        return
    elif now.state is not AttemptState.FAILED and _ORDER.index(now.state) != _ORDER.index(old.state) + 1:
        oracle.fail("6 skipped", f"{actor.name}: {now.host} {now.number} went from {old.state} to {now.state}")


def recorded_stages_are_true(oracle: "Oracle", actor: Actor, attempt: HostAttempt) -> None:
    """2, 6, 19, 24: the recorded state of an attempt is what really happened to the host."""
    sim = oracle.sim
    host = sim.hosts.get(attempt.host)
    if host is None:
        return
    state = sim.balancer.state(host.address)
    match attempt.state:
        case AttemptState.DRAINED:
            if state is not None and not oracle.recent(oracle.registered_at.get(host.address, -1e9)):
                oracle.fail("6 not drained", f"{host.name} is recorded as drained, and is {state}")
        case AttemptState.SELF_TESTED:
            if (host.name, attempt.epoch, attempt.number) not in oracle.passed:
                oracle.fail("2 self-test", f"{host.name} is recorded as self-tested under {attempt.number}")
        case AttemptState.ALIVE:
            left_at = max(each.get(host.address, -1e9) for each in (sim.balancer.lost_at, oracle.drained_at))
            lost = oracle.recent(left_at)
            wanted = TargetState.HEALTHY if attempt.group is Group.MAIN else TargetState.TEST_GROUP
            if state is not wanted and not lost:
                oracle.fail("6 not alive", f"{host.name} is recorded as alive, and is {state}")
        case AttemptState.FAILED:
            _unreachable_is_reported(oracle, actor, host, attempt)
        case _:
            pass


def _unreachable_is_reported(oracle: "Oracle", actor: Actor, host: Host, attempt: HostAttempt) -> None:
    """24: an unreachable host is reported in time, and only an unreachable host is reported as such."""
    sim = oracle.sim
    if sim.clock_error_ever or actor.function not in ("drain", "install", "self_test"):
        return
    unreachable = 0.0 if host.reachable() else sim.now - host.last_report_at
    waited = sim.now - actor.began
    if min(unreachable, waited) > UNREACHABLE_IS_REPORTED:
        oracle.fail(
            "24 unreachable",
            f"{host.name} is unreachable for {unreachable:.0f} s, reported after {waited:.0f} s",
        )
    lately = any(map(oracle.recent, (host.last_unreachable_at, host.cut_off_until, host.lies_until)))
    if attempt.unreachable and host.reachable() and not lately:
        oracle.fail("24 unreachable", f"{host.name} is reachable, but was reported as unreachable: {attempt.reason}")


def answers_are_offered(oracle: "Oracle", question: Question) -> None:
    """9: an answer is one of the offered choices."""
    if question.answer and question.answer.choice not in question.choices:
        oracle.fail("9 answer", f"{question.id} was answered {question.answer.choice}")


def answers_what_was_asked(oracle: "Oracle", actor: Actor, answered: Mapping[str, Any]) -> None:
    """8, 9: an answer about one host and attempt never counts for another."""
    said = (actor.given.get("host", ""), actor.given.get("attempt", 0))
    if said[0] and said != (answered["host"], answered["attempt"]):
        oracle.fail("9 answer", f"{actor.name}: an answer about {said} answered {answered['id']}")


def begins_in_its_round(oracle: "Oracle", actor: Actor, begun: HostAttempt) -> None:
    """6, 9: only the loop begins an attempt, as STARTED and with its own execution and round."""
    mine = (actor.given.get("execution"), actor.given.get("round"))
    if actor.function != "next_step" or begun.state is not AttemptState.STARTED or mine != _pass(begun):
        oracle.fail("9 undecided", f"{actor.name}: attempt {begun.number} on {begun.host} begins as {begun.state}")


def hands_out_what_is_on_record(oracle: "Oracle", actor: Actor, decided: Mapping[str, Any]) -> None:
    """6: every host of an answer has an attempt of this execution and round."""
    mine = (actor.given.get("execution"), actor.given.get("round"))
    for given in decided["hosts"]:
        attempt = oracle.attempts.get((actor.deployment, str(given["host"]), int(given["attempt"])))
        if attempt is None or _pass(attempt) != mine:
            oracle.fail("6 handed out", f"{actor.name} hands out {given}, and its record is {attempt}")


def _pass(attempt: HostAttempt) -> tuple[str, int]:
    return attempt.execution, attempt.round


def halts_at_failures(oracle: "Oracle", actor: Actor, begun: HostAttempt) -> None:
    """9, 8, 23: after a failure, no host is updated before a human decided about that host and attempt."""
    sim, name = oracle.sim, actor.deployment
    questions = tuple(sim.deployments.questions(name))
    # This decision may not know the answers of a moment ago.
    answered_earlier = tuple(q for q in questions if not oracle.recent(oracle.answered_at.get((name, q.id), -1e9)))
    present = set(sim.fleet._reports.get(sim.cluster, {})) - set(sim.fleet.quarantined_hosts(sim.cluster))
    unreachable = 0
    for host, attempt in _newest(oracle, name).items():
        lately = oracle.recent(oracle.failed_at.get((name, host, attempt.number), sim.now))
        known = host in present and not oracle.recent(sim.hosts[host].joined_at)
        if _pass(attempt) == _pass(begun):
            continue  # another host of the same step
        if not attempt.state.ended and not oracle.recent(oracle.moved_at[_key(attempt)]) and known:
            oracle.fail("6 lost", f"{name} continues, but {host} {attempt.number} is left as {attempt.state}")
        if attempt.state is not AttemptState.FAILED or lately or host not in present:
            continue
        answers = answers_on(questions, attempt)
        allowed = {said[-1] for said in (answers, answers_on(answered_earlier, attempt)) if said} & set(_GO_ON)
        if allowed or oracle.recent(sim.hosts[host].joined_at):
            continue
        unreachable += 1
        if not attempt.unreachable or answers:
            oracle.fail("9 went on", f"{name} continues after {host} failed, answered {answers}")
    policy = oracle.records[name].policy
    if unreachable > at_most(policy.max_unreachable, len(present)):
        oracle.fail(
            "9 went on",
            f"{name} continues with {unreachable} unreachable hosts; max_unreachable is {policy.max_unreachable}",
        )
    _is_tried_once(oracle, oracle.attempts.get((name, begun.host, begun.number - 1)), questions)


def _newest(oracle: "Oracle", deployment: str) -> dict[str, HostAttempt]:
    newest: dict[str, HostAttempt] = {}
    for key, attempt in oracle.attempts.items():
        if key[0] == deployment and (key[1] not in newest or newest[key[1]].number < key[2]):
            newest[key[1]] = attempt
    return newest


def _is_tried_once(oracle: "Oracle", before: HostAttempt | None, questions: tuple[Question, ...]) -> None:
    """23, 9: a host is tried again only on a RETRY, or a few times if it was unreachable or replaced."""
    if before is None or Choice.RETRY in answers_on(questions, before):
        return
    if before.state is AttemptState.RELEASED or (before.release and Choice.GO_ON in answers_on(questions, before)):
        return
    host = oracle.sim.hosts[before.host]
    away = (before.state is AttemptState.FAILED and before.unreachable) or _left_the_test_bed(oracle, before)
    # The host may have lost its disk just before it was recorded as alive.
    new = before.state is AttemptState.ALIVE and host.disk_lost_at > oracle.moved_at[_key(before)] - GRACE
    if before.group is Group.CONTROL and before.state is AttemptState.ALIVE:
        return  # it was restarted as the control, and is updated later
    if before.number >= AUTOMATIC_ATTEMPTS or not (away or new):
        oracle.fail(
            "23 twice", f"{before.host} is tried again after {before.number}, {before.state}, without a RETRY"
        )


def _left_the_test_bed(oracle: "Oracle", attempt: HostAttempt) -> bool:
    """Return True when the test bed of this attempt was given up, as its host became unreachable or left."""
    beds = [bed for bed in oracle.beds.values() if bed.state is BedState.CANCELLED]
    mine = (attempt.deployment, attempt.host, attempt.number)
    return mine in [(bed.deployment, bed.host, bed.attempt) for bed in beds]


def _key(attempt: HostAttempt) -> tuple[str, str, int]:
    return (attempt.deployment, attempt.host, attempt.number)


def failed_stays_out(oracle: "Oracle", actor: Actor, deployment: str, host: Host) -> None:
    """9: a host whose newest attempt failed is not registered, whatever was decided."""
    tried = [a for key, a in oracle.attempts.items() if key[:2] == (deployment, host.name)]
    newest = max(tried, key=lambda a: a.number, default=None)
    if newest is None:
        oracle.fail("9 registered", f"{actor.name} registers {host.name} without an attempt")
    elif newest.state is AttemptState.FAILED:
        key = (newest.deployment, newest.host, newest.number)
        if not oracle.recent(oracle.failed_at[key]):
            oracle.fail("9 registered", f"{actor.name} registers {host.name} after it failed")


def drains_before_it_installs(oracle: "Oracle", actor: Actor, host: Host) -> None:
    """7: a drain is not repeated once its attempt has moved on."""
    tried = [a for key, a in oracle.attempts.items() if key[:2] == (actor.deployment, host.name)]
    newest = max(tried, key=lambda a: a.number, default=None)
    if actor.function != "drain" or newest is None or newest.state is AttemptState.STARTED:
        return
    if not oracle.recent(oracle.moved_at[newest.deployment, newest.host, newest.number]):
        oracle.fail("7 twice", f"{actor.name} drains {host.name} again, whose attempt is {newest.state}")
