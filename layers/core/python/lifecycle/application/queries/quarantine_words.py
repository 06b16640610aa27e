"""The effect of a quarantine here and now, in the words of the command line and of the console."""

from lifecycle.application.context import Context
from lifecycle.application.queries.context import QueryContext
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment

HOST_STAYS = "it stays as it is; deployments and repairs neither change nor count it"


def quarantine_effects(query: QueryContext, cluster: Cluster, name: str) -> list[str]:
    """Return what the quarantine of a host, a version or a configuration changes."""
    context = query.context
    if name in context.fleet.reports(cluster):
        return [HOST_STAYS]
    holder = context.leases.current(cluster).deployment
    running = readable(lambda: context.deployments.get(cluster, holder), None)[0] if holder else None
    return version_effects(context, cluster, name, running)


def version_effects(context: Context, cluster: Cluster, name: str, running: Deployment | None) -> list[str]:
    """Return what the quarantine of a version or a configuration changes, also where it runs already."""
    lines = [f"{name}: deployments to {cluster} need --even-if-quarantined"]
    desired, _ = readable(lambda: context.registry.desired(cluster), None)
    if running and not running.state.final and name in running.target.quarantine_names:
        lines.append(f"{running.id} deploys it now and goes on; roll it back")
    elif desired and name in desired.target.quarantine_names:
        lines.append("it is desired now: hosts go on serving it, and drift is not repaired; roll back")
    return lines
