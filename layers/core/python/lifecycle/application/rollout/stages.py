"""The stages of one host's update: drain, install, self-test, register, await alive.

Each is called by functions/rollout/<stage>, a task of the inline Map in statemachines/rollout.asl.json. The
guard in application/rollout/stage_guard.py runs first.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from textwrap import shorten
from typing import NamedTuple

from lifecycle.application.rollout import host_commands, observe
from lifecycle.application.rollout.drain_check import state_if_enough_serve
from lifecycle.application.rollout.settle import settle
from lifecycle.application.rollout.stage_guard import LONGEST_WAIT, Outcome, Running, stage, wait_until
from lifecycle.application.rollout.take_out import take_out
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.application.rollout.untested_hosts import failed_drained, take_out_untested
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.host import AgentStage, HostReport, UnreadableReport, unreachable_among
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.fleet.liveness import Heard
from lifecycle.domain.fleet.target_group import Group, TargetState, state_of
from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.capacity import Floor, refuse_drain, without_dead
from lifecycle.domain.rollout.decision import hosts_left_out, latest_attempts
from lifecycle.domain.rollout.deployment import Kind
from lifecycle.domain.rollout.fallen import fall_blame
from lifecycle.domain.rollout.shared_fault import unhealthy_together

# A reason fills one line of a table. A host's full output goes into the evidence.
REASON = 200
# Seconds between two checks of a host that must stay alive for longer.
_CHECKED_EVERY = 30.0


@stage(needs=AttemptState.STARTED, reaches=AttemptState.DRAINED)
def drain(running: Running) -> Outcome:
    """Take the host out of rotation and wait until its requests in flight have ended."""
    host = running.host
    report = running.first
    if report is None or not report.is_ready(running.task.epoch, running.task.attempt):
        # A host that is ready is checked right before the effect only, since nothing is waited for.
        if blocker := _check_drain(running).blocker:
            return running.fail(blocker)
        ready, report = _await_ready(running)
        if ready.outcome != "PASSED":
            return ready
    if report is None:
        return running.fail(f"{host} has no agent")
    if stopped := _contested(running, report) or _deregister(running, report):
        return stopped
    left_at = running.context.clock.now()
    limit = running.deployment.policy.drain_seconds + 30
    drained = wait_until(running, limit, lambda: _left_rotation(running, report))
    if drained is None:
        waited = min(limit, LONGEST_WAIT.seconds)
        drained = running.fail(
            f"{host} is out of rotation and still draining after {waited} s: requests are in flight; "
            "nothing was installed on it"
        )
    if drained.outcome == "PASSED":
        settle(running.context, running.deployment, report, left_at)
        drained = running.advance(AttemptState.DRAINED)
    return drained


def _contested(running: Running, report: HostReport) -> Outcome | None:
    """Fail the attempt on a host that reports another host's address: its drain would take out that one.

    A host whose service runs and passed its self-test is not compared with the others: it serves at its address.
    """
    if report.has_passed(report.digest):
        return None
    found = running.context.fleet.reports(running.task.cluster).get(running.host)
    return running.fail(found.why, unreachable=True) if isinstance(found, UnreadableReport) else None


def _deregister(running: Running, report: HostReport) -> Outcome | None:
    """Deregister the host if capacity still allows it: another host may have gone down during the wait.

    The check comes right before the effect, since the load balancer has no conditional writes.
    """
    check = _check_drain(running)
    if stopped := running.fenced():
        return stopped
    if check.blocker:
        return running.fail(check.blocker)
    if check.state.in_rotation:
        running.record("drain")
        traffic_weights.stop_traffic(running.context, running.task.cluster, report.address)
        # HEALTHY is a state in the main group only; another group is looked at once the host has left that one.
        group = Group.MAIN if check.state is TargetState.HEALTHY else None
        running.context.dispatcher.deregister(running.task.cluster, report.address, report.port, group)
    return None


def _left_rotation(running: Running, report: HostReport) -> Outcome | None:
    """Return PASSED once the host is out of every target group; None while it is draining."""
    context, cluster = running.context, running.task.cluster
    state = context.dispatcher.target(cluster, report.address)
    if state.in_rotation:  # it has left the main group, but is in another one, or has another port there
        if stopped := running.fenced():
            return stopped  # the test bed belongs to another deployment
        running.record("drain", f"it is still {state.in_words}")
        traffic_weights.stop_traffic(context, cluster, report.address)
        context.dispatcher.deregister(cluster, report.address)
    return Outcome("PASSED") if state in (TargetState.ABSENT, TargetState.UNUSED) else None


class _DrainCheck(NamedTuple):
    """A host's state in the load balancer and what keeps it from being drained, both read at the same time."""

    state: TargetState
    blocker: str | None = None


