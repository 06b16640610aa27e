"""The guard around each stage of one attempt on one host, and the records that a stage may change.

Used by stages.py, and by the other calls that act for one host. A stage first reads the records again. It
does nothing when its epoch is fenced, when the attempt has failed, or when the stage was done before. So it
may be repeated at any point, and the state machine needs no Choice state between two stages (docs/adr/0001).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.application.polling import answered, longest_pause, pauses, poll_until
from lifecycle.application.rollout import host_commands, observe
from lifecycle.domain.errors import CallFailed, LifecycleError, StaleEpoch
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.lease import RUNNING_LEASE, Lease, UnreadableLease
from lifecycle.domain.rollout.test_bed.hosts import target_of
from lifecycle.domain.service.host_count import at_most
from lifecycle.domain.service.target import Target

_ORDER = list(AttemptState)
# Lambda kills a stage that waits longer than a function may run. It is repeated until then while AWS cannot answer.
LONGEST_WAIT = timedelta(seconds=840)


@dataclass(frozen=True, slots=True)
class HostTask:
    """One attempt on one host of a deployment, as the state machine names it."""

    cluster: Cluster
    deployment: str
    epoch: int
    host: str
    attempt: int
    group: Group = Group.MAIN


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a call: PASSED, FAILED, SKIPPED (failed or done before) or STALE.

    It is for people and logs: decisions read the record of the attempt.
    """

    outcome: str
    reason: str = ""


_CONTINUED = Outcome("SKIPPED", "another call has continued or closed this attempt")


def stale(epoch: int, lease: Lease) -> Outcome:
    """Return the outcome of a call whose deployment does not hold the lease any more."""
    if isinstance(lease, UnreadableLease):
        return Outcome("STALE", lease.why)
    if lease.epoch < epoch:
        holder = lease.deployment or "nobody"
        found = f"the lease is at epoch {lease.epoch} ({holder}), and this deployment has epoch {epoch}"
        return Outcome("STALE", f"{found}: it was deleted or set back, so this deployment takes it again or ends")
    return Outcome("STALE", f"epoch {epoch} is fenced: the lease is at epoch {lease.epoch}")


def renew_for_a_call(context: Context, cluster: Cluster, lease: Lease) -> Outcome | None:
    """Renew a lease that one call to the load balancer could outlast; returns an outcome if it was taken.

    Such a call would take effect while another deployment updates the same host.
    """
    now = context.clock.now()
    if lease.outlasts_a_call(now):
        return None
    try:
        _ = context.leases.renew(cluster, lease, now + RUNNING_LEASE)  # the next check reads it again
    except StaleEpoch:
        return stale(lease.epoch, context.leases.current(cluster))
    return None


@dataclass(frozen=True, slots=True)
class Running:
    """A running stage: its context, deployment and attempt.

    `first` is the host's report that the guard read together with the records. `deadline` is when the stage must end.
    `repeated`: AWS could not answer before, so an effect may have happened already.
    """

    context: Context
    deployment: Deployment
    attempt: HostAttempt
    task: HostTask
    first: HostReport | None
    deadline: datetime
    repeated: bool = False

    @property
    def host(self) -> str:
        return self.task.host

    @property
    def group(self) -> Group:
        """The target group of the host: the attempt's record decides, not the call."""
        return self.attempt.group

    @property
    def target(self) -> Target:
        return target_of(self.deployment, self.group)

    def advance(self, state: AttemptState) -> Outcome:
        """Record the progress of the attempt; SKIPPED if another call has recorded more."""
        now = self.context.clock.now()
        finished = now if state.ended else None
        moved = replace(self.attempt, state=state, reached=state, finished_at=finished)
        return Outcome("PASSED") if self.context.deployments.put_attempt(moved) else _CONTINUED

    def fail(
        self,
        reason: str,
        evidence: str = "",
        *,
        unreachable: bool = False,
        blame: tuple[Blame, str] = (Blame.NONE, ""),
    ) -> Outcome:
        """Close the attempt as failed. The host is left as it is, so a drained host stays out of rotation.

        `blame` has the cause and its sentence, where no diagnosis is needed.
        """
        self.record("failed", reason)
        closed = self.context.deployments.put_attempt(
            replace(
                self.attempt,
                state=AttemptState.FAILED,
                reached=self.attempt.state,
                reason=reason,
                evidence=evidence,
                finished_at=self.context.clock.now(),
                unreachable=unreachable,
                blame=blame[0],
                diagnosis=blame[1],
            )
        )
        return Outcome("FAILED", reason) if closed else _CONTINUED

    def command(self, turn: Turn) -> Outcome | None:
        """Give the host its command; returns an outcome if the host will not act on it."""
        refused = host_commands.give_turns(self.context, self.deployment, [turn])
        return (self.fenced() or self.fail(refused.reason)) if refused else None

    def record(self, what: str, why: str = "") -> None:
        self.context.record_action(self.task.cluster, self.deployment.id, what, why, self.host)

    def fenced(self) -> Outcome | None:
        """Read the records again, after a wait or before an effect; returns an outcome if this call must stop."""
        now = self.context.step_reads.of_host(self.task.cluster, self.task.deployment, self.host, self.task.attempt)
        if not now.lease.is_held_by(self.deployment.id, self.task.epoch):
            return stale(self.task.epoch, now.lease)
        if now.attempt is None or now.attempt.state is not self.attempt.state:
            return _CONTINUED
        return renew_for_a_call(self.context, self.task.cluster, now.lease)

    def report(self) -> HostReport | None:
        return self.context.fleet.report(self.task.cluster, self.host)


