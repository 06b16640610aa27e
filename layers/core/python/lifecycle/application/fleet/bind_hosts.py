"""The binding of hosts to their addresses, by an operator or by convergence.

Called by functions/fleet/bind_hosts and by convergence. An audit entry precedes the effect.
"""

from collections.abc import Mapping

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import host_name
from lifecycle.domain.fleet.target_group import check_target
from lifecycle.domain.listing import listed


def bind_hosts(
    context: Context,
    cluster: Cluster,
    places: Mapping[str, str],
    by: RequestedBy,
    machines: Mapping[str, str] | None = None,
) -> CommandResult:
    """Bind hosts of a cluster to their addresses; raises InvalidValue, and Refused with every reason.

    The first binding closes the cluster: reports of other hosts do not count any more. So it must name every host
    that is in rotation. Of an Auto Scaling group, EC2 knows the hosts and where they are, whatever a person says.
    `machines` are its instances, where the caller has read them.
    """
    for host, address in places.items():
        _ = host_name(host)  # only to refuse it
        check_target(address, None)
    bound = context.fleet.bound(cluster)
    wanted = {**bound.places, **places}
    if machines is None:
        machines = context.machines.addresses(cluster)
    reasons = [*_shared(wanted), *(_not_of_ec2(places, machines) if machines is not None else ())]
    if not bound.closed and (left := sorted(set(_in_rotation(context, cluster)) - set(wanted))):
        bind = "bind them" if machines is None else "attach their instances to the Auto Scaling group"
        how = f"{bind}, too, or remove them with `lifecycle remove-host {cluster.service} HOST`"
        reasons.append(f"{listed(left)} would not count any more, and has a target in the load balancer: {how}")
    if reasons or not places:
        raise Refused(f"the binding of hosts of {cluster}", reasons or ["expected at least one host"])
    new = {host: address for host, address in sorted(places.items()) if bound.places.get(host) != address}
    for host, address in new.items():
        context.record(cluster, f"bind {host} to {address}", by.who, by.why, host=host)
    context.fleet.bind(cluster, places)
    words = ", ".join(f"{host} to {address}" for host, address in new.items()) or "nothing new"
    return CommandResult(f"bound in {cluster}: {words}", (str(cluster),))


def _shared(wanted: Mapping[str, str]) -> list[str]:
    """Return a reason for each address that two hosts would have."""
    hosts: dict[str, list[str]] = {}
    for host, address in sorted(wanted.items()):
        hosts.setdefault(address, []).append(host)
    shared = {address: each for address, each in hosts.items() if len(each) > 1}
    return [f"{address} would be of {listed(each)}: remove the host that is gone" for address, each in shared.items()]


def _not_of_ec2(places: Mapping[str, str], machines: Mapping[str, str]) -> list[str]:
    """Return a reason for each host that is no instance of the Auto Scaling group at this address."""
    return [
        f"{host} is at {machines[host]}, as EC2 says, and not at {address}"
        if host in machines
        else f"{host} is no instance of the Auto Scaling group of this cluster"
        for host, address in sorted(places.items())
        if machines.get(host) != address
    ]


def _in_rotation(context: Context, cluster: Cluster) -> list[str]:
    """Return the hosts whose reports name an address with a target."""
    targets = context.dispatcher.targets(cluster)
    return [host for host, each in context.fleet.reports(cluster).items() if each.address in targets]