def _check_drain(running: Running) -> _DrainCheck:
    """Check that enough other hosts serve. It changes nothing, since the caller may be fenced."""
    context, cluster, host = running.context, running.task.cluster, running.host
    if state := state_if_enough_serve(context, running.deployment, host, running.task.attempt):
        return _DrainCheck(state)
    reports = context.fleet.reports(cluster)
    if host not in reports:
        return _DrainCheck(TargetState.ABSENT, f"{host} has no agent")
    attempts, questions = context.deployments.attempts_and_questions(running.deployment.id)
    # Two hosts of one step record their attempts before this check, so each counts the other as draining.
    under_way = {each for each, a in latest_attempts(attempts).items() if not a.state.ended} - {host}
    rotation = observe.rotation(context, cluster, reports)
    unreachable = unreachable_among(reports, context.clock.now(), context.heartbeat_timeout)
    answering = without_dead(rotation, reports, unreachable)
    serving = {each: TargetState.DRAINING if each in under_way else state for each, state in answering.items()}
    members = frozenset(reports) - set(context.fleet.quarantined_hosts(cluster))
    skipped = hosts_left_out(attempts, questions) | set(running.deployment.skipped_hosts)
    policy, target = running.deployment.policy, running.deployment.target
    floor = Floor.of(policy, members, skipped)
    blocker = refuse_drain(host, serving, floor)
    if blocker and (ends := _ends(running, reports)):
        blocker = f"{blocker}; {ends}"
    if running.deployment.request.kind is Kind.CONVERGE and host in unhealthy_together(
        reports, rotation, members - skipped, target.digest, policy.max_unavailable, unreachable
    ):
        blocker = f"{host} became unhealthy together with others: a shared dependency? It stays in rotation"
    return _DrainCheck(state_of(rotation, host), blocker)


def _ends(running: Running, reports: Mapping[str, HostReport]) -> str:
    """Return how the services of other hosts ended, which is the reason for most refused drains."""
    target = running.deployment.target.version
    ended = [
        f"{name}: {report.ended.in_words} on {report.installed}"
        + ("" if report.installed == target else ", the version from before")
        for name, report in sorted(reports.items())
        if report.ended and name != running.host
    ]
    return listed(ended, 4, separator="; ")


def _await_ready(running: Running) -> tuple[Outcome, HostReport | None]:
    """Wait until the host has fetched and checked the version, so a damaged artifact is found before the drain."""
    task, now = running.task, running.context.clock.now()
    turn = host_commands.prefetch(running.deployment, task.host, task.attempt, now, running.group)
    turn = replace(turn, leaving=True)
    return _command(running, turn, (AgentStage.READY,))


@stage(needs=AttemptState.DRAINED, reaches=AttemptState.INSTALLED)
def install(running: Running) -> Outcome:
    """Give the host the command to install, and wait until its service runs the new version."""
    running.record("install", running.target.version)
    now = running.context.clock.now()
    turn = host_commands.install(running.deployment, running.host, running.task.attempt, now, running.group)
    outcome, _ = _command(running, turn, (AgentStage.SELF_TESTING, AgentStage.DONE))
    return running.advance(AttemptState.INSTALLED) if outcome.outcome == "PASSED" else outcome


def _command(running: Running, turn: Turn, enough: tuple[AgentStage, ...]) -> tuple[Outcome, HostReport | None]:
    """Give the host a command, and wait for one of these stages; a host that will not act on it fails at once."""
    if refused := running.command(turn):
        return refused, running.first
    return _await_agent(running, enough, turn)


@stage(needs=AttemptState.INSTALLED, reaches=AttemptState.SELF_TESTED)
def self_test(running: Running) -> Outcome:
    """Wait for the host's self-test. It must pass for these bytes and for this start of the service."""
    outcome, report = _await_agent(running, (AgentStage.DONE,))
    if outcome.outcome != "PASSED":
        return outcome
    if problem := _self_test_problem(running, report):
        return running.fail(problem)
    return running.advance(AttemptState.SELF_TESTED)


