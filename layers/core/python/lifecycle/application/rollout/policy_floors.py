"""The reads of policy floors.

Used by observe.py (the plan), raised_floors.py and the views.
"""

from functools import partial

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.policy_floor import Floors, scopes_of


def read_floors(context: Context, cluster: Cluster) -> Floors:
    """Return the floors of a cluster, its environment's first."""
    found = [readable(partial(context.registry.floor, scope), None) for scope in scopes_of(cluster)]
    known = tuple(floor for floor, _ in found if floor is not None)
    return Floors(known, tuple(str(error) for _, errors in found for error in errors))
