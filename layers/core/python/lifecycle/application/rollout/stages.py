"""Phase 6, one host's chain: drain, install, self-test, register, await alive.

Each is called by functions/rollout/<stage> as a task of the inline Map in statemachines/rollout.asl.json, behind the
guard of application/rollout/stage_guard.py.
"""

from textwrap import shorten
from typing import NamedTuple

from lifecycle.application.rollout import host_commands, observe
from lifecycle.application.rollout.stage_guard import LONGEST_WAIT, Outcome, Running, stage, wait_until
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.domain.fleet.host import HostReport, Stage
from lifecycle.domain.fleet.target_group import Group, TargetState, state_of
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.capacity import Floor, refuse_drain
from lifecycle.domain.rollout.decision import hosts_left_out

# A reason is one line of a table; what a host said at length goes into the evidence.
REASON = 200


@stage(needs=AttemptState.STARTED, reaches=AttemptState.DRAINED)
def drain(running: Running) -> Outcome:
    """Take the host out of rotation and wait until its requests in flight have ended."""
    host = running.host
    if refusal := _check_drain(running).refusal:
        return running.fail(refusal)
    ready = _await_ready(running)
    if ready.outcome != "PASSED":
        return ready
    report = running.report()
    if report is None:
        return running.fail(f"{host} has no agent")
    if stopped := _deregister(running, report):
        return stopped
    limit = running.deployment.policy.drain_seconds + 30
    drained = wait_until(running, limit, lambda: _left_rotation(running, report))
    if drained is None:
        return running.fail(f"{host} still has requests in flight after {limit} s; it was not touched")
    if drained.outcome == "PASSED":
        running.advance(AttemptState.DRAINED)
    return drained


def _deregister(running: Running, report: HostReport) -> Outcome | None:
    """Deregister it, if it may be by now; it may have waited for long, and another host be down meanwhile.

    What allows it is looked at just before: the load balancer knows no conditions.
    """
    looked = _check_drain(running)
    if late := running.fenced():
        return late
    if looked.refusal:
        return running.fail(looked.refusal)
    if looked.state.in_rotation:
        running.record("drain")
        traffic_weights.stop_traffic(running.context, running.task.cluster, report.address)
        running.context.dispatcher.deregister(running.task.cluster, report.address, report.port)
    return None


def _left_rotation(running: Running, report: HostReport) -> Outcome | None:
    """Whether it is out of every target group; None while it is on its way."""
    context, cluster = running.context, running.task.cluster
    state = context.dispatcher.target(cluster, report.address)
    if state is TargetState.TEST_GROUP:  # it was on its way out of the main group, and is in another one too
        if late := running.fenced():
            return late  # in whose test bed it is
        traffic_weights.stop_traffic(context, cluster, report.address)
        context.dispatcher.deregister(cluster, report.address, report.port)
    return Outcome("PASSED") if state in (TargetState.ABSENT, TargetState.UNUSED) else None


class _DrainCheck(NamedTuple):
    """A host's state in the load balancer, and why it may not be drained, if it may not; seen at one moment."""

    state: TargetState
    refusal: str | None = None


def _check_drain(running: Running) -> _DrainCheck:
    """Whether enough others serve; it has no effect, as who looks may be overtaken."""
    context, cluster, host = running.context, running.task.cluster, running.host
    reports = context.fleet.reports(cluster)
    if host not in reports:
        return _DrainCheck(TargetState.ABSENT, f"{host} has no agent")
    attempts, questions = context.deployments.attempts_and_questions(running.deployment.id)
    # Two hosts of one step begin their attempts before they look, so that each counts the other as out.
    under_way = {a.host for a in attempts if not a.state.ended} - {host}
    seen = observe.rotation(context, cluster, reports)
    serving = {each: TargetState.DRAINING if each in under_way else state for each, state in seen.items()}
    members = frozenset(reports) - set(context.fleet.quarantined_hosts(cluster))
    out = hosts_left_out(attempts, questions) | set(running.deployment.skipped_hosts)
    floor = Floor.of(running.deployment.policy, members, out)
    return _DrainCheck(state_of(seen, host), refuse_drain(host, serving, floor))


def _await_ready(running: Running) -> Outcome:
    """Wait until the host has the version on its disk, checked; a damaged one is found before it is drained."""
    task, first = running.task, running.first
    if first and (first.epoch, first.attempt, first.stage) == (task.epoch, task.attempt, Stage.READY):
        return Outcome("PASSED")
    now = running.context.clock.now()
    turn = host_commands.prefetch(running.deployment, task.host, task.attempt, now, running.group)
    running.context.fleet.give_turns(task.cluster, [turn])
    return _await_agent(running, (Stage.READY,))[0]


@stage(needs=AttemptState.DRAINED, reaches=AttemptState.INSTALLED)
def install(running: Running) -> Outcome:
    """Give the host its turn, and wait until its service runs the new version."""
    running.record("install", running.target.version)
    now = running.context.clock.now()
    turn = host_commands.install(running.deployment, running.host, running.task.attempt, now, running.group)
    running.context.fleet.give_turns(running.task.cluster, [turn])
    outcome, _ = _await_agent(running, (Stage.SELF_TESTING, Stage.DONE))
    if outcome.outcome == "PASSED":
        running.advance(AttemptState.INSTALLED)
    return outcome


