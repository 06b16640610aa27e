"""Traffic weights: share requests among a cluster's target groups while a test bed is in use.

Called by the stages and by application/rollout/test_bed. Each group's weight is its number of hosts, so a
host in the test bed serves as many requests as it would in the main group. A group without a healthy target
would answer its requests with 503, so its weight is 0. The main group fails open, so its weight is 0 only where the
other groups can take its requests: at least as many healthy hosts are there.
"""

from collections.abc import Collection, Mapping

from lifecycle.application.context import Context
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group, TargetState

# An ALB accepts no greater weight.
MAXIMUM_WEIGHT = 999


def rebalance(context: Context, cluster: Cluster, without: Collection[str] = ()) -> None:
    """Weigh the groups by their hosts, ignoring the addresses `without`, which are about to leave.

    The main group counts every registered target, healthy or not: it fails over by itself. If none is healthy, the
    other groups may take its requests. Safe to repeat.
    """
    dispatcher = context.dispatcher
    if not dispatcher.has_test_bed(cluster):
        return
    members = {group: dispatcher.members(cluster, group) for group in Group}
    wanted: dict[Group, int] = {
        group: sum(state is TargetState.HEALTHY and address not in without for address, state in targets.items())
        for group, targets in members.items()
        if group is not Group.MAIN
    }
    main, others = members[Group.MAIN], sum(wanted.values())
    wanted[Group.MAIN] = _in_rotation(main) if _main_answers(main.values(), others) else 0
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
    if not _is_shared(weights):
        return False
    left = {
        group: [state for each, state in dispatcher.members(cluster, group).items() if each != leaving]
        for group in weighed
    }
    others = sum(state is TargetState.HEALTHY for group in left if group is not Group.MAIN for state in left[group])
    unanswered = [
        group
        for group, states in left.items()
        if not (_main_answers(states, others) if group is Group.MAIN else TargetState.HEALTHY in states)
    ]
    if unanswered:
        dispatcher.weigh(cluster, _valid(weights | dict.fromkeys(unanswered, 0)))
    return bool(unanswered)


def stop_unanswered_traffic(context: Context, cluster: Cluster) -> None:
    """Set the weight of each group to 0 whose hosts became unhealthy or were removed.

    It adds no weight, so a delayed call does no harm; except to the main group, once a host of it is healthy again.
    """
    if context.dispatcher.has_test_bed(cluster) and _is_shared(context.dispatcher.weights(cluster)):
        stop_traffic(context, cluster, address="")
        _return_traffic(context, cluster)


def _is_shared(weights: Mapping[Group, int]) -> bool:
    """Return whether a group beside the main one has traffic: only a test bed gives it some."""
    return any(weight for group, weight in weights.items() if group is not Group.MAIN)


def _return_traffic(context: Context, cluster: Cluster) -> None:
    """Give the main group its weight back."""
    dispatcher = context.dispatcher
    weights = dict(dispatcher.weights(cluster))
    if any(weights.values()) and not weights[Group.MAIN]:
        main = dispatcher.members(cluster, Group.MAIN)
        if TargetState.HEALTHY in main.values():
            dispatcher.weigh(cluster, _valid(weights | {Group.MAIN: _in_rotation(main)}))


def _in_rotation(targets: Mapping[str, TargetState]) -> int:
    return sum(state.in_rotation for state in targets.values())


def _main_answers(states: Collection[TargetState], others: int) -> bool:
    """Return whether the main group serves its requests as well as `others` healthy hosts of other groups could.

    Where all its hosts fail their checks, it fails open: a few hosts could not take the requests of many.
    """
    here = [state for state in states if state.in_rotation]
    return bool(here) and (len(here) > others or not all(state.fails for state in here))


def _valid(counts: dict[Group, int]) -> dict[Group, int]:
    """Limit weights to the load balancer's maximum; the main group gets all traffic if no group has a weight."""
    if not any(counts.values()):
        return {**counts, Group.MAIN: 1}
    return {group: min(count, MAXIMUM_WEIGHT) for group, count in counts.items()}
