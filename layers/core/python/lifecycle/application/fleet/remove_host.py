"""Remove a host that is gone.

Called by functions/fleet/remove_host. An audit entry precedes the effect.
"""

from collections.abc import Sequence
from datetime import datetime

from lifecycle.application.context import World
from lifecycle.application.operator_command import By, Done
from lifecycle.application.rollout.task_tokens import wake_open
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import TargetState


def remove_host(world: World, cluster: Cluster, host: str, by: By, *, terminated: bool = False) -> Done:
    """Forget a host that is gone, so that nobody waits for it; raises Unknown, Refused for one that is not gone.

    `terminated`: its machine is known to be gone, whatever its agent and the load balancer said last.
    """
    report = world.fleet.report(cluster, host)
    if report is None:
        raise Unknown("host", f"{host} of {cluster}", f"see: lifecycle hosts {cluster.service}")
    state = world.dispatcher.target(cluster, report.address)
    if not terminated and (reasons := _still_here(world, host, state, report.seen_at)):
        raise Refused(f"the removal of {host}", reasons)
    world.tell(cluster, f"remove {host}", by.who, by.why, host=host)
    traffic_weights.withdraw(world, cluster, report.address)
    world.dispatcher.deregister(cluster, report.address, report.port)
    world.fleet.lift_quarantine(cluster, host)
    world.fleet.remove(cluster, host)
    if holder := world.leases.current(cluster).deployment:
        wake_open(world, holder, host)  # whoever waits for a decision on it need not wait any more
    return Done(f"{host} is no longer a host of {cluster}", (str(cluster),))


def _still_here(world: World, host: str, state: TargetState, seen_at: datetime) -> Sequence[str]:
    reasons = []
    if world.clock.now() - seen_at <= world.patience:
        reasons.append(
            f"its agent was heard at {seen_at:%H:%M:%S} UTC: stop it first, or {host} would come back"
        )
    if state.serves:
        reasons.append("the load balancer finds it healthy: stop its service first")
    return reasons