def _nothing(_: Running) -> None:
    """Leave a failed attempt as it is."""


def stage(
    needs: AttemptState, reaches: AttemptState, after_failure: Callable[[Running], None] = _nothing
) -> Callable[[Callable[[Running], Outcome]], Callable[[Context, HostTask], Outcome]]:
    """Guard a stage: it runs only under the current epoch, once, after the stage that it needs.

    No stage begins an attempt: next_step does when it hands the host out. `after_failure` is called instead of the
    stage where the attempt has failed.
    """

    def guard(run: Callable[[Running], Outcome]) -> Callable[[Context, HostTask], Outcome]:
        def guarded(context: Context, task: HostTask) -> Outcome:
            deadline = context.clock.now() + LONGEST_WAIT
            tries = 0

            def attempt() -> Outcome:
                nonlocal tries
                tries += 1
                return attempted(context, task, deadline, repeated=tries > 1)

            between = pauses(context.poll_seconds, f"{run.__name__} {task.host}")
            return answered(context.clock, deadline, attempt, between)

        def attempted(context: Context, task: HostTask, deadline: datetime, *, repeated: bool) -> Outcome:
            records = context.step_reads.of_host(task.cluster, task.deployment, task.host, task.attempt)
            if (current := records.deployment) is None:
                raise observe.unknown(task.cluster, task.deployment)
            if not records.lease.is_held_by(current.id, task.epoch):
                return stale(task.epoch, records.lease)
            if records.attempt is None:
                return Outcome("SKIPPED", f"no attempt {task.attempt} of {task.host} was handed out")
            running = Running(context, current, records.attempt, task, records.report, deadline, repeated)
            finished = _finished_before(running, needs, reaches, after_failure)
            return finished or _unreadable(running) or _run(running, run)

        return guarded

    return guard


def _finished_before(
    running: Running, needs: AttemptState, reaches: AttemptState, after_failure: Callable[[Running], None]
) -> Outcome | None:
    """Return the outcome of a stage that was done before or must not be done yet, else None."""
    attempt = running.attempt
    if attempt.state is AttemptState.FAILED:
        after_failure(running)
        return Outcome("SKIPPED", attempt.reason)
    if _ORDER.index(attempt.state) >= _ORDER.index(reaches):
        return Outcome("PASSED", f"{attempt.state} already")
    if attempt.state is not needs:
        return running.fail(f"expected {running.host} to be {needs}, found {attempt.state}")
    return None


def _unreadable(running: Running) -> Outcome | None:
    """Fail the attempt on a host whose report cannot be read: nothing is known of it."""
    if isinstance(running.first, UnreadableReport):
        return running.fail(running.first.why, unreachable=True)
    return None


def _run(running: Running, run: Callable[[Running], Outcome]) -> Outcome:
    """Run a stage; an error fails the attempt with its message, unless AWS could not answer for now.

    Then nobody knows whether the last effect happened. The stage reads the records and begins again, up to its
    deadline.
    """
    last = running.context.clock.now() >= running.deadline
    try:
        return run(running)
    except LifecycleError as error:
        if isinstance(error, CallFailed) and error.temporary and not last:
            raise
        return running.fail(str(error))


def wait_until(running: Running, seconds: float, poll: Callable[[], Outcome | None]) -> Outcome | None:
    """Poll until there is an outcome; None when there is none within `seconds`, or at the stage's deadline.

    A poll that AWS cannot answer counts for nothing: it goes on until one is answered, or until that deadline.
    """
    clock, deadline = running.context.clock, running.deadline
    until = min(clock.now() + timedelta(seconds=seconds), deadline)
    between = pauses(_longest_pause(running), f"{running.task.deployment} {running.host}")
    return poll_until(clock, until, deadline, poll, between)


def _longest_pause(running: Running) -> float:
    """Return the longest pause between two polls: the more hosts of a step may wait, the longer."""
    deployment = running.deployment
    at_once = at_most(deployment.policy.max_unavailable, deployment.host_count)
    return longest_pause(running.context.poll_seconds, min(at_once, deployment.host_count))
