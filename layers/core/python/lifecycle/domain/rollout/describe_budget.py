"""The Describe calls of ELB that a deployment shares with the rollouts that run: ten per second for an account.

Used by the plan, which warns. Nothing fails where they are too few, since every wait looks again: it takes longer.
"""

from lifecycle.domain.fleet.cluster import Cluster

# Ten calls per second, at one poll of each waiting host in two seconds.
_HOSTS_AT_ONCE = 20


def budget_warning(cluster: Cluster, at_once: int, others: int) -> list[str]:
    """Return the warning about hosts that would wait at the same time; `others` are the rollouts that run already."""
    if at_once * (others + 1) <= _HOSTS_AT_ONCE:
        return []
    beside = "" if not others else f" beside {others} running rollout{'s' if others > 1 else ''} of this account"
    hosts = "1 host" if at_once == 1 else f"{at_once} hosts"
    what = f"{hosts} at once{beside} may poll ELB more often than the ten calls per second that an account has"
    return [
        f"{what}: each host takes longer. A smaller max_unavailable of {cluster}, or fewer rollouts at once, help"
    ]
