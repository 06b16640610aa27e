"""Phase 6, one host's chain: drain, install, self-test, register, await alive.

Each is called by functions/<stage> as a task of the inline Map in statemachines/rollout.asl.json. A stage
first re-reads the records: it does nothing when its epoch was overtaken, when the attempt has failed, or when
it was done before. So it may be repeated at any point, and no Choice state is needed between two stages.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from lifecycle.application import observe
from lifecycle.application.plan import TURN_LASTS
from lifecycle.application.world import World
from lifecycle.domain.capacity import Floor, TargetState, refuse_drain, state_of
from lifecycle.domain.deployment import AttemptState, Deployment, HostAttempt, TrailEntry
from lifecycle.domain.fleet import Cluster, HostReport, Order, Stage, Turn
from lifecycle.domain.rollout import given_up

_REACHED = list(AttemptState)
# A stage that waits longer than a Lambda may run would be killed in the middle.
LONGEST_WAIT = timedelta(seconds=840)


@dataclass(frozen=True, slots=True)
class HostTask:
    """One host's turn in one deployment, as the state machine names it."""

    cluster: Cluster
    deployment: str
    epoch: int
    host: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """PASSED, FAILED, SKIPPED (failed or done before) or STALE; the record of the attempt is the truth."""

    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A stage at work: its world, its deployment and its attempt."""

    world: World
    deployment: Deployment
    attempt: HostAttempt
    task: HostTask

    @property
    def host(self) -> str:
        return self.task.host

    def advance(self, state: AttemptState) -> None:
        now = self.world.clock.now()
        finished = now if state.ended else None
        self.world.deployments.put_attempt(
            replace(self.attempt, state=state, reached=state, finished_at=finished)
        )

    def fail(self, reason: str, evidence: str = "") -> Outcome:
        """Close the attempt; the host stays as it is, out of rotation once it was drained."""
        self.tell("failed", reason)
        self.world.deployments.put_attempt(
            replace(
                self.attempt,
                state=AttemptState.FAILED,
                reached=self.attempt.state,
                reason=reason,
                evidence=evidence,
                finished_at=self.world.clock.now(),
            )
        )
        return Outcome("FAILED", reason)

    def tell(self, what: str, why: str = "") -> None:
        entry = TrailEntry(
            at=self.world.clock.now(),
            cluster=str(self.task.cluster),
            what=what,
            who="lifecycle",
            why=why,
            deployment=self.deployment.id,
            host=self.host,
        )
        self.world.trail.append(entry)

    def report(self) -> HostReport | None:
        return self.world.fleet.report(self.task.cluster, self.host)

    def overtaken(self) -> bool:
        lease = self.world.leases.current(self.task.cluster)
        return (lease.deployment, lease.epoch) != (self.deployment.id, self.task.epoch)


def stage(
    needs: AttemptState, reaches: AttemptState
) -> Callable[[Callable[[Running], Outcome]], Callable[[World, HostTask, str], Outcome]]:
    """Guard a stage: it runs only under the current epoch, once, after the stage that it needs."""

    def guard(run: Callable[[Running], Outcome]) -> Callable[[World, HostTask, str], Outcome]:
        def guarded(world: World, task: HostTask, execution: str) -> Outcome:
            current = observe.deployment(world, task.cluster, task.deployment)
            attempt = _attempt(world, task) or _begun(world, task, execution, needs)
            if attempt is None:
                return Outcome("SKIPPED", f"no attempt {task.attempt} of {task.host} has begun")
            running = Running(world, current, attempt, task)
            if running.overtaken():
                return Outcome("STALE", f"epoch {task.epoch} was overtaken")
            if attempt.state is AttemptState.FAILED:
                return Outcome("SKIPPED", attempt.reason)
            if _REACHED.index(attempt.state) >= _REACHED.index(reaches):
                return Outcome("PASSED", f"{attempt.state} already")
            if attempt.state is not needs:
                return running.fail(f"expected {task.host} to be {needs}, found {attempt.state}")
            return run(running)

        return guarded

    return guard


def _attempt(world: World, task: HostTask) -> HostAttempt | None:
    tries = world.deployments.attempts(task.deployment)
    return next((a for a in tries if (a.host, a.number) == (task.host, task.attempt)), None)


def _begun(world: World, task: HostTask, execution: str, needs: AttemptState) -> HostAttempt | None:
    """The record of a new attempt, which only the first stage may begin."""
    if needs is not AttemptState.STARTED:
        return None
    now = world.clock.now()
    attempt = HostAttempt(task.deployment, task.host, task.attempt, task.epoch, execution, now)
    world.deployments.put_attempt(attempt)
    return attempt


def _wait(running: Running, seconds: float, look: Callable[[], Outcome | None]) -> Outcome | None:
    """Look until there is an outcome or the time is over; None when it is over."""
    clock = running.world.clock
    until = clock.now() + min(timedelta(seconds=seconds), LONGEST_WAIT)
    while (outcome := look()) is None and clock.now() < until:
        clock.sleep(running.world.poll_seconds)
    return outcome


@stage(needs=AttemptState.STARTED, reaches=AttemptState.DRAINED)
def drain(running: Running) -> Outcome:
    """Take the host out of rotation and wait until its requests in flight have ended."""
    world, cluster, host = running.world, running.task.cluster, running.host
    reports = world.fleet.reports(cluster)
    if (report := reports.get(host)) is None:
        return running.fail(f"{host} has no agent")
    seen = observe.rotation(world, cluster, reports)
    if refusal := refuse_drain(host, seen, _floor(running, frozenset(reports))):
        return running.fail(refusal)
    if state_of(seen, host).in_rotation:
        running.tell("drain")
        world.dispatcher.deregister(cluster, report.address, report.port)

    def look() -> Outcome | None:
        state = world.dispatcher.targets(cluster).get(report.address, TargetState.ABSENT)
        return Outcome("PASSED") if state in (TargetState.ABSENT, TargetState.UNUSED) else None

    limit = running.deployment.policy.drain_seconds + 30
    if _wait(running, limit, look) is None:
        return running.fail(f"{host} still has requests in flight after {limit} s; it was not touched")
    running.advance(AttemptState.DRAINED)
    return Outcome("PASSED")


def _floor(running: Running, members: frozenset[str]) -> Floor:
    deployments, name = running.world.deployments, running.deployment.id
    out = given_up(tuple(deployments.attempts(name)), tuple(deployments.questions(name)))
    return Floor(members, running.deployment.policy.max_unavailable, out)


@stage(needs=AttemptState.DRAINED, reaches=AttemptState.INSTALLED)
def install(running: Running) -> Outcome:
    """Give the host its turn, and wait until its service runs the new version."""
    target, now = running.deployment.target, running.world.clock.now()
    running.tell("install", target.version)
    turn = Turn(
        host=running.host,
        order=Order.INSTALL,
        deployment=running.deployment.id,
        epoch=running.task.epoch,
        attempt=running.task.attempt,
        version=target.version,
        digest=target.digest,
        issued_at=now,
        expires_at=now + TURN_LASTS,
    )
    running.world.fleet.give_turns(running.task.cluster, [turn])
    outcome = _await_agent(running, turn, (Stage.SELF_TESTING, Stage.DONE))
    if outcome.outcome == "PASSED":
        running.advance(AttemptState.INSTALLED)
    return outcome


@stage(needs=AttemptState.INSTALLED, reaches=AttemptState.SELF_TESTED)
def self_test(running: Running) -> Outcome:
    """Wait for the host's self-test: it must pass for these bytes, on this start of the service."""
    outcome = _await_agent(running, None, (Stage.DONE,))
    if outcome.outcome != "PASSED":
        return outcome
    if wrong := _not_tested(running):
        return running.fail(wrong)
    running.advance(AttemptState.SELF_TESTED)
    return Outcome("PASSED")


