"""Going back from what has ended: which deployment to undo, and to which version.

Used by `lifecycle rollback` and by the console. What still runs is rolled back by an answer (application/decide.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lifecycle.application.observe import remembered
from lifecycle.application.world import World
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState


@dataclass(frozen=True, slots=True)
class WayBack:
    """The deployment that is undone, and the version that was verified before it."""

    bad: Deployment
    version: str


def way_back(world: World, cluster: Cluster) -> WayBack:
    """From what is desired now to the newest other version that ended well and is not quarantined; raises Refused."""
    recent = list(remembered(world, cluster))
    bad = _standing(world, cluster, recent)
    if bad is None:
        raise Refused(f"the rollback of {cluster}", ["nothing was ever deployed there"])
    quarantined = world.fleet.quarantined(cluster)
    good = [
        each.target.version
        for each in recent
        if each.state is DeploymentState.DONE
        and each.target.version not in {bad.target.version, *quarantined}
    ]
    if not good:
        why = f"no version but {bad.target.version} was ever verified there, or it is quarantined"
        raise Refused(f"the rollback of {cluster}", [why])
    return WayBack(bad, good[0])


def _standing(world: World, cluster: Cluster, recent: Sequence[Deployment]) -> Deployment | None:
    """The deployment whose version is desired now; an aborted one too, for it is what has to be undone."""
    desired = world.registry.desired(cluster)
    named = world.deployments.get(cluster, desired.deployment) if desired else None
    return named or next(iter(recent), None)
