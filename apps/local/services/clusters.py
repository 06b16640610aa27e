"""Adds a service to a laptop: its repository, two clusters from the template, and their hosts.

`lifecycle local add PATH` calls `add_service`. No host is registered in a target group here: the first rollout
registers a host after it has passed its checks.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from apps.local.aws import root_key
from apps.local.aws.assembly import Template, templates
from apps.local.aws.clients import Aws
from apps.local.aws.cloudformation import deploy
from apps.local.aws.emulator import take_snapshot
from apps.local.dispatcher import inotify
from apps.local.errors import LaptopError, NotRunning, PortsTaken
from apps.local.git.repositories import adopt, adopt_shared, bare_repository_of, clone_url
from apps.local.git.shared import shared_folder
from apps.local.lock import locked
from apps.local.own_files import read_environment, read_json
from apps.local.paths import CLUSTER_TEMPLATE, WORKER_TEMPLATE, Layout
from apps.local.ports import LOOPBACK, Ports, holder, is_free, next_free
from apps.local.processes import recorded
from apps.local.progress import Progress
from apps.local.services import balancer_settings, hosts
from apps.local.services.hosts import Host, LocalCluster
from apps.local.services.listener_weights import set_initial_weights
from lifecycle import names
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster
from lifecycle.domain.service.policy import Policy
from lifecycle.names import LEDGER
from lifecycle.servicefile import ServiceFile, read_service_file

HOSTS = {"staging": 1, "production": 4}
_ZONES = ("us-east-1a", "us-east-1b")
# Each host has a loopback address of its own, `.1` to `.254` of this network.
_NETWORK = "127.0.10"


@dataclass(frozen=True, slots=True)
class Added:
    """A service on this laptop: new, or found from an earlier `add`."""

    service: str
    working_copy: Path
    clusters: tuple[LocalCluster, ...]


def add_services(
    layout: Layout,
    path: Path,
    progress: Progress,
    sizes: Mapping[str, int] | None = None,
    is_alive: str | None = None,
) -> tuple[Added, ...]:
    """Add the service of a folder, or all services of a repository, as `add_service` adds one.

    The path may be a folder of a repository with several services: then it is that service, pushed with the others.
    """
    shared = shared_folder(layout, path)
    if shared is None:
        return (add_service(layout, path, progress, sizes, is_alive),)
    if is_alive and len(shared.services) > 1:
        names_ = ", ".join(each.name for each in shared.services)
        raise LaptopError(f"--is-alive is for one service, found {names_} in {path}; add each by its own folder")
    with locked(layout, progress):
        environment = read_environment(layout.environment)
        if environment is None:
            raise NotRunning
        for each in shared.services:
            _check_change(layout, environment, each.file, is_alive)
        folders = {each.name: each.folder for each in shared.services}
        with progress.step(f"give {', '.join(folders)} a Git repository whose pushes start a run"):
            copy = adopt_shared(layout, shared.root, folders)
        return tuple(
            _with_clusters(layout, environment, each.file, copy, progress, sizes, is_alive)
            for each in shared.services
        )


def add_service(
    layout: Layout,
    path: Path,
    progress: Progress,
    sizes: Mapping[str, int] | None = None,
    is_alive: str | None = None,
) -> Added:
    """Add a service: its repository, hook, clusters and hosts. Existing ones stay as they are.

    `sizes` is the number of hosts by environment. A cluster that has more hosts keeps them. `is_alive` is the path of
    the health check, in place of the one that lifecycle.toml declares. Raises PathNotAnswered before anything is
    changed.
    """
    with locked(layout, progress):
        environment = read_environment(layout.environment)
        if environment is None:
            raise NotRunning
        return add(layout, environment, path, progress, sizes, is_alive)


def add(
    layout: Layout,
    environment: Mapping[str, Any],
    path: Path,
    progress: Progress,
    sizes: Mapping[str, int] | None = None,
    is_alive: str | None = None,
) -> Added:
    """Add a service as `add_service` does; the caller holds the environment's lock."""
    if path.is_file():
        raise LaptopError(
            f"expected a folder with a lifecycle.toml, found a file: {path}; "
            f"run: lifecycle local add {shlex.quote(str(path.parent))}"
        )
    declared = read_service_file(path)
    service = declared.name
    _check_change(layout, environment, declared, is_alive)
    with progress.step(f"give {service} a Git repository whose pushes start a run"):
        copy = adopt(layout, service, path.resolve())
    return _with_clusters(layout, environment, declared, copy, progress, sizes, is_alive)


