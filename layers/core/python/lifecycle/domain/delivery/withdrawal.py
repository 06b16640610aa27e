"""Blockers of a withdrawal: the uses of a release that its withdrawal would contradict.

Called by application/delivery/withdraw_release.py, before and after it records the withdrawal.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from lifecycle.domain.delivery.retention import ClusterUse, Unreadable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Deployment


def blockers(version: str, built_at: datetime, uses: Sequence[ClusterUse | Unreadable]) -> list[str]:
    """Return why a release that was built at this time may not be withdrawn; an unknown fact is a reason, too."""
    return [why for use in uses for why in _of_cluster(version, built_at, use)]


def _of_cluster(version: str, built_at: datetime, use: ClusterUse | Unreadable) -> Iterator[str]:
    if isinstance(use, Unreadable):
        yield f"{use.cluster} could not be read: {use.why}"
        return
    cluster, exclude = use.cluster, _exclude(version, use.cluster)
    deployed = next((each for each in use.deployments if _names(each, version) and not never_began(each)), None)
    if use.waiting == version:
        yield f"it waits to be deployed to {cluster}: `lifecycle cancel {cluster.service}` ends that"
    if deployed and deployed.state.final:
        yield f"it was deployed to {cluster} by {deployed.id}: {exclude}"
    elif deployed:
        yield f"{deployed.id} deploys it to {cluster}, {deployed.state}: wait for its end, then {exclude}"
    elif use.desired and use.desired.version == version:
        yield f"it is desired in {cluster}: {exclude}"
    if hosts := sorted(host for host, report in use.reports.items() if report.installed == version):
        yield f"it is installed on {hosts[0]} of {cluster}: {exclude}"
    holder = use.lease.deployment
    if holder and holder not in {each.id for each in use.deployments}:
        yield f"{holder} holds the lease of {cluster}, and its version is not recorded yet: wait for its end"
    if not use.complete and use.deployments[-1].started_at > built_at:
        yield f"{cluster} has more than {len(use.deployments)} deployments since it was built: {exclude}"


def _exclude(version: str, cluster: Cluster) -> str:
    options = f"--environment {cluster.environment} --why '...'"
    return f"`lifecycle quarantine {cluster.service} {version} {options}` excludes it from later deployments"


def _names(deployment: Deployment, version: str) -> bool:
    previous = deployment.previous
    return version in (deployment.target.version, deployment.request.version, previous.version if previous else "")


def never_began(deployment: Deployment) -> bool:
    """Return whether a deployment ended before its plan gave a host or the registry anything, as one refused does."""
    return deployment.state.final and not deployment.epoch and not deployment.known_writes.intended
