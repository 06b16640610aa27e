"""Shared faults: hosts that turn unhealthy together while their services run unchanged.

Such a fault is not in the hosts: a database is down, or a network. A repair would restart each service, fail its
self-test and leave its host out, while the load balancer still sends requests to unhealthy targets. Used by
domain/convergence/shared_outage.py and, right before an effect, by the plan and the drain of a repair.
"""

from collections.abc import Collection, Mapping

from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Rotation, TargetState, state_of
from lifecycle.domain.service.host_count import HostCount, at_most

# Registered, but failing the health checks, of unknown health, or unused: the group has no listener, or the zone is
# not enabled. A host in its first checks may still pass them.
_FAILS_CHECKS = (TargetState.UNHEALTHY, TargetState.UNAVAILABLE, TargetState.UNUSED, TargetState.UNKNOWN)


def unhealthy_together(
    reports: Mapping[str, HostReport],
    rotation: Rotation,
    members: Collection[str],
    digest: str | None,
    max_unavailable: HostCount,
    unreachable: Collection[str],
) -> tuple[str, ...]:
    """Return the hosts that a shared fault made unhealthy; none if each may be repaired for itself.

    They run the bytes of `digest`, or each its own, as they passed the self-test, but fail the health checks or are
    unused. They are more than `max_unavailable`, or no other host of the cluster serves. A host whose service does
    not run is not one of them, nor is one whose machine has another address: a repair moves it there. Nothing is
    known of the `unreachable` hosts: their machines may be gone.
    """
    known = set(members) & set(reports) - set(unreachable)
    found = tuple(
        host
        for host in sorted(known)
        if reports[host].has_passed(digest or reports[host].digest)
        and not reports[host].lost_address
        and state_of(rotation, host) in _FAILS_CHECKS
    )
    too_many = len(found) > at_most(max_unavailable, len(members))
    none_serves = len(known) > 1 and not any(state_of(rotation, host).serves for host in members)
    return found if found and (too_many or none_serves) else ()