def _with_clusters(
    layout: Layout,
    environment: Mapping[str, Any],
    declared: ServiceFile,
    copy: Path,
    progress: Progress,
    sizes: Mapping[str, int] | None,
    is_alive: str | None,
) -> Added:
    made, service = [], declared.name
    health_path = is_alive or declared.checks.is_alive.path
    for name in ENVIRONMENTS:
        size = {**HOSTS, **(sizes or {})}[name]
        with progress.step(f"deploy the cluster {name}/{service} with {size} host{'s' * (size > 1)}"):
            made.append(_cluster(layout, environment, declared, name, size, health_path))
    take_snapshot(Ports(**environment["ports"]), root_key.recorded(environment))
    _own(layout, environment, service)
    return Added(service, copy, tuple(made))


def _own(layout: Layout, environment: Mapping[str, Any], service: str) -> None:
    """Make the service's repository its owner, unless it has one: no first build takes a service that has hosts."""
    from lifecycle.gateways.aws.catalogue import DynamoCatalogue  # noqa: PLC0415 (slow to import)
    from lifecycle.gateways.aws.table import Table  # noqa: PLC0415

    # As the hook writes it into its event, with no link in it.
    bare = bare_repository_of(layout, service, read_json(layout.services, {})[service]).resolve()
    DynamoCatalogue(Table(Aws.of(environment).client("dynamodb"), LEDGER)).claim_service(service, clone_url(bare))


def _check_change(
    layout: Layout, environment: Mapping[str, Any], declared: ServiceFile, is_alive: str | None
) -> None:
    """Refuse what would cost requests: a new path that a host does not answer, or more files than Envoy can watch.

    A service with HTTP and one without have other clusters, so neither becomes the other.
    """
    known = [each for each in hosts.clusters(layout).values() if each.service == declared.name]
    for cluster in known:
        if cluster.http is not declared.run.http:
            has = "a" if cluster.http else "no"
            raise LaptopError(
                f"lifecycle.toml says run.http = {str(declared.run.http).lower()}, but {cluster.name} has {has} load "
                "balancer, and stays as it is: give the new kind of service another name"
            )
    if not declared.run.http:
        if is_alive:
            raise LaptopError(f"--is-alive is for services with HTTP: {declared.name} says run.http = false")
        return
    inotify.require((len(ENVIRONMENTS) - len(known)) * inotify.FOR_A_CLUSTER)
    aws = Aws.of(environment)
    for cluster in known:
        balancer_settings.check_path(aws, cluster, is_alive or declared.checks.is_alive.path)


def _cluster(
    layout: Layout, environment: Mapping[str, Any], declared: ServiceFile, name: str, size: int, health_path: str
) -> LocalCluster:
    aws, ports = Aws.of(environment), Ports(**environment["ports"])
    cluster = _claimed(layout, ports, declared, name)
    assembly = Path(environment["assembly"])
    if declared.run.http:
        _deploy_with_balancer(aws, ports, assembly, declared, cluster, health_path)
    else:
        parameters = {"Service": declared.name, "Environment": name}
        template = _template(assembly, WORKER_TEMPLATE)
        deploy(aws, template, ports.emulator, stack=cluster.stack, parameters=parameters)
    for number in range(len(cluster.hosts) + 1, size + 1):
        cluster = _with_host(layout, ports, cluster, number)
        hosts.save(layout, cluster)
    hosts.bind(aws, cluster.hosts)
    parts = recorded(layout)
    for host in cluster.hosts:
        if host.part not in parts or not parts[host.part].alive:
            hosts.start_agent(layout, environment, host)
    return cluster


