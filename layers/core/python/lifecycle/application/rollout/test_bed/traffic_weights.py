"""Traffic weights: share requests among a cluster's target groups while a test bed is in use.

Called by the stages and by application/rollout/test_bed. Each group's weight is its number of hosts, so a
host in the test bed serves as many requests as it would in the main group. A group without a healthy target
would answer its requests with 503, so its weight is 0.
"""

from collections.abc import Collection, Mapping

from lifecycle.application.context import Context
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group, TargetState

# An ALB accepts no greater weight.
MAXIMUM_WEIGHT = 999


def rebalance(context: Context, cluster: Cluster, without: Collection[str] = ()) -> None:
    """Weigh the groups by their hosts, ignoring the addresses `without`, which are about to leave.

    The main group counts every registered target, healthy or not: it fails over by itself. Safe to repeat.
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
    wanted = _valid(wanted)
    if dispatcher.weights(cluster) != wanted:
        dispatcher.weigh(cluster, wanted)
        # A host may have left since it was counted. Weights cannot be set conditionally, so check again.
        stop_unanswered_traffic(context, cluster)


def stop_traffic(context: Context, cluster: Cluster, address: str) -> None:
    """Set the weight of each group to 0 that has nothing to serve requests once `address` has left it.

    Call it before a target is deregistered. It only takes weight away, and next_step drains one test-bed or
    control host at a time, so two drains do not undo each other's weights.
    """
    # Another call may set weights at the same time. They cannot be set conditionally, so check again.
    if context.dispatcher.has_test_bed(cluster) and _clear_weights(context, cluster, address):
        _ = _clear_weights(context, cluster, address)  # nothing more to do where there was none


def _clear_weights(context: Context, cluster: Cluster, leaving: str) -> bool:
    """Set the weight of every unanswered group to 0; returns whether there was one.

    Nothing changes while the main group has all the traffic.
    """
    dispatcher = context.dispatcher
    weights = dict(dispatcher.weights(cluster))
    weighed = [group for group, weight in weights.items() if weight]
    if weighed == [Group.MAIN]:
        return False
    unanswered = [g for g in weighed if not _answers(dispatcher.members(cluster, g), g, leaving)]
    if unanswered:
        dispatcher.weigh(cluster, _valid(weights | dict.fromkeys(unanswered, 0)))
    return bool(unanswered)


def stop_unanswered_traffic(context: Context, cluster: Cluster) -> None:
    """Set the weight of each group to 0 whose host became unhealthy or was removed.

    It never adds weight, so a delayed call does no harm.
    """
    stop_traffic(context, cluster, address="")


def _answers(targets: Mapping[str, TargetState], group: Group, leaving: str) -> bool:
    """Return whether a target other than `leaving` can serve the group's requests.

    It must be healthy. In the main group, which fails over by itself, it need only be registered.
    """
    others = [state for each, state in targets.items() if each != leaving]
    if group is Group.MAIN:
        return any(state.in_rotation for state in others)
    return TargetState.HEALTHY in others


def _valid(counts: dict[Group, int]) -> dict[Group, int]:
    """Limit weights to the load balancer's maximum; the main group gets all traffic if no group has a weight."""
    if not any(counts.values()):
        return {**counts, Group.MAIN: 1}
    return {group: min(count, MAXIMUM_WEIGHT) for group, count in counts.items()}
