"""Shares: how the requests are shared among a cluster's target groups while a test bed and its control are aside.

Each group gets the share of its hosts, so that a host in the test bed serves as much as it would at home. A group
without a healthy target would answer its share with 503, so it gets none.
"""

from collections.abc import Collection, Mapping

from lifecycle.application.context import Context
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group, TargetState

# The greatest weight that an ALB takes.
MAXIMUM_WEIGHT = 999


def rebalance(context: Context, cluster: Cluster, without: Collection[str] = ()) -> None:
    """Weigh the groups by their hosts; those at the addresses `without` are about to leave the groups aside.

    The main group counts what is registered there, ill or not: it fails over by itself. Safe to repeat.
    """
    dispatcher = context.dispatcher
    if not dispatcher.has_test_bed(cluster):
        return
    wanted: dict[Group, int] = {}
    for group in Group:
        targets = dispatcher.members(cluster, group)
        main = group is Group.MAIN
        wanted[group] = sum(
            state.in_rotation if main else state is TargetState.HEALTHY and address not in without
            for address, state in targets.items()
        )
    wanted = _scaled(wanted)
    if dispatcher.weights(cluster) != wanted:
        dispatcher.weigh(cluster, wanted)
        # A host may have left since it was counted, and weights have no conditions: look again.
        stop_unanswered_traffic(context, cluster)


def stop_traffic(context: Context, cluster: Cluster, address: str) -> None:
    """Before a target is deregistered: no group may be left with a share and nobody to answer it.

    Shares are only taken, and one host that is aside is drained at a time (domain/rollout/next_step.py), so that two drains do
    not undo each other's.
    """
    # Another call may weigh them at the same time, and weights have no conditions: look again.
    if context.dispatcher.has_test_bed(cluster) and _take(context, cluster, address):
        _take(context, cluster, address)


def _take(context: Context, cluster: Cluster, leaving: str) -> bool:
    """Whether there was a share to be taken; while nobody is aside, the main group has all of it."""
    dispatcher = context.dispatcher
    weights = dict(dispatcher.weights(cluster))
    shared = [group for group, weight in weights.items() if weight]
    if shared == [Group.MAIN]:
        return False
    left = [group for group in shared if not _answered(dispatcher.members(cluster, group), group, leaving)]
    if left:
        dispatcher.weigh(cluster, _scaled(weights | dict.fromkeys(left, 0)))
    return bool(left)


def stop_unanswered_traffic(context: Context, cluster: Cluster) -> None:
    """Take the share of a group that has nobody left to answer it: its host fell ill, or was forgotten.

    It gives nobody a share, so that a call that was slow does no harm.
    """
    stop_traffic(context, cluster, address="")


def _answered(targets: Mapping[str, TargetState], group: Group, leaving: str) -> bool:
    """Whether anybody but who leaves is healthy; in the main group, which fails over by itself, registered."""
    others = [state for each, state in targets.items() if each != leaving]
    if group is Group.MAIN:
        return any(state.in_rotation for state in others)
    return TargetState.HEALTHY in others


def _scaled(counts: dict[Group, int]) -> dict[Group, int]:
    """Within what a load balancer takes; somebody always has a share."""
    if not any(counts.values()):
        return {**counts, Group.MAIN: 1}
    return {group: min(count, MAXIMUM_WEIGHT) for group, count in counts.items()}
