"""Checks a change of a cluster's health path or drain time before its stack is updated.

Called by clusters.py. The load balancer checks a new path on all hosts at once, so each of them must answer it
already (docs/adr/0019). A shorter drain time would cut the requests of the version that runs, so the longer one
stays.
"""

from dataclasses import dataclass

from apps.local.aws.clients import Aws
from apps.local.dispatcher.envoy_configuration import Check
from apps.local.dispatcher.failed_checks import repeated
from apps.local.dispatcher.targets import HEALTHY, Address
from apps.local.errors import LaptopError
from apps.local.services.hosts import LocalCluster
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group
from lifecycle.gateways.aws.dispatcher import AlbDispatcher

_SUCCESS = ((200, 299),)


class PathNotAnswered(LaptopError):
    """A host in rotation does not answer the path that the load balancer would check."""

    def __init__(self, cluster: str, path: str, present: str, hosts: list[str]) -> None:
        lines = "".join(f"\n  {each}" for each in hosts)
        super().__init__(
            f"nothing was changed: the load balancer of {cluster} checks {present}, and these hosts do not answer "
            f"{path}, so they would leave rotation:{lines}\n"
            f'First deploy a version that answers both and declares is_alive = {{ path = "{path}", also = '
            f'["{present}"] }}; then add again. To keep the present path: --is-alive {present}'
        )


@dataclass(frozen=True, slots=True)
class Present:
    """The settings that the target groups of a deployed cluster have now."""

    health_path: str | None
    drain_seconds: int


def present(aws: Aws, cluster: LocalCluster) -> Present | None:
    """Return the present settings; None if the cluster's stack does not exist yet."""
    dispatcher, named = _dispatcher(aws), Cluster(cluster.environment, cluster.service)
    try:
        return Present(dispatcher.health_path(named), max(dispatcher.drain_delays(named).values()))
    except Unknown:
        return None


def check_path(aws: Aws, cluster: LocalCluster, path: str) -> None:
    """Raise PathNotAnswered unless every host in rotation answers a new health path."""
    if not cluster.hosts:
        return  # its first `add` was interrupted before a host began
    now = present(aws, cluster)
    if now is None or now.health_path in (None, path):
        return
    dispatcher, named = _dispatcher(aws), Cluster(cluster.environment, cluster.service)
    states = [*(dispatcher.members(named, group) for group in Group)]
    in_rotation = {address for each in states for address, state in each.items() if state.in_rotation}
    failing = [
        f"{host.name}: GET http://{host.address}:{host.port}{path}: {found.description}"
        for host in cluster.hosts
        if host.address in in_rotation
        and (found := repeated(Address(host.address, host.port), Check(path, statuses=_SUCCESS))) != HEALTHY
    ]
    if failing:
        raise PathNotAnswered(cluster.name, path, str(now.health_path), failing)


def _dispatcher(aws: Aws) -> AlbDispatcher:
    return AlbDispatcher(aws.balancer(), aws.client("ssm"))
