"""Invariants 11, 15, 20 and 23: the meaning of DONE, the rollback target, and that everything ends."""

from datetime import timedelta
from typing import TYPE_CHECKING

from apps.agent.decide import State
from lifecycle.domain.convergence.failed_repairs import next_tries
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.monitoring.audit import AuditKind
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.service.host_count import at_least, at_most
from tests.simulation.history import CONVERGE_EVERY, GRACE, MOST_WRONG
from tests.simulation.hosts import Host
from tests.simulation.invariants import beds, shared

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle
    from tests.simulation.simulation import Simulation

# A repair of one host ends within this many seconds.
REPAIR_LASTS = 600.0
# The next convergence asks an expired question again; it runs every 15 minutes.
_REQUESTED_AGAIN = timedelta(minutes=20)
_LEFT_OUT = (Choice.SKIP_HOST, Choice.FORCE_NEXT)


def done_means_done(oracle: "Oracle", done: Deployment) -> None:
    """11, 23: every host that no human left out really serves the version, also those that joined."""
    if done.state is not DeploymentState.DONE:
        return
    sim = oracle.sim
    questions = sim.deployments.questions(done.id)
    for name in done.skipped_hosts:
        answers = [q for q in questions if q.host == name and q.answer and q.answer.choice in _LEFT_OUT]
        if not answers and done.request.kind is not Kind.CONVERGE:
            oracle.fail("11 done", f"{done.id} left {name} out without a decision")
    bad = sim.fleet.quarantined_hosts(sim.cluster)
    present = sim.fleet._reports.get(sim.cluster, {})
    members = [name for name in present if name in (done.request.only or present)]
    if not members and not oracle.recent(oracle.removed_at):
        oracle.fail("11 done", f"{done.id} is done, but the cluster has no hosts")
    for name in members:
        host = sim.hosts[name]
        changed_at = max(host.joined_at, oracle.lifted_at.get(name, -1e9))
        if name in done.skipped_hosts or name in bad or host.left or oracle.recent(changed_at):
            continue
        # The end may be written late; convergence handles what happened since the deployment was found done.
        found_at = oracle.found_done_at.get(done.id, sim.now)
        lost_at = sim.balancer.lost_at.get(host.address, -1e9)
        changed = max(changed_at, host.boot_changed_at, lost_at, host.port_reported_at)
        if oracle.drained_at.get(host.address, -1e9) > found_at:
            continue  # by a call that hung and was fenced: nothing can fence the load balancer
        if not sim.http and sim.clock_error_ever and host.last_unreachable_at > found_at - GRACE - MOST_WRONG:
            continue  # all that is known of a worker is its report, and a clock that is behind takes it for a new one
        if changed < found_at - GRACE and (wrong := not_serving(oracle, sim.hosts[name], done)):
            oracle.fail("11 done", f"{done.id} is done, but {name} {wrong}")


def _policy_allows_updates(sim: "Simulation", last: Deployment) -> bool:
    """Return True when the policy still allows an update after the cluster has shrunk."""
    size = len(set(sim.fleet._reports[sim.cluster]) - set(sim.fleet.quarantined_hosts(sim.cluster)))
    policy = last.policy
    fits = size == 1 or at_most(policy.max_unavailable, size) < size
    return fits and at_least(policy.min_healthy, size) < size


def no_rollback_is_dropped(oracle: "Oracle", ended: Deployment) -> None:
    """6, 15: a decided rollback is not refused because a store failed once."""
    sim = oracle.sim
    if ended.request.kind is not Kind.ROLLBACK or ended.state is not DeploymentState.REFUSED:
        return
    if sim.leases.current(sim.cluster).deployment not in ("", ended.id):
        return  # its lease expired, and another deployment has it
    if not sim.balancer.exists or oracle.recent(sim.balancer.stack_changed_at):
        return  # its cluster was deleted: no host is left to go back
    hosts = set(sim.fleet._reports.get(sim.cluster, {})) - set(sim.fleet.quarantined_hosts(sim.cluster))
    new = {name: max(sim.hosts[name].joined_at, oracle.lifted_at.get(name, -1e9)) for name in hosts}
    hosts = {name for name in hosts if not oracle.recent(new[name])}
    stored = sim.artifacts.has_artifact(ended.target, sim.cluster.service)
    if hosts and stored and not oracle.store_changed_during_the_plan(ended.target.version):
        oracle.fail("6 dropped", f"the rollback {ended.id} is refused: {ended.reason}")


def not_serving(oracle: "Oracle", host: Host, done: Deployment) -> str:
    """Return what is wrong with a host that should serve; empty if nothing, or if it changed a moment ago."""
    boot, balancer = host.boot, oracle.sim.balancer
    if oracle.recent(host.boot_changed_at) or oracle.recent(balancer.lost_at.get(host.address, -1e9)):
        return ""
    if boot is None:
        return "runs nothing"
    if (boot.version, boot.digest) != (done.target.version, done.target.digest):
        return f"runs {boot.version}"
    if boot.config != done.target.config:
        return f"runs with config {boot.config}"
    if not boot.tested:
        return "never passed its self-test"
    return _wrong_place(oracle, host)


def _wrong_place(oracle: "Oracle", host: Host) -> str:
    """Return why a host's service is not where its agent is set to, and healthy there; empty if it is."""
    if host.boot and host.boot.port != host.reported_port == host.port:
        return f"serves at port {host.boot.port}, and its agent is set to {host.port}"
    state = oracle.sim.balancer.state(host.address)
    return "" if state is TargetState.HEALTHY else f"is {state} in the load balancer"