def _await_agent(running: Running, turn: Turn | None, enough: tuple[Stage, ...]) -> Outcome:
    """Wait until the agent reports one of these stages for this turn, fails, or falls silent."""
    epoch, number, clock = running.task.epoch, running.task.attempt, running.world.clock

    def look() -> Outcome | None:
        report = running.report()
        if report is None:
            return running.fail(f"{running.host} has no agent")
        if (report.epoch, report.attempt) == (epoch, number):
            if report.stage is Stage.FAILED:
                where = (report.failed_stage or Stage.FAILED).lower().replace("_", "-")
                return running.fail(f"{where} failed: {report.detail}", report.log_tail)
            if report.stage in enough:
                return Outcome("PASSED")
        if since := report.silent_since(clock.now(), running.world.patience):
            return running.fail(
                f"agent silent since {since:%H:%M:%S} UTC, at {report.stage}", report.log_tail
            )
        return None

    found = _wait(running, LONGEST_WAIT.total_seconds(), look)
    what = "begin its turn" if turn else "end its self-test"
    return found or running.fail(f"{running.host} did not {what} within {LONGEST_WAIT.seconds} s")


def _not_tested(running: Running) -> str | None:
    """Why the host may not get traffic, by its latest report; None when it may."""
    report, digest = running.report(), running.deployment.target.digest
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
    report = running.report()
    if (wrong := _not_tested(running)) or report is None:
        return running.fail(wrong or f"{running.host} has no agent")
    running.tell("register")
    running.world.dispatcher.register(running.task.cluster, report.address, report.port)
    running.advance(AttemptState.REGISTERED)
    return Outcome("PASSED")


@stage(needs=AttemptState.REGISTERED, reaches=AttemptState.ALIVE)
def await_alive(running: Running) -> Outcome:
    """Wait until the load balancer finds the host healthy; take it out again when it does not."""
    world, cluster, report = running.world, running.task.cluster, running.report()
    if report is None:
        return running.fail(f"{running.host} has no agent")
    last = TargetState.ABSENT

    def look() -> Outcome | None:
        nonlocal last
        last = world.dispatcher.targets(cluster).get(report.address, TargetState.ABSENT)
        return Outcome("PASSED") if last is TargetState.HEALTHY else None

    limit = running.deployment.policy.alive_seconds
    alive = _wait(running, limit, look)
    if alive is None or (wrong := _not_tested(running)):
        reason = wrong if alive else f"not alive behind the load balancer within {limit} s: it is {last}"
        running.tell("drain", reason or "")
        world.dispatcher.deregister(cluster, report.address, report.port)
        return running.fail(reason or "", report.log_tail)
    running.advance(AttemptState.ALIVE)
    running.tell("alive")
    return Outcome("PASSED")
