"""Convergence: compare the desired with the installed version in every cluster, and start repairs of drift.

Called by functions/convergence/converge, on a schedule and by `lifecycle converge`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from lifecycle.application.context import Context
from lifecycle.application.convergence import outages
from lifecycle.application.convergence.before_the_end import targets_before
from lifecycle.application.convergence.failed_schedules import report_failed_schedules
from lifecycle.application.convergence.gone_cluster import report_gone
from lifecycle.application.convergence.hand_made import missing_manifest, report_hand_made
from lifecycle.application.convergence.machines import bind_machines
from lifecycle.application.convergence.services_down import report_crash_loops, report_hosts_down
from lifecycle.application.rollout import observe, queue
from lifecycle.application.rollout.desired_version import read_desired
from lifecycle.application.rollout.finish import Finished, finish
from lifecycle.application.rollout.host_commands import cancel_turns_until
from lifecycle.application.rollout.pause import ask_to_resume
from lifecycle.application.rollout.requests import record_request
from lifecycle.application.rollout.strays import find_strays, take_out_strays
from lifecycle.application.rollout.supersede import supersede_halted
from lifecycle.application.rollout.task_tokens import resume_answered, resume_for_fallen
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.application.rollout.test_bed.end import end_baking
from lifecycle.application.rollout.test_bed.task import BakeTask
from lifecycle.application.rollout.untested_hosts import take_out_untested
from lifecycle.domain.convergence.decide import (
    CloseOrphaned,
    CloseStopped,
    Converged,
    Convergence,
    FreeLease,
    Hold,
    Repair,
    converge,
)
from lifecycle.domain.convergence.ended_execution import EndedExecution, left_to_schedule
from lifecycle.domain.convergence.facts import ClusterFacts, Orphaned
from lifecycle.domain.convergence.fallen_in_service import has_ended
from lifecycle.domain.convergence.full_pass import reads_test_groups
from lifecycle.domain.convergence.resume import AskToResume, Resume
from lifecycle.domain.convergence.set_back import set_back
from lifecycle.domain.errors import LifecycleError, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.strays import RegisteredTarget, Strays, states_in
from lifecycle.domain.fleet.target_group import Group, TargetState, state_of
from lifecycle.domain.rollout.deployment import (
    Deployment,
    DeploymentState,
    Kind,
    Request,
    Resumptions,
    deployment_id,
)
from lifecycle.domain.rollout.execution import ExecutionState, next_execution
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import DropPending, PendingDeployment, StartPending
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source

# The requesters of convergence that are no people (entrypoints/events.py, infra/constructs/triggers.py). An operator
# who asks waits for no pause between repairs.
AUTOMATIC = ("schedule", "supervision", "auto-scaling")


@dataclass(frozen=True, slots=True)
class Result:
    """The result for one cluster: what was found and done.

    `kind` is FAILED, CONVERGED, REPAIR, RESUME, PAUSED, ABORTED, CLOSE_ORPHANED, FREE_LEASE, START_PENDING,
    DROP_PENDING, HOLD, or LATE: a pass over every cluster has left some.
    """

    cluster: str
    kind: str
    reason: str
    deployment: str = ""


def converge_all(
    context: Context, suffix: str, by: str, only: Cluster | None = None, ended: EndedExecution | None = None
) -> list[Result]:
    """Converge every cluster of the registry, or only one.

    `suffix` makes the names of new deployments unique, and orders the clusters. `ended` is the execution whose end is
    the cause, if one is.
    """
    return converge_some(context, suffix, by, [only] if only else context.registry.clusters(), ended)


def converge_some(
    context: Context, suffix: str, by: str, clusters: Sequence[Cluster], ended: EndedExecution | None = None
) -> list[Result]:
    """Converge these clusters. An error that no part expects is raised after the other ones."""
    return converge_in_order(context, suffix, by, _in_turn(clusters, suffix), ended)


def converge_in_order(
    context: Context,
    suffix: str,
    by: str,
    clusters: Iterable[Cluster],
    ended: EndedExecution | None = None,
    *,
    sparing: bool = False,
) -> list[Result]:
    """Do the same in the order that is given. `sparing`: it reads the test groups of each cluster once an hour."""
    found = []
    unexpected: list[Exception] = []
    for cluster in clusters:
        try:
            every = not sparing or reads_test_groups(cluster, context.clock.now())
            found += _converge_cluster(context, cluster, suffix, by, ended, None if every else Group.MAIN)
        except LifecycleError as error:  # the other clusters must still converge
            gone = isinstance(error, Unknown) and report_gone(context, cluster)
            found.append(Result(str(cluster), "HOLD" if gone else "FAILED", str(error)))
        except Exception as error:  # noqa: BLE001 (it is raised after the other clusters)
            error.add_note(f"while {cluster} was converged")
            unexpected.append(error)
    if unexpected:
        raise unexpected[0]
    return sorted(found, key=lambda each: each.cluster)


def _in_turn(clusters: Sequence[Cluster], suffix: str) -> Sequence[Cluster]:
    """Return the clusters, in another order at each call: one that takes all the time starves no other for long."""
    return sorted(clusters, key=lambda each: sha256(f"{suffix} {each}".encode()).digest())


def _converge_cluster(
    context: Context, cluster: Cluster, suffix: str, by: str, ended: EndedExecution | None, group: Group | None
) -> list[Result]:
    """Converge one cluster; no result if nothing was ever deployed there. Strays are sought in `group`, or in all."""
    not_bound = bind_machines(context, cluster)
    supersede_halted(context, cluster)
    # Nothing else checks a test bed while its deployment is paused, and its host may become unhealthy
    # meanwhile.
    traffic_weights.stop_unanswered_traffic(context, cluster)
    targets = context.dispatcher.registered(cluster, group)
    facts = cluster_facts(context, cluster, by_hand=by not in AUTOMATIC, targets=targets)
    found = find_strays(context, cluster, facts.set_back.ledger, targets)
    taken = take_out_strays(context, cluster, found, facts.set_back.ledger)
    if found.targets and not found.held:  # it waited before it took them out, so the facts are old
        facts = cluster_facts(context, cluster, by_hand=by not in AUTOMATIC)
    facts = replace(facts, strays=taken)
    facts = outages.with_outage(context, cluster, facts)
    if facts.holder:
        take_out_untested(context, facts.holder, facts.reports, facts.rotation)
    wanted = facts.desired or facts.nobodys or facts.unreadable
    if wanted or facts.lease.deployment or facts.waiting or facts.orphaned:
        report_hand_made(context, cluster, facts)
        report_crash_loops(context, cluster, facts)
        report_hosts_down(context, cluster, facts)
        report_failed_schedules(context, cluster)
        decided = converge(facts, context.clock.now())
        if ended and (why := left_to_schedule(decided, ended)):
            return [Result(str(cluster), "HOLD", why)]
        done = _act(context, cluster, facts, decided, suffix, by)
        return [replace(done, reason="; ".join(filter(None, (done.reason, _strays_words(taken), not_bound))))]
    return []


def _strays_words(found: Strays) -> str:
    if not found.targets:
        return ""
    return f"{found.in_words}, held: {found.held}" if found.held else f"{found.in_words}, taken out"


def cluster_facts(
    context: Context, cluster: Cluster, *, by_hand: bool = False, targets: Sequence[RegisteredTarget] = ()
) -> ClusterFacts:
    """Read everything that convergence decides on. `by_hand`: an operator asks, and waits for no back-off.

    `targets` were read a moment ago. Where every host was healthy then, they are not read again.
    """
    lease, reports = context.leases.current(cluster), context.fleet.reports(cluster)
    recent, unknown = observe.readable_deployments(context, cluster)
    found = read_desired(context, cluster, lease, recent)
    addresses = {report.place for report in reports.values()}
    states = _targets(context, cluster, addresses, states_in(targets, Group.MAIN))
    if (behind := set_back(found.desired, reports, lease, recent, found.named)).ledger:
        lease = context.leases.current(cluster)  # a deployment may have begun after the lease was read
        behind = set_back(found.desired, reports, lease, recent, found.named)
    name, waiting = lease.deployment, queue.pending_deployment(context, cluster)
    holder = context.deployments.get(cluster, name) if name else None
    if holder:
        holder, state = _newest_execution(context, holder)
    else:
        state = context.executions.rollout_state(name)
    ended = holder is not None and state is not ExecutionState.RUNNING
    rotation = observe.by_host(reports, states)
    fallen = [host for host, each in reports.items() if has_ended(each, state_of(rotation, host))]
    return ClusterFacts(
        desired=found.desired,
        lease=lease,
        last=found.named,
        nobodys=found.nobodys,
        holder=holder,
        execution=state,
        questions=tuple(context.deployments.questions(name)) if ended else (),
        reports=reports,
        rotation=rotation,
        bad_versions=context.fleet.quarantined(cluster),
        bad_hosts=context.fleet.quarantined_hosts(cluster),
        waiting=waiting,
        ended=next((d for d in recent if d.state.final and d.epoch), None),
        # A deployment that cannot be read may have verified a newer version.
        verified=None if unknown else observe.verified_target(recent),
        heartbeat_timeout=context.heartbeat_timeout,
        orphaned=_orphaned_deployments(context, recent, lease, waiting),
        unreadable=tuple(map(str, found.unreadable)),
        set_back=behind,
        recent=tuple(recent),
        minute=context.minute,
        by_hand=by_hand,
        had=targets_before(context, fallen, recent),
    )


def _targets(
    context: Context, cluster: Cluster, addresses: Collection[str], before: Mapping[str, TargetState]
) -> Mapping[str, TargetState]:
    """Return the targets of the main group, or of all groups where one of the hosts is not in it.

    Those of `before` are returned if they show no drift: an ALB answers ten Describe calls per second for an account.
    """
    if addresses and all(before.get(each) is TargetState.HEALTHY for each in addresses):
        return before
    in_main = context.dispatcher.members(cluster, Group.MAIN)
    return in_main if in_main.keys() >= set(addresses) else context.dispatcher.targets(cluster)


def _newest_execution(context: Context, recorded: Deployment) -> tuple[Deployment, ExecutionState]:
    """Return the deployment with its newest execution that does not run, or the recorded one that runs.

    A call that hung in an earlier execution may have written the record, and its own name with it. A later one
    that runs is found when it is started again, which records it.
    """
    execution = recorded.execution
    state = context.executions.rollout_state(execution)
    while state is not ExecutionState.RUNNING:
        following = context.executions.rollout_state(next_execution(execution))
        if following in (ExecutionState.UNKNOWN, ExecutionState.RUNNING):
            break
        execution, state = next_execution(execution), following
    return replace(recorded, execution=execution), state


def _orphaned_deployments(
    context: Context, recent: Sequence[Deployment], lease: Lease, waiting: PendingDeployment | None
) -> tuple[Orphaned, ...]:
    """Return open deployments without a lease, a pending slot or a running execution.

    A killed plan leaves one, and so do two plans of one deployment of which one was refused.
    """
    known = {lease.deployment, waiting.request.deployment if waiting else ""}
    unknown = [each for each in recent if not each.state.final and each.id not in known]
    states = [_newest_execution(context, each) for each in unknown]
    # One that was refused did not take the place of anything.
    newest = next((each.id for each in recent if each.state is not DeploymentState.REFUSED), "")
    return tuple(
        Orphaned(each, state, newest=each.id == newest)
        for each, state in states
        if state is not ExecutionState.RUNNING
    )


def _act(context: Context, cluster: Cluster, facts: ClusterFacts, found: Convergence, suffix: str, by: str) -> Result:
    match found:
        case Converged(reason):
            return Result(str(cluster), "CONVERGED", reason)
        case StartPending(waiting, reason) | DropPending(waiting, reason):
            kind = "START_PENDING" if queue.start_or_drop(context, cluster, found, by) else "DROP_PENDING"
            return Result(str(cluster), kind, reason, waiting.request.deployment)
        case Repair():
            if missing := missing_manifest(context, cluster, found.version):
                without = replace(facts, bad_versions={**facts.bad_versions, found.version: missing})
                other = converge(without, context.clock.now())  # another version may have hosts to repair, too
                if isinstance(other, Repair):
                    return _act(context, cluster, without, other, suffix, by)
                return Result(str(cluster), "HOLD", missing)
            return _repair(context, cluster, found, suffix, by)
        case _:
            return _act_on_holder(context, cluster, facts, found, by)


def _act_on_holder(  # noqa: C901, PLR0911 (one case per kind)
    context: Context,
    cluster: Cluster,
    facts: ClusterFacts,
    found: Hold | Resume | AskToResume | CloseStopped | CloseOrphaned | FreeLease,
    by: str,
) -> Result:
    """Carry out a decision about the deployment that holds the lease, or about an orphaned one."""
    match found:
        case Hold(_, reason):
            if facts.holder and (resumed := resume_answered(context, facts.holder)):
                reason = f"{reason}; resumed it: {', '.join(resumed)} is answered or has expired"
            elif facts.holder and (fell := resume_for_fallen(context, facts.holder, facts.reports)):
                reason = f"{reason}; resumed it: {', '.join(fell)} fell after it was updated"
            return Result(str(cluster), "HOLD", reason)
        case AskToResume(paused, reason):
            ask_to_resume(context, cluster, paused, reason)
            return Result(str(cluster), "PAUSED", reason, paused)
        case CloseStopped(stopped, reason):
            ended = _close_stopped(context, cluster, facts, stopped, reason)
            return Result(str(cluster), "ABORTED", ended.reason, stopped)
        case CloseOrphaned(orphaned, reason):
            ended = finish(context, cluster, orphaned, DeploymentState.STALE, reason)
            return Result(str(cluster), "CLOSE_ORPHANED", ended.reason, orphaned)
        case FreeLease(held, reason):
            if not _free_lease(context, cluster, held, reason, by):
                return Result(str(cluster), "HOLD", f"the lease of {held.deployment} changed meanwhile")
            return Result(str(cluster), "FREE_LEASE", reason, held.deployment)
        case Resume(deployment, execution, reason):
            if lost := next((s.deployment for s in facts.orphaned if s.deployment.id == deployment), None):
                # Only its plan, which may be running already, writes its record.
                _start(context, lost.request, execution, reason, by)
            elif facts.holder is not None:
                _resume(context, facts.holder, execution, reason, by)
            return Result(str(cluster), "RESUME", reason, deployment)


def _close_stopped(context: Context, cluster: Cluster, facts: ClusterFacts, stopped: str, reason: str) -> Finished:
    """End a deployment that was stopped by hand; it holds the lease, or has lost it to nobody."""
    holder, lease = facts.holder, facts.lease
    if holder and not holder.epoch:  # it was stopped while its plan held the lease
        _ = context.deployments.put(replace(holder, epoch=lease.epoch))  # refused: it has ended, as `finish` finds
    end_baking(context, BakeTask(cluster, stopped, lease.epoch), reason)
    return finish(context, cluster, stopped, DeploymentState.ABORTED, reason)


def _free_lease(context: Context, cluster: Cluster, held: Lease, reason: str, by: str) -> bool:
    context.record(cluster, "free the lease", by, reason, deployment=held.deployment)
    cancel_turns_until(context, cluster, held.epoch, held.deployment)
    return context.leases.release(cluster, held)


def _resume(context: Context, holder: Deployment, execution: str, reason: str, by: str) -> None:
    """Record the try, then start a new execution. A try that cannot be counted would be repeated for ever."""
    tried = Resumptions(holder.resumptions.count + 1, context.clock.now())
    if context.deployments.put(replace(holder, execution=execution, resumptions=tried)):  # refused: it has ended
        # If another name was free, the plan of that execution records it.
        _start(context, holder.request, execution, reason, by)


def _repair(context: Context, cluster: Cluster, found: Repair, suffix: str, by: str) -> Result:
    name = deployment_id(cluster, context.clock.now(), suffix)
    request = Request(
        deployment=name,
        service=cluster.service,
        environment=cluster.environment,
        version=found.version,
        requested_by=by,
        reason=found.reason,
        kind=Kind.CONVERGE,
        only=found.only,
        config=found.config,
    )
    record_request(context.requests, RecordedRequest(request, Source.CONVERGENCE, context.clock.now()))
    _start(context, request, name, found.reason, by)
    return Result(str(cluster), "REPAIR", found.reason, name)


def _start(context: Context, request: Request, execution: str, reason: str, by: str) -> None:
    context.record(request.cluster, f"start {execution}", by, reason, deployment=request.deployment)
    queue.start_execution(context, request, execution)