def _await_agent(
    running: Running, enough: tuple[AgentStage, ...], turn: Turn | None = None
) -> tuple[Outcome, HostReport | None]:
    """Wait until the agent reports one of these stages for this attempt, reports a failure, or is unreachable."""
    epoch, number, clock = running.task.epoch, running.task.attempt, running.context.clock
    report, heard = running.first, Heard()
    # The guard's report is recent enough to continue with, but not to call an agent unreachable.
    if report and (report.epoch, report.attempt) == (epoch, number) and report.stage in enough:
        return Outcome("PASSED"), report

    def poll() -> Outcome | None:  # noqa: PLR0911 (one for each thing that a report may show)
        nonlocal report
        report = running.report()
        if report is None:
            return running.fail(f"{running.host} has no agent")
        if isinstance(report, UnreadableReport):
            return running.fail(report.why, unreachable=True)
        if turn and (fenced := report.fences(turn)):
            return running.fenced() or running.fail(fenced)
        if (report.epoch, report.attempt) == (epoch, number):
            if report.stage is AgentStage.FAILED:
                where = (report.failed_stage or AgentStage.FAILED).lower().replace("_", "-")
                evidence = f"{report.detail}\n{report.log_tail}".strip()
                return running.fail(
                    shorten(f"failed while {where}: {report.detail}", REASON, placeholder=" …"), evidence
                )
            if report.stage in enough:
                return Outcome("PASSED")
        if since := heard.silent_since(report, clock.now(), running.context.heartbeat_timeout):
            reason = f"agent unreachable since {since:%Y-%m-%d %H:%M:%S} UTC, at {report.stage}"
            return running.fail(reason, report.log_tail, unreachable=True)
        return None

    found = wait_until(running, LONGEST_WAIT.total_seconds(), poll)
    return found or running.fail(_not_reached(running, report, enough[-1])), report


def _not_reached(running: Running, report: HostReport | None, wanted: AgentStage) -> str:
    skew = report.clock_problem(running.context.clock.now()) if report else ""
    timeout = f"{running.host} did not reach {wanted} within {LONGEST_WAIT.seconds} s"
    return f"{timeout}; {skew}" if skew else timeout


def _self_test_problem(running: Running, report: HostReport | None) -> str | None:
    """Return why this report keeps the host from getting traffic; None if it passed its self-test."""
    digest = running.target.digest
    if report is None or report.self_test is None:
        return f"{running.host} reports no self-test"
    test = report.self_test
    if report.digest != digest or test.digest != digest:
        return f"expected digest {digest[:12]}, found {report.digest[:12]} installed, {test.digest[:12]} tested"
    if report.config != running.target.config:
        found, wanted = report.config or "none", running.target.config or "none"
        return f"expected config {wanted}, found {found}: an agent of before knows no configuration, so update it"
    if not report.running or test.boot != report.boot:
        return f"the service of {running.host} has stopped or restarted since its self-test"
    return None if test.passed else f"self-test failed: {test.detail}"


@stage(needs=AttemptState.SELF_TESTED, reaches=AttemptState.REGISTERED)
def register(running: Running) -> Outcome:
    """Put the host back into rotation, if it still runs exactly what passed the self-test."""
    report = running.first
    if (problem := _self_test_problem(running, report)) or report is None:
        return running.fail(problem or f"{running.host} has no agent")
    if running.repeated and _is_registered(running, report):
        return running.advance(AttemptState.REGISTERED)
    running.record("register")
    if stopped := running.fenced():
        return stopped
    running.context.dispatcher.register(running.task.cluster, report.address, report.port, running.group)
    return running.advance(AttemptState.REGISTERED)


def _is_registered(running: Running, report: HostReport) -> bool:
    """Return whether a registration has happened whose answer was lost."""
    return any(
        (each.address, each.port, each.group) == (report.address, report.port, running.group)
        and each.state.in_rotation
        for each in running.context.dispatcher.registered(running.task.cluster)
    )


def _keep_out(running: Running) -> None:
    """Take the host of a failed attempt out again, if a call that hung has registered it since its drain."""
    report = running.first
    if not failed_drained(running.attempt) or report is None or isinstance(report, UnreadableReport):
        return
    with suppress(LifecycleError):  # the attempt has failed already, and convergence looks again
        state = running.context.dispatcher.target(running.task.cluster, report.address)
        take_out_untested(running.context, running.deployment, {running.host: report}, {running.host: state})


