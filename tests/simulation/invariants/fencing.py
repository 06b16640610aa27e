"""Invariants 4, 5, 14, 17 and 18: epochs, leases and turns; nobody acts who was overtaken."""

from datetime import datetime
from typing import TYPE_CHECKING

from apps.agent.decide import MAXIMUM_TRIES, State
from lifecycle.domain.fleet.host import Stage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.lease import Lease
from tests.simulation.hosts import Host
from tests.simulation.scheduler import Actor

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle

GUARDED = ("drain", "install", "self_test", "register", "await_alive", "diagnose")
SWITCHES = (Order.INSTALL, Order.RESTORE)


def epochs_only_grow(oracle: "Oracle", old: Lease, new: Lease) -> None:
    """14, 4: a new holder has a new, higher epoch, and takes only what is free or handed over."""
    acquired = new.deployment and new.deployment != old.deployment
    if new.epoch < old.epoch or (acquired and new.epoch == old.epoch):
        oracle.fail("14 epoch", f"the lease went from {old} to {new}")


def taken_only_when_free(oracle: "Oracle", now: datetime) -> None:
    """4: nobody takes a lease that another holds, unless it has expired."""
    old, new = oracle.lease, oracle.sim.leases.current(oracle.sim.cluster)
    held = old.deployment and old.deployment != new.deployment
    if held and (old.expires_at is None or old.expires_at > now):
        oracle.fail("4 interleaved", f"{new.deployment} took the lease that {old.deployment} holds")


def not_fenced(oracle: "Oracle", actor: Actor, effect: str) -> None:
    """4, 5: who acts for a deployment holds its lease, or held it until a moment ago.

    A stage that was called when the lease was gone already has no excuse: it looks at the lease first.
    """
    late = oracle.late(actor.deployment) if actor.deployment else 0.0
    called_late = actor.function in GUARDED and oracle.sim.now - late < actor.began
    if late and (called_late or not oracle.recent(oracle.sim.now - late)):
        holder = oracle.lease.deployment or "nobody"
        oracle.fail(
            "5 stale actor", f"{actor.name} of {actor.deployment}: {effect}, but {holder} has the lease"
        )


def host_epoch_only_grows(oracle: "Oracle", host: Host, state: State) -> None:
    """14: no turn that a host acts on is older than one before, whatever happened to its disk."""
    acted = state.acted
    if not acted.version:
        return  # it only remembers
    if acted.epoch < host.acted_epoch:
        oracle.fail("14 epoch", f"{host.name} acted on {host.acted_epoch}, now on {acted.epoch}")
    host.acted_epoch = acted.epoch


def begins_current_turns(oracle: "Oracle", host: Host, before: State | None, state: State) -> None:
    """4, 5, 7: an agent begins an installation only while its deployment runs, and not for ever again."""
    acted = state.acted
    if acted.order not in SWITCHES or acted.stage is not Stage.INSTALLING:
        return
    if before is not None and before.acted == acted:
        return
    late, holder = oracle.late(acted.deployment), oracle.record(oracle.lease.deployment)
    if holder is not None and holder.state is DeploymentState.QUEUED:
        return  # its plan was lost before it could take back the turns of whom it overtook
    if not oracle.recent(oracle.sim.now - late):
        oracle.fail(
            "4 interleaved", f"{host.name} begins {acted.version} for {acted.deployment}, {late:.0f} s late"
        )
    if acted.tries > MAXIMUM_TRIES:
        oracle.fail("7 twice", f"{host.name} begins {acted.version} for the {acted.tries}th time")


def acts_under_a_turn(oracle: "Oracle", host: Host) -> None:
    """17, 18: the service is touched only under a turn to install, noted before; not because nobody answers."""
    acted = host.journal.acted if host.journal else None
    if acted is None or acted.order not in SWITCHES or acted.stage is not Stage.INSTALLING:
        oracle.fail("17 no turn", f"the agent of {host.name} touches its service, having noted {acted}")
    elif (host.name, acted.epoch, acted.attempt, acted.order) not in oracle.turns_given:
        oracle.fail("17 no turn", f"{host.name} was never given the turn {acted.epoch}.{acted.attempt}")