def keeps_rollback_target(oracle: "Oracle", host: Host, state: State) -> None:
    """15: the version verified last on this host and the one before it stay on the disk."""
    if state.acted.stage not in (AgentStage.FETCHING, AgentStage.READY):
        return
    gone = [version for version in (state.verified, state.previous) if version and version not in host.disk]
    if gone and host.name not in oracle.states_set_back:
        oracle.fail("15 rollback target", f"{host.name} has {sorted(host.disk)} on its disk, {gone[0]} is gone")
    if not gone:
        oracle.states_set_back.discard(host.name)


def hanging(sim: "Simulation") -> str:
    """20: return what neither ended nor waits for a pending decision; empty if there is nothing."""
    unfinished, lease = sim.operators.unfinished(), sim.leases.current(sim.cluster).deployment
    for record in unfinished:
        if found := _wrongly_queued(sim, record) if record.state is DeploymentState.QUEUED else _stuck(sim, record):
            return found
    return f"the lease is held by {lease}" if lease and not unfinished else ""


def _stuck(sim: "Simulation", record: Deployment) -> str:
    execution = sim.executions.by_name.get(record.execution)
    asked = sim.operators.questions_of(record, _REQUESTED_AGAIN)
    if asked and execution is not None and execution.running and execution.at == "AwaitHuman":
        return ""
    # A host whose repairs fail is repaired again and again, after pauses: each of them ends by itself.
    _, since = sim.oracle.lease_acquired.get(record.id, (0, -1e9))
    if record.request.kind is Kind.CONVERGE and sim.now - since < REPAIR_LASTS:
        return ""
    at = f"{execution.state} at {execution.at}" if execution else "unknown"
    return f"{record.id} is {record.state}, its execution {record.execution} {at}"


def _wrongly_queued(sim: "Simulation", queued: Deployment) -> str:
    waiting = sim.queue.waiting(sim.cluster)
    if waiting is None or waiting.request.deployment != queued.id:
        return f"{queued.id} is QUEUED, but the pending slot has {waiting}"
    return "" if sim.leases.current(sim.cluster).deployment else f"{queued.id} is QUEUED, but the lease is free"


def all_in_order(sim: "Simulation") -> None:
    """20, 23, 11: at the end of a run the lease is free, and the verified version is on every host."""
    if unfinished := sim.operators.unfinished():
        sim.oracle.fail("20 endless", f"{unfinished[0].id} is {unfinished[0].state}: {unfinished[0].reason}")
    if (running := sim.executions.running()) and running[0].at != "Finished":  # it is about to end
        sim.oracle.fail("20 endless", f"execution {running[0].name} is at {running[0].at}")
    if lease := sim.leases.current(sim.cluster).deployment:
        sim.oracle.fail("20 endless", f"the lease is held by {lease}")
    beds.no_weight_is_left_unserved(sim.oracle)
    shared.no_stray_is_left(sim)
    if sim.oracle.desired_by_hand_at is not None:
        _hand_made_is_reported(sim)
        return
    desired = sim.registry.desired(sim.cluster)
    last = sim.oracle.records.get(desired.deployment) if desired else None
    if last is None or last.state is not DeploymentState.DONE or not _policy_allows_updates(sim, last):
        return
    if last.target.version not in sim.fleet.quarantined(sim.cluster):
        _nobody_is_left_behind(sim, last)


def _hand_made_is_reported(sim: "Simulation") -> None:
    """10: a desired version that no deployment wrote stays held, and the audit log says so."""
    if not any(entry.kind is AuditKind.HAND_MADE for entry in sim.audit_log.entries):
        sim.oracle.fail(
            "10 unreported", f"desired is {sim.registry.desired(sim.cluster)}, and no audit entry says so"
        )


def _nobody_is_left_behind(sim: "Simulation", last: Deployment) -> None:
    bad, present = sim.fleet.quarantined_hosts(sim.cluster), sim.fleet._reports[sim.cluster]
    tries = next_tries(sim.deployments.recent(sim.cluster, 50), timedelta(minutes=1))
    for host in sim.hosts.values():
        if host.left and host.name in present:
            sim.oracle.fail("23 left behind", f"{host.name} has left, but still has a report")
        if host.left or host.name in bad or host.name in last.skipped_hosts:
            continue
        # A host whose last repair failed may wait for the next one when the run ends, and that one for the schedule;
        # any later success ends that.
        waits = host.name in tries and sim.time() < tries[host.name] + timedelta(seconds=CONVERGE_EVERY)
        if not waits and not _must_stay(sim, host) and (wrong := not_serving(sim.oracle, host, last)):
            sim.oracle.fail("23 left behind", f"{host.name} {wrong}, {last.target.version} is desired")


def _must_stay(sim: "Simulation", host: Host) -> bool:
    """Return whether a healthy host cannot move to another port, because it serves while another host is down."""
    if host.boot is None or host.boot.port == host.port:
        return False
    healthy = sim.balancer.state(host.address) is TargetState.HEALTHY
    others = [
        each for each in sim.hosts.values() if each is not host and each.name in sim.fleet._reports[sim.cluster]
    ]
    return healthy and any(sim.balancer.state(each.address) is not TargetState.HEALTHY for each in others)
