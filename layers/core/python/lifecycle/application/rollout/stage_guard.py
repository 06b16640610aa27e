"""One try on one host: the guard that every stage stands behind, and what a stage may do to the records.

A stage first re-reads the records: it does nothing when its epoch was overtaken, when the attempt has failed, or
when it was done before. So it may be repeated at any point, and no Choice state is needed between two stages
(docs/adr/0001).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from lifecycle.application.context import Context
from lifecycle.application.rollout import observe
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.hosts import target_of
from lifecycle.domain.service.target import Target

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
    group: Group = Group.MAIN


@dataclass(frozen=True, slots=True)
class Outcome:
    """PASSED, FAILED, SKIPPED (failed or done before) or STALE; the record of the attempt is the truth."""

    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A stage at work: its world, its deployment and its attempt."""

    context: Context
    deployment: Deployment
    attempt: HostAttempt
    task: HostTask
    first: HostReport | None  # the host's report, as the guard read it with the records

    @property
    def host(self) -> str:
        return self.task.host

    @property
    def group(self) -> Group:
        """Where the host registers; the record of the attempt says it, whatever the call says."""
        return self.attempt.group

    @property
    def target(self) -> Target:
        return target_of(self.deployment, self.group)

    def advance(self, state: AttemptState) -> None:
        now = self.context.clock.now()
        finished = now if state.ended else None
        self.context.deployments.put_attempt(
            replace(self.attempt, state=state, reached=state, finished_at=finished)
        )

    def fail(self, reason: str, evidence: str = "", *, unreachable: bool = False) -> Outcome:
        """Close the attempt; the host stays as it is, out of rotation once it was drained."""
        self.record("failed", reason)
        self.context.deployments.put_attempt(
            replace(
                self.attempt,
                state=AttemptState.FAILED,
                reached=self.attempt.state,
                reason=reason,
                evidence=evidence,
                finished_at=self.context.clock.now(),
                unreachable=unreachable,
            )
        )
        return Outcome("FAILED", reason)

    def record(self, what: str, why: str = "") -> None:
        self.context.record(
            self.task.cluster, what, "lifecycle", why, deployment=self.deployment.id, host=self.host
        )

    def fenced(self) -> Outcome | None:
        """Look again, after a wait and before an effect: what became of this attempt meanwhile, if it is over."""
        now = self.context.step_reads.of_host(
            self.task.cluster, self.task.deployment, self.host, self.task.attempt
        )
        if not now.lease.is_held_by(self.deployment.id, self.task.epoch):
            return Outcome("STALE", f"epoch {self.task.epoch} was overtaken")
        if now.attempt is None or now.attempt.state is not self.attempt.state:
            return Outcome("SKIPPED", "another call went on with this attempt, or gave it up")
        return None

    def report(self) -> HostReport | None:
        return self.context.fleet.report(self.task.cluster, self.host)


def stage(
    needs: AttemptState, reaches: AttemptState
) -> Callable[[Callable[[Running], Outcome]], Callable[[Context, HostTask, str], Outcome]]:
    """Guard a stage: it runs only under the current epoch, once, after the stage that it needs."""

    def guard(run: Callable[[Running], Outcome]) -> Callable[[Context, HostTask, str], Outcome]:
        def guarded(context: Context, task: HostTask, execution: str) -> Outcome:
            standing = context.step_reads.of_host(task.cluster, task.deployment, task.host, task.attempt)
            if (current := standing.deployment) is None:
                raise observe.unknown(task.cluster, task.deployment)
            if not standing.lease.is_held_by(current.id, task.epoch):
                return Outcome("STALE", f"epoch {task.epoch} was overtaken")
            attempt = standing.attempt or _new_attempt(context, task, execution, needs)
            if attempt is None:
                return Outcome("SKIPPED", f"no attempt {task.attempt} of {task.host} has begun")
            running = Running(context, current, attempt, task, standing.report)
            return _finished_before(running, needs, reaches) or _run(running, run)

        return guarded

    return guard


def _finished_before(running: Running, needs: AttemptState, reaches: AttemptState) -> Outcome | None:
    """The outcome of a stage that has nothing to do any more, or must not be done yet."""
    attempt = running.attempt
    if attempt.state is AttemptState.FAILED:
        return Outcome("SKIPPED", attempt.reason)
    if _REACHED.index(attempt.state) >= _REACHED.index(reaches):
        return Outcome("PASSED", f"{attempt.state} already")
    if attempt.state is not needs:
        return running.fail(f"expected {running.host} to be {needs}, found {attempt.state}")
    return None


def _run(running: Running, run: Callable[[Running], Outcome]) -> Outcome:
    """Run a stage; where a store refuses, the operator gets its words."""
    try:
        return run(running)
    except LifecycleError as error:
        return running.fail(str(error))


def _new_attempt(context: Context, task: HostTask, execution: str, needs: AttemptState) -> HostAttempt | None:
    """The record of a new attempt, which only the first stage may begin."""
    if needs is not AttemptState.STARTED:
        return None
    now = context.clock.now()
    attempt = HostAttempt(
        task.deployment, task.host, task.attempt, task.epoch, execution, now, group=task.group
    )
    context.deployments.put_attempt(attempt)
    return attempt


def wait_until(running: Running, seconds: float, look: Callable[[], Outcome | None]) -> Outcome | None:
    """Look until there is an outcome or the time is over; None when it is over."""
    clock = running.context.clock
    until = clock.now() + min(timedelta(seconds=seconds), LONGEST_WAIT)
    while (outcome := look()) is None and clock.now() < until:
        clock.sleep(running.context.poll_seconds)
    return outcome
