"""Hosts that report to a cluster and that nobody has bound: sentences about them, for plans and operators."""

from collections.abc import Collection, Sequence

from lifecycle.application.context import Context
from lifecycle.domain.fleet.bound_hosts import BoundHosts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.listing import listed


def unknown_hosts(context: Context, cluster: Cluster, bound: BoundHosts, reports: Collection[str]) -> list[str]:
    """Return the sentence about hosts that nobody has bound, if there are any; `reports` are those that count."""
    if not bound.closed:
        return [open_words(cluster)] if reports else []
    strange = context.fleet.unbound(cluster, bound)
    return [unbound_words(cluster, strange)] if strange else []


def open_words(cluster: Cluster) -> str:
    """Return the sentence about a cluster whose hosts were never bound."""
    command = f"lifecycle bind-host {cluster.service} --environment {cluster.environment} --why '...'"
    return f"no host of {cluster} is bound, so every report counts as a host's: name them with `{command}`"


def unbound_words(cluster: Cluster, hosts: Sequence[str]) -> str:
    """Return the sentence about reports of hosts that are not bound."""
    does = "reports" if len(hosts) == 1 else "report"
    who = f"{listed(hosts)} {does} to {cluster}, but no such host is bound, so they do not count"
    how = f"`lifecycle bind-host {cluster.service}` binds hosts, and `lifecycle remove-host` deletes such a report"
    return f"{who}: {how}"