@stage(needs=AttemptState.REGISTERED, reaches=AttemptState.ALIVE, after_failure=_keep_out)
def await_alive(running: Running) -> Outcome:
    """Wait until the load balancer reports the host healthy; deregister it again if that takes too long."""
    context, cluster, report = running.context, running.task.cluster, running.first
    if report is None:
        return running.fail(f"{running.host} has no agent")
    wanted = TargetState.HEALTHY if running.group is Group.MAIN else TargetState.TEST_GROUP
    last = TargetState.ABSENT

    def poll() -> Outcome | None:
        nonlocal last
        last = context.dispatcher.target(cluster, report.address)
        if last.fails and (now := running.report()) and now.ended:
            return Outcome("PASSED")  # its report is judged below: nothing is left to wait for
        return Outcome("PASSED") if last is wanted else None

    limit = running.deployment.policy.alive_seconds
    alive = wait_until(running, limit, poll)
    problem = _alive_problem(running, wanted) if alive else _Problem(_not_alive(running, report, last), report)
    if problem:
        return running.fenced() or _undo_registration(running, report, problem)
    if running.group is not Group.MAIN:
        if stopped := running.fenced():
            return stopped
        traffic_weights.rebalance(context, cluster)
    running.record("alive")
    return running.advance(AttemptState.ALIVE)


class _Problem(NamedTuple):
    """The reason why a host is not alive, and the report that shows it."""

    why: str
    report: HostReport | None


def _alive_problem(running: Running, wanted: TargetState) -> _Problem | None:
    """Return why the host does not stay alive for the policy's time; None if it does.

    A repair does not wait: its version was alive before, and convergence backs off where it is not any more.
    """
    context, policy = running.context, running.deployment.policy
    waits = running.group is Group.MAIN and running.deployment.request.kind is not Kind.CONVERGE
    lasting = context.minute * (policy.min_alive_seconds / 60 if waits else 0)
    until = context.clock.now() + lasting
    problem: _Problem | None = None

    def poll() -> Outcome | None:
        nonlocal problem
        report = running.report()
        why = _self_test_problem(running, report)
        if why is None and lasting and report:
            state = context.dispatcher.target(running.task.cluster, report.address)
            why = None if state is wanted else f"alive, but soon after it was {state.in_words}"
        if why:
            ended = f": {report.ended.in_words}" if report and report.ended else ""
            problem = _Problem(f"{why}{ended}", report)
        return Outcome("PASSED")

    while (left := (until - context.clock.now()).total_seconds()) > 0:
        context.clock.sleep(min(left, _CHECKED_EVERY))
        if left > _CHECKED_EVERY and (now := running.report()) and now.ended:
            break
    # The last poll of a wait raises what it meets.
    _ = wait_until(running, policy.alive_seconds, poll)  # `problem` has the result
    return problem


def _not_alive(running: Running, report: HostReport, last: TargetState) -> str:
    """Say which URL the load balancer has checked and what it has found there, if it answers."""
    dispatcher, cluster = running.context.dispatcher, running.task.cluster
    limit = running.deployment.policy.alive_seconds
    text = f"not alive behind the load balancer within {limit} s: it is {last}"
    try:
        found = dispatcher.check_failure(cluster, report.address, running.group)
        if (path := dispatcher.health_path(cluster)) is None and not dispatcher.has_load_balancer(cluster):
            return f"not alive within {limit} s: it is {last.in_words}" + (f": {found}" if found else "")
        url = f"http://{report.address}:{report.port}{path or '/'}"
    except LifecycleError:
        return text  # the host is taken out of rotation next, which must not depend on a reason
    return f"{text}; GET {url}: {found}" if found else f"{text}; GET {url}"


def _undo_registration(running: Running, report: HostReport, problem: _Problem) -> Outcome:
    """Take the host out of rotation again. A service that ended by itself after its self-test needs no diagnosis."""
    running.record("drain", problem.why)
    if stopped := take_out(running, report.address):
        return stopped
    found = problem.report
    if found and found.ended:
        log = found.ended.log_tail or found.log_tail
        return running.fail(problem.why, log, blame=fall_blame(running.target.version, found))
    return running.fail(problem.why, report.log_tail)