@stage(needs=AttemptState.INSTALLED, reaches=AttemptState.SELF_TESTED)
def self_test(running: Running) -> Outcome:
    """Wait for the host's self-test: it must pass for these bytes, on this start of the service."""
    outcome, report = _await_agent(running, (Stage.DONE,))
    if outcome.outcome != "PASSED":
        return outcome
    if wrong := _self_test_problem(running, report):
        return running.fail(wrong)
    running.advance(AttemptState.SELF_TESTED)
    return Outcome("PASSED")


def _await_agent(running: Running, enough: tuple[Stage, ...]) -> tuple[Outcome, HostReport | None]:
    """Wait until the agent reports one of these stages for this attempt, fails, or falls silent."""
    epoch, number, clock = running.task.epoch, running.task.attempt, running.context.clock
    report = running.first
    # What the guard read is new enough to go on with, but not to call an agent silent by.
    if report and (report.epoch, report.attempt) == (epoch, number) and report.stage in enough:
        return Outcome("PASSED"), report

    def look() -> Outcome | None:
        nonlocal report
        report = running.report()
        if report is None:
            return running.fail(f"{running.host} has no agent")
        if (report.epoch, report.attempt) == (epoch, number):
            if report.stage is Stage.FAILED:
                where = (report.failed_stage or Stage.FAILED).lower().replace("_", "-")
                evidence = f"{report.detail}\n{report.log_tail}".strip()
                return running.fail(
                    shorten(f"failed while {where}: {report.detail}", REASON, placeholder=" …"), evidence
                )
            if report.stage in enough:
                return Outcome("PASSED")
        if since := report.unreachable_since(clock.now(), running.context.heartbeat_timeout):
            reason = f"agent silent since {since:%Y-%m-%d %H:%M:%S} UTC, at {report.stage}"
            return running.fail(reason, report.log_tail, unreachable=True)
        return None

    found = wait_until(running, LONGEST_WAIT.total_seconds(), look)
    limit = LONGEST_WAIT.seconds
    late = f"{running.host} did not come to {enough[-1]} within {limit} s"
    return found or running.fail(late), report


def _self_test_problem(running: Running, report: HostReport | None) -> str | None:
    """Why the host may not get traffic, by this report; None when it may."""
    digest = running.target.digest
    if report is None or report.self_test is None:
        return f"{running.host} reports no self-test"
    test = report.self_test
    if report.digest != digest or test.digest != digest:
        return (
            f"expected digest {digest[:12]}, found {report.digest[:12]} installed, {test.digest[:12]} tested"
        )
    if not report.running or test.boot != report.boot:
        return f"the service of {running.host} has stopped or restarted since its self-test"
    return None if test.passed else f"self-test failed: {test.detail}"


@stage(needs=AttemptState.SELF_TESTED, reaches=AttemptState.REGISTERED)
def register(running: Running) -> Outcome:
    """Put the host back into rotation, if what it runs now is what passed the self-test."""
    report = running.first
    if (wrong := _self_test_problem(running, report)) or report is None:
        return running.fail(wrong or f"{running.host} has no agent")
    running.record("register")
    if late := running.fenced():
        return late
    running.context.dispatcher.register(running.task.cluster, report.address, report.port, running.group)
    running.advance(AttemptState.REGISTERED)
    return Outcome("PASSED")


@stage(needs=AttemptState.REGISTERED, reaches=AttemptState.ALIVE)
def await_alive(running: Running) -> Outcome:
    """Wait until the load balancer finds the host healthy; take it out again when it does not."""
    context, cluster, report = running.context, running.task.cluster, running.first
    if report is None:
        return running.fail(f"{running.host} has no agent")
    wanted = TargetState.HEALTHY if running.group is Group.MAIN else TargetState.TEST_GROUP
    last = TargetState.ABSENT

    def look() -> Outcome | None:
        nonlocal last
        last = context.dispatcher.target(cluster, report.address)
        return Outcome("PASSED") if last is wanted else None

    limit = running.deployment.policy.alive_seconds
    alive = wait_until(running, limit, look)
    wrong = _self_test_problem(running, running.report()) if alive else None
    if alive is None or wrong:
        return running.fenced() or _undo_registration(
            running, report, wrong or f"not alive behind the load balancer within {limit} s: it is {last}"
        )
    if running.group is not Group.MAIN:
        if late := running.fenced():
            return late
        traffic_weights.rebalance(context, cluster)
    running.record("alive")
    running.advance(AttemptState.ALIVE)
    return Outcome("PASSED")


def _undo_registration(running: Running, report: HostReport, why: str) -> Outcome:
    running.record("drain", why)
    traffic_weights.stop_traffic(running.context, running.task.cluster, report.address)
    running.context.dispatcher.deregister(running.task.cluster, report.address, report.port)
    return running.fail(why, report.log_tail)
