"""Host commands: the turns that a deployment gives to its hosts, and their end."""

from dataclasses import replace
from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.hosts import target_of
from lifecycle.domain.service.target import Target

# An order to install that was not begun within this time is not begun any more; its stage gives up earlier.
INSTALL_LASTS = timedelta(minutes=15)


# Standing by changes nothing that runs, so it may last as long as a rollout with its pauses.
PREFETCH_LASTS = timedelta(days=7)


def prefetch(
    deployment: Deployment, host: str, attempt: int, now: datetime, group: Group = Group.MAIN
) -> Turn:
    """Fetch and check the version; `attempt` 0 at leisure, any other because the host is next."""
    turn = _turn(deployment, host, Order.PREFETCH, attempt, now, PREFETCH_LASTS)
    return _of(turn, target_of(deployment, group))


def install(
    deployment: Deployment, host: str, attempt: int, now: datetime, group: Group = Group.MAIN
) -> Turn:
    """Stop, switch, start and self-test; a control starts the version again that it has."""
    turn = _turn(deployment, host, Order.INSTALL, attempt, now, INSTALL_LASTS)
    return _of(turn, target_of(deployment, group))


def restore(deployment: Deployment, previous: Target, host: str, attempt: int, now: datetime) -> Turn:
    """Install the previous version again, to tell a bad host from a bad version."""
    return _of(_turn(deployment, host, Order.RESTORE, attempt, now, INSTALL_LASTS), previous)


def cancel_turn(deployment: Deployment, host: str, now: datetime) -> Turn:
    """The deployment is over: no order of its epoch comes after this one, however late."""
    return _turn(deployment, host, Order.IDLE, 0, now, PREFETCH_LASTS)


def _of(turn: Turn, target: Target) -> Turn:
    return replace(turn, version=target.version, digest=target.digest)


def _turn(
    deployment: Deployment, host: str, order: Order, attempt: int, now: datetime, lasts: timedelta
) -> Turn:
    return Turn(
        host=host,
        order=order,
        deployment=deployment.id,
        epoch=deployment.epoch,
        attempt=attempt,
        version=deployment.target.version,
        digest=deployment.target.digest,
        issued_at=now,
        expires_at=now + lasts,
    )


def cancel_turns(context: Context, current: Deployment) -> None:
    """No turn of this deployment is begun any more, not even by an agent that was away.

    Turns of a newer epoch stand: an overtaken deployment may do this too.
    """
    hosts = sorted(set(current.hosts) | set(context.fleet.reports(current.cluster)))
    turns = [cancel_turn(current, host, context.clock.now()) for host in hosts]
    context.fleet.give_turns(current.cluster, turns)
