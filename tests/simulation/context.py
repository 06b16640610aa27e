"""The Context that the application gets: the fakes, where each call may be interrupted, refused or lost.

Every proxy gives way, perhaps fails before the effect, makes the call, calls the oracle's check of that
write, and perhaps fails after the effect. Reads are interrupted too, so that a stale read is as likely as a
stale write. The check of `port.method` is the oracle's method `port_method`.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lifecycle.application.context import Context
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host_command import Order, RefusedTurn, Turn
from tests.simulation.fakes import Clock, Executions, StepReads
from tests.simulation.throttling import DESCRIBES

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


class _Port:
    """A port whose methods are attributes."""


def _instrumented(sim: "Simulation", name: str, call: Callable[..., Any], check: Callable[..., None] | None) -> Any:
    give_way, draw, after = sim.give_way, sim.call_faults.before, sim.call_faults.after
    throttled = sim.throttling.check if name in DESCRIBES else None

    def call_with_faults(*given: Any) -> Any:
        actor = sim.actor
        if actor is None:
            return call(*given)
        give_way(actor)
        if sim.tracing:
            sim.say(actor.name, name, *given[1:])
        if throttled is not None:
            throttled(name)
        fault_after = "" if sim.calm else draw(actor, name)
        result = call(*given)
        if check is not None:
            check(actor, result, *given)
        if fault_after:
            after(actor, name, fault_after)
        return result

    return call_with_faults


READS = {
    "leases": ("current",),
    "deployments": (
        *("get", "recent", "recent_without_hosts", "everything", "attempts_and_questions"),
        *("attempts", "has_attempts", "questions", "beds", "checkpoint"),
    ),
    "step_reads": ("of_host", "of_deployment", "of_loop", "of_hosts"),
    "audit_log": ("read",),
    "fleet": ("reports", "report", "names", "bound", "unbound", "turn_epochs", "quarantined", "quarantined_hosts"),
    "freezes": ("all",),
    "queue": ("waiting",),
    "requests": ("find",),
    "cursors": ("get",),
    "configurations": ("newest", "recorded"),
    "scheduled_runs": ("of",),
    "registry": ("desired", "clusters", "has", "floor"),
    "dispatcher": (
        "targets",
        "target",
        "members",
        "registered",
        "weights",
        "health_path",
        "drain_delays",
        "check_failure",
        "has_load_balancer",
    ),
    "metrics": ("measurements",),
    "artifacts": ("stored_manifest", "manifest", "has_artifact", "open_artifact", "envelope"),
    "catalogue": ("published", "snapshots", "releases"),
    "executions": ("rollout_state", "running_rollouts"),
    "machines": ("addresses", "is_ending"),
}
WRITES = {
    "leases": ("acquire", "hand_over", "renew", "release"),
    "deployments": (
        "put",
        "begin_attempt",
        "put_attempt",
        "put_bed",
        "put_checkpoint",
        "ask",
        "attach_token",
        "assign",
        "answer",
    ),
    "audit_log": ("append",),
    "fleet": ("quarantine", "quarantine_host", "lift_quarantine", "remove"),
    "freezes": ("put", "lift"),
    "queue": ("replace",),
    "requests": ("put",),
    "cursors": ("put",),
    "configurations": ("claim", "record"),
    "registry": ("set_desired",),
    "dispatcher": ("register", "deregister", "weigh"),
    "executions": ("start_rollout", "answer_token"),
    "machines": ("let_end",),
}


def instrumented_context(sim: "Simulation") -> Context:
    """Return the Context over the simulation's fakes."""
    fakes = {
        "leases": sim.leases,
        "deployments": sim.deployments,
        "step_reads": StepReads(sim),
        "audit_log": sim.audit_log,
        "fleet": sim.fleet,
        "registry": sim.registry,
        "dispatcher": sim.balancer,
        "artifacts": sim.artifacts,
        "catalogue": sim.catalogue,
        "executions": Executions(sim),
        "freezes": sim.freezes,
        "queue": sim.queue,
        "requests": sim.requests,
        "cursors": sim.cursors,
        "configurations": sim.configurations,
        "scheduled_runs": sim.scheduled_runs,
        "metrics": sim.metrics,
        "machines": sim.machines,
    }
    ports: dict[str, Any] = {}
    for port, fake in fakes.items():
        ports[port] = proxy = _Port()
        for method in READS.get(port, ()):
            setattr(proxy, method, _instrumented(sim, f"{port}.{method}", getattr(fake, method), None))
        for method in WRITES.get(port, ()):
            check = getattr(sim.oracle, f"{port}_{method}", None)
            setattr(proxy, method, _instrumented(sim, f"{port}.{method}", getattr(fake, method), check))
    give = _instrumented(sim, "fleet.give_turn", _give_turn(sim), sim.oracle.turn_given)
    ports["fleet"].give_turns = _one_by_one(give)
    ports["machines"].guard = sim.machines.guard
    ports["dispatcher"].has_test_bed = sim.balancer.has_test_bed
    # Nobody withdraws a version here. tests/unit/rollout/test_withdrawal_races.py runs every order of those calls.
    ports["catalogue"].withdrawal = sim.catalogue.withdrawal
    ports["catalogue"].withdrawals = sim.catalogue.withdrawals
    ports["catalogue"].put_withdrawal = sim.catalogue.put_withdrawal
    sim.metrics_port = ports.pop("metrics")
    sim.metrics_port.complete_minutes = sim.metrics.complete_minutes
    return Context(
        clock=Clock(sim),
        poll_seconds=2.0,
        heartbeat_timeout=timedelta(seconds=30),
        checkpoint_from=sim.checkpoint_from,
        **ports,
    )


def _give_turn(sim: "Simulation") -> Callable[[Cluster, Turn], Sequence[RefusedTurn]]:
    """Return a call that writes one turn."""

    def give(cluster: Cluster, turn: Turn) -> Sequence[RefusedTurn]:
        refused = sim.fleet.give_turns(cluster, [turn])
        if not refused and (host := sim.hosts.get(turn.host)):
            sim.wake(host.agent, 0.05, 0.6 if turn.attempt or turn.order is Order.IDLE else 5.0)
        return refused

    return give


def _one_by_one(
    give: Callable[[Cluster, Turn], Sequence[RefusedTurn]],
) -> Callable[[Cluster, Sequence[Turn]], Sequence[RefusedTurn]]:
    """Return a call that writes several turns one by one, in the same order in every run."""

    def give_turns(cluster: Cluster, turns: Sequence[Turn]) -> Sequence[RefusedTurn]:
        return [each for turn in sorted(turns, key=lambda t: t.host) for each in give(cluster, turn)]

    return give_turns
