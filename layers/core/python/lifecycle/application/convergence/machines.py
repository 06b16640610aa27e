"""Instances of Auto Scaling: bind each to the address that EC2 knows, before its report can count.

Called by converge.py before anything else, also at the event of a new instance.
"""

from lifecycle.application.context import Context
from lifecycle.application.fleet.bind_hosts import bind_hosts
from lifecycle.application.operator_command import RequestedBy
from lifecycle.domain.errors import CallFailed, InvalidValue, Refused
from lifecycle.domain.fleet.cluster import Cluster

_WHO = "auto-scaling"
_WHY = "EC2 names this private address of an instance of the Auto Scaling group"


def bind_machines(context: Context, cluster: Cluster) -> str:
    """Bind the instances that are not bound yet, or elsewhere; return why that failed, or nothing.

    A repair must not wait for it: what is bound already stays bound.
    """
    try:
        _bind(context, cluster)
    except (CallFailed, InvalidValue, Refused) as error:
        return f"its instances are not bound: {error}"
    return ""


def _bind(context: Context, cluster: Cluster) -> None:
    machines = context.machines.addresses(cluster)
    if not machines:
        return
    bound = context.fleet.bound(cluster).places
    taken = {address for host, address in machines.items() if bound.get(host) != address}
    for host, address in bound.items():
        if host not in machines and address in taken:  # of a terminated instance, whose event was lost
            context.record(cluster, f"unbind {host}", _WHO, f"{address} is another instance's now", host=host)
            context.fleet.unbind(cluster, host)
    if taken:
        _ = bind_hosts(context, cluster, machines, RequestedBy(_WHO, _WHY))  # a sentence for people