def _deploy_with_balancer(
    aws: Aws, ports: Ports, assembly: Path, declared: ServiceFile, cluster: LocalCluster, health_path: str
) -> None:
    template = _template(assembly, CLUSTER_TEMPLATE)
    now = balancer_settings.present(aws, cluster)
    own = _parameters(declared, cluster, health_path, now.drain_seconds if now else 0)
    parameters = {**own, **_network(aws.client("ec2"))}
    deploy(aws, template, ports.emulator, stack=cluster.stack, parameters=parameters)
    set_initial_weights(aws, Cluster(cluster.environment, declared.name))


def _claimed(layout: Layout, ports: Ports, declared: ServiceFile, environment: str) -> LocalCluster:
    """Return the recorded cluster, or record a new one, with a listener and no hosts, before it is made.

    An interrupted `add` may leave a listener that the dispatcher serves. The next `add` must find the same one.
    """
    service = declared.name
    if known := hosts.clusters(layout).get(f"{environment}/{service}"):
        return known
    listener = _listener(layout, ports, environment) if declared.run.http else 0
    cluster = LocalCluster(
        service=service,
        environment=environment,
        stack=names.cluster_stack(environment, service),
        listener=listener,
        address=f"http://{LOOPBACK}:{listener}" if listener else "",
        hosts=(),
    )
    hosts.save(layout, cluster)
    return cluster


def _parameters(declared: ServiceFile, cluster: LocalCluster, health_path: str, present_drain: int) -> dict[str, str]:
    """Return the cluster template's parameters, from the service's lifecycle.toml; a longer drain time stays."""
    policy = declared.to_manifest_parts().policies.get(cluster.environment, Policy())
    return {
        "Service": declared.name,
        "Environment": cluster.environment,
        "ListenerPort": str(cluster.listener),
        "Address": cluster.address,
        "AllowedCidr": "127.0.0.0/8",
        "IsAlivePath": health_path,
        "DrainSeconds": str(max(policy.drain_seconds, present_drain)),
        # A laptop gets so few requests that a single one is the 99th percentile, so its latency is not limited.
        "MostLatencySeconds": str(policy.drain_seconds),
    }


def _network(ec2: Any) -> dict[str, str]:
    """Return the parameters of the account's default VPC, in place of this machine's loopback network."""
    ours = {"Filters": [{"Name": "is-default", "Values": ["true"]}]}
    vpc = str(ec2.describe_vpcs(**ours)["Vpcs"][0]["VpcId"])
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    return {"VpcId": vpc, "SubnetIds": ",".join(subnet["SubnetId"] for subnet in subnets)}


def _template(assembly: Path, name: str) -> Template:
    for template in templates(assembly):
        if template.name == name:
            return template
    raise LaptopError(f"expected a template {name} in {assembly}; run `lifecycle local up` again")


def _listener(layout: Layout, ports: Ports, environment: str) -> int:
    """Return the environment's port for its first cluster, which must be free; the next free port for others."""
    first = int(getattr(ports, environment))
    taken = frozenset(cluster.listener for cluster in hosts.clusters(layout).values())
    if first in taken:
        reserved = frozenset(ports.fixed().values()) | taken
        return next_free(LOOPBACK, first + 1, avoid=reserved)
    if not is_free(LOOPBACK, first):
        raise PortsTaken([f"port {first} ({environment}) is taken{holder(first)}; end that process, then add again"])
    return first


def _with_host(layout: Layout, ports: Ports, cluster: LocalCluster, number: int) -> LocalCluster:
    """Return the cluster with one more host, on the next free loopback address and port."""
    others = [host for each in hosts.clusters(layout).values() for host in each.hosts]
    addresses = {host.address for host in others}
    address = next((free for n in range(1, 255) if (free := f"{_NETWORK}.{n}") not in addresses), None)
    if address is None:
        raise LaptopError(f"254 hosts are up, one for each address of {_NETWORK}.*, and no more are possible here")
    avoid = frozenset(host.port for host in others) | frozenset(ports.fixed().values())
    host = Host(
        name=f"{cluster.environment}-{cluster.service}-{number}",
        service=cluster.service,
        environment=cluster.environment,
        address=address,
        port=next_free(address, ports.host, avoid=avoid) if cluster.http else 0,
        zone=_ZONES[(number - 1) % len(_ZONES)],
    )
    return replace(cluster, hosts=(*cluster.hosts, host))
