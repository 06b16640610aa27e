"""Invariants 4, 5, 14, 17 and 18: epochs, leases and turns; a fenced deployment changes nothing."""

from datetime import datetime
from typing import TYPE_CHECKING

from apps.agent.decide import MAXIMUM_TRIES, State
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.rollout.lease import Lease
from tests.simulation.hosts import Host
from tests.simulation.scheduler import Actor

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle

GUARDED = ("drain", "install", "self_test", "register", "await_alive", "diagnose")
SWITCHES = (Order.INSTALL, Order.RESTORE)


def epochs_only_grow(oracle: "Oracle", old: Lease, new: Lease) -> None:
    """14, 4: a new holder of the lease has a higher epoch.

    After a loss, a plan may take the epoch that was lost: it read the records before the former holder wrote there.
    It reads them once more, and takes a higher epoch before it acts.
    """
    acquired = new.deployment and new.deployment != old.deployment
    again = acquired and new.epoch == old.epoch
    if new.epoch < old.epoch or (again and oracle.lost_epoch != new.epoch):
        oracle.fail("14 epoch", f"the lease went from {old} to {new}")
    if new.epoch > old.epoch:
        oracle.lost_epoch = None


def uses_no_lost_epoch(oracle: "Oracle", actor: Actor, effect: str) -> None:
    """14: a deployment changes nothing under an epoch that another one lost with its lease."""
    lease = oracle.lease
    if actor.deployment and lease.deployment == actor.deployment and lease.epoch == oracle.lost_epoch:
        oracle.fail("14 epoch", f"{actor.name}: {effect} under epoch {lease.epoch}, which another had")


def taken_only_when_free(oracle: "Oracle", now: datetime) -> None:
    """4: a deployment takes a lease only when it is free or expired."""
    old, new = oracle.lease, oracle.sim.leases.current(oracle.sim.cluster)
    held = old.deployment and old.deployment != new.deployment
    if held and (old.expires_at is None or old.expires_at > now):
        oracle.fail("4 interleaved", f"{new.deployment} took the lease that {old.deployment} holds")


def not_fenced(oracle: "Oracle", actor: Actor, effect: str) -> None:
    """4, 5: a deployment acts only while it holds the lease, or within GRACE seconds after.

    A stage that was called after the lease was lost has no excuse: it reads the lease first.
    """
    uses_no_lost_epoch(oracle, actor, effect)
    late = oracle.late(actor.deployment) if actor.deployment else 0.0
    called_late = actor.function in GUARDED and oracle.sim.now - late < actor.began
    if late and (called_late or not oracle.recent(oracle.sim.now - late)):
        holder = oracle.lease.deployment or "nobody"
        oracle.fail("5 stale actor", f"{actor.name} of {actor.deployment}: {effect}, but {holder} has the lease")


def lease_outlasts_a_call(oracle: "Oracle", actor: Actor, effect: str) -> None:
    """5: a lease expires under no call to the load balancer, even one that hangs, unless a clock is wrong.

    A deployment may still pass its lease on, or end, while a repeated call of it hangs.
    """
    if actor.deployment in oracle.lease_expired and not oracle.sim.clock_error_ever:
        oracle.fail("5 stale actor", f"{actor.name}: {effect}, and the lease of {actor.deployment} has expired")


def host_epoch_only_grows(oracle: "Oracle", host: Host, state: State) -> None:
    """14: a host never acts on a turn with a lower epoch than before, whatever happened to its disk."""
    acted = state.acted
    if not acted.version:
        return  # no turn, only what was verified
    if acted.epoch < host.acted_epoch:
        oracle.fail("14 epoch", f"{host.name} acted on {host.acted_epoch}, now on {acted.epoch}")
    host.acted_epoch = acted.epoch


def begins_current_turns(oracle: "Oracle", host: Host, before: State | None, state: State) -> None:
    """4, 5, 7: an agent installs only while the deployment runs, and tries at most MAXIMUM_TRIES times."""
    acted = state.acted
    if acted.order not in SWITCHES or acted.stage is not AgentStage.INSTALLING:
        return
    if before is not None and before.acted == acted:
        return
    if acted.deployment == oracle.robbed and oracle.recent(oracle.robbed_until):
        return  # nobody has fenced it yet, and an agent cannot read the lease
    late = oracle.late(acted.deployment)
    if not oracle.recent(oracle.sim.now - late):
        oracle.fail("4 interleaved", f"{host.name} begins {acted.version} for {acted.deployment}, {late:.0f} s late")
    if acted.tries > MAXIMUM_TRIES:
        oracle.fail("7 twice", f"{host.name} begins {acted.version} for the {acted.tries}th time")


def acts_under_a_turn(oracle: "Oracle", host: Host) -> None:
    """17, 18: an agent stops or starts a service only under a turn that it noted before."""
    acted = host.journal.acted if host.journal else None
    if acted is None or acted.order not in SWITCHES or acted.stage is not AgentStage.INSTALLING:
        oracle.fail("17 no turn", f"the agent of {host.name} stops or starts its service under {acted}")
    elif (host.name, acted.epoch, acted.attempt, acted.order) not in oracle.turns_given:
        oracle.fail("17 no turn", f"{host.name} was never given the turn {acted.epoch}.{acted.attempt}")
