"""Invariants 24, 27 and 30: faults that hosts share, targets of nobody, and hosts whose clock is wrong."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Question, QuestionKind
from lifecycle.domain.rollout.deployment import Kind
from lifecycle.domain.service.host_count import at_most
from tests.simulation.history import GRACE
from tests.simulation.hosts import Host
from tests.simulation.scheduler import Actor

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle
    from tests.simulation.simulation import Simulation


def unhealthy_together(oracle: "Oracle") -> set[str]:
    """Return the hosts that a shared outage made unhealthy a while ago, if they are more than may be out."""
    sim = oracle.sim
    if sim.now >= sim.outage_until or sim.outage_began > sim.now - 2 * GRACE:
        return set()
    desired = sim.registry.desired(sim.cluster)
    last = oracle.records.get(desired.deployment) if desired else None
    bad, present = (
        sim.fleet.quarantined_hosts(sim.cluster),
        set(sim.fleet._reports.get(sim.cluster, {})) & set(sim.hosts),
    )
    members = present - set(bad) - set(last.skipped_hosts if last else ())
    if last is None or desired is None:
        return set()
    hit = {name for name in members if _is_hit(oracle, sim.hosts[name], desired.digest)}
    return hit if len(hit) > at_most(last.policy.max_unavailable, len(members)) else set()


def _is_hit(oracle: "Oracle", host: Host, digest: str) -> bool:
    """Return whether a host runs what is desired, tested, and only fails its health checks, all for a while."""
    sim, boot = oracle.sim, host.boot
    lost = max(host.last_unreachable_at, host.clock_set_at)  # a clock that was set back makes a report look old
    changed = max(host.boot_changed_at, host.joined_at, host.false_report_at, lost)
    steady = not (host.reports_falsely or host.cover_up) and sim.now - changed > 2 * GRACE
    unhealthy = sim.balancer.states.get(host.address) is TargetState.UNHEALTHY
    lasting = sim.now - sim.balancer.lost_at.get(host.address, -1e9) > GRACE
    return steady and unhealthy and lasting and boot is not None and boot.tested and boot.digest == digest


def is_not_repaired_host_by_host(oracle: "Oracle", given: Mapping[str, Any]) -> None:
    """30: convergence starts no repair of hosts that a shared fault made unhealthy."""
    known = oracle.records.get(str(given["deployment"]))
    if given["kind"] != Kind.CONVERGE or known is not None:
        return
    if hit := unhealthy_together(oracle) & set(given["only"]):
        oracle.fail("30 shared outage", f"{given['deployment']} repairs {sorted(hit)} during a shared outage")


def is_not_drained_for_a_shared_fault(oracle: "Oracle", actor: Actor, host: Host) -> None:
    """30: a repair makes capacity no worse while all hosts that are left get the requests."""
    record = oracle.record(actor.deployment)
    if record is None or record.request.kind is not Kind.CONVERGE or actor.function != "drain":
        return
    if host.name in unhealthy_together(oracle):
        oracle.fail("30 shared outage", f"{record.id} drains {host.name} during a shared outage")


def repair_asks_nobody(oracle: "Oracle", asked: Question) -> None:
    """30: a repair that fails ends and frees the cluster, so that it needs no human."""
    record = oracle.record(asked.deployment)
    if record and record.request.kind is Kind.CONVERGE and asked.kind is QuestionKind.DECISION:
        oracle.fail("30 repair waits", f"{record.id} asks about {asked.host}: {asked.reason}")


def live_host_is_not_unreachable(oracle: "Oracle", actor: Actor, stored: HostAttempt) -> None:
    """24: a host that reports is not called unreachable, whatever its clock says."""
    if stored.state is not AttemptState.FAILED or not stored.unreachable or oracle.sim.clock_error_ever:
        return
    host, sim = oracle.sim.hosts[stored.host], oracle.sim
    if not host.clock_ahead or not host.reachable() or host.reports_falsely:
        return
    ends = (host.last_unreachable_at, host.clock_set_at, host.cut_off_until, host.lies_until)
    if sim.now - max(ends) > 3 * GRACE:
        oracle.fail("24 skew", f"{stored.host} reports, and attempt {stored.number} calls it unreachable")


def stray_has_an_entry(oracle: "Oracle", target: str) -> None:
    """27, 22: an audit entry precedes the removal of a target of nobody."""
    if not any(entry.what.startswith(f"take out {target}") for entry in oracle.sim.audit_log.entries):
        oracle.fail("22 audit", f"{target} is taken out without an entry")


def no_stray_is_left(sim: "Simulation") -> None:
    """27: once the run is calm, convergence has taken out what no host reports.

    It holds where more strays serve than hosts: their reports may be what is missing, and operators are notified. A
    group without traffic is read once an hour (domain/convergence/full_pass.py).
    """
    left = [each for each in sim.balancer.strays if sim.balancer.traffic_weights[each[2]]]
    healthy = {(address, port) for (address, port, _), state in sim.balancer.strays.items() if state.serves}
    own = sum(state.serves for state in sim.balancer.states.values())
    if left and own and len(healthy) <= own:
        sim.oracle.fail("27 stray", f"{sorted(map(str, left))} are left in the load balancer")
