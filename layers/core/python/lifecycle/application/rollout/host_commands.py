"""Host commands (turns): what a deployment has its hosts do, and the end of that.

Used by the phases of a rollout; apps/agent carries the commands out.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host_command import Order, RefusedTurn, Turn
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.hosts import target_of, wants_test_bed
from lifecycle.domain.service.target import Target

# An agent does not begin a command to install after this time; its stage has failed by then.
INSTALL_LASTS = timedelta(minutes=15)

# A prefetch changes nothing that runs, so it may last as long as a rollout with its pauses.
PREFETCH_LASTS = timedelta(days=7)


def prefetch(deployment: Deployment, host: str, attempt: int, now: datetime, group: Group = Group.MAIN) -> Turn:
    """Return the command to fetch and check the version: `attempt` 0 without hurry, others for the next hosts."""
    turn = _turn(deployment, host, Order.PREFETCH, attempt, now, PREFETCH_LASTS)
    return _with_target(deployment, turn, target_of(deployment, group))


def install(deployment: Deployment, host: str, attempt: int, now: datetime, group: Group = Group.MAIN) -> Turn:
    """Return the command to stop, switch, start and self-test; a control restarts the version that it has."""
    turn = _turn(deployment, host, Order.INSTALL, attempt, now, INSTALL_LASTS)
    turn = replace(turn, bakes=wants_test_bed(deployment.policy))
    return _with_target(deployment, turn, target_of(deployment, group))


def release(deployment: Deployment, host: str, attempt: int, began: datetime, now: datetime) -> Turn:
    """Return the command to run the release command; a call that is repeated gives the same end of it."""
    lasts = began - now + INSTALL_LASTS + timedelta(seconds=deployment.release_seconds)
    turn = _turn(deployment, host, Order.RELEASE, attempt, now, lasts)
    return _with_target(deployment, turn, deployment.target)


def restore(deployment: Deployment, previous: Target, host: str, attempt: int, now: datetime) -> Turn:
    """Return the command to install the previous version again, which tells a bad host from a bad version."""
    return _with_target(deployment, _turn(deployment, host, Order.RESTORE, attempt, now, INSTALL_LASTS), previous)


def cancel_turns_until(context: Context, cluster: Cluster, epoch: int, by: str) -> None:
    """Cancel every command up to this epoch, whichever deployment gave it; `by` is the deployment that ends it.

    The deployments of these epochs are fenced, or end now. Their records may be lost or may not name their hosts.
    """
    now = context.clock.now()
    turns = [
        Turn(host, Order.IDLE, by, epoch, 0, version="", digest="", issued_at=now, expires_at=now + PREFETCH_LASTS)
        for host in context.fleet.names(cluster)
    ]
    _ = context.fleet.give_turns(cluster, turns)  # those of a newer epoch stay


def cancel_turn(deployment: Deployment, host: str, now: datetime) -> Turn:
    """Return the command that ends the deployment's commands: none of its epoch is begun after it."""
    return _turn(deployment, host, Order.IDLE, 0, now, PREFETCH_LASTS)


def _with_target(deployment: Deployment, turn: Turn, target: Target) -> Turn:
    """Return the turn for a target: that of the deployment, or the previous one, to which a host always goes back."""
    back = deployment.goes_back
    if target.version != deployment.target.version and back is not None:
        back = True
    turn = replace(turn, goes_back=back)
    return replace(turn, version=target.version, digest=target.digest, config=target.config, manifest=target.manifest)


def _turn(deployment: Deployment, host: str, order: Order, attempt: int, now: datetime, lasts: timedelta) -> Turn:
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
    """Cancel this deployment's commands, also for agents that are unreachable now.

    Commands of a newer epoch stay, so a fenced deployment may call this too.
    """
    hosts = sorted(set(current.hosts) | set(context.fleet.reports(current.cluster)))
    turns = [cancel_turn(current, host, context.clock.now()) for host in hosts]
    _ = context.fleet.give_turns(current.cluster, turns)  # those of a newer epoch are another deployment's


def give_turns(context: Context, current: Deployment, turns: Sequence[Turn]) -> RefusedTurn | None:
    """Give hosts their commands; returns the first that was refused, and records each such host.

    A host that holds a later order of the same attempt needs nothing: the call is repeated.
    """
    refused = [each for each in context.fleet.give_turns(current.cluster, turns) if not each.is_repeat]
    for each in refused:
        context.record_action(current.cluster, current.id, "command refused", each.reason, each.turn.host)
    return refused[0] if refused else None
