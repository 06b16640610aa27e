"""Removes a service from a laptop: its clusters with their hosts, and its repository.

`lifecycle local remove SERVICE` calls `remove_service`. The audit log, the snapshots, the releases and the lease with
its epoch stay, so that a service that is added again goes on with them. No file of the person's is deleted.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.local.aws import root_key
from apps.local.aws.clients import Aws
from apps.local.aws.cloudformation import delete
from apps.local.aws.emulator import take_snapshot
from apps.local.errors import LaptopError, NotRunning
from apps.local.git.removal import forget
from apps.local.lock import locked
from apps.local.own_files import read_environment, read_json
from apps.local.paths import Layout
from apps.local.ports import LOOPBACK, Ports, is_free
from apps.local.processes import end, recorded
from apps.local.progress import Progress
from apps.local.services import hosts
from apps.local.services.hosts import LocalCluster
from lifecycle import names
from lifecycle.application.fleet.forget_cluster import hosts_on_record
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.fleet import DynamoFleet
from lifecycle.gateways.aws.leases import DynamoLeases
from lifecycle.gateways.aws.members import DynamoMembers
from lifecycle.gateways.aws.table import Table

_LISTENER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Removed:
    """A removed service: its clusters, and the folder that its repository and working copy were moved to, if any."""

    service: str
    clusters: tuple[str, ...]
    moved_to: Path | None


def known_services(layout: Layout) -> Sequence[str]:
    """Return the name of every service that was added and not removed."""
    added = {cluster.service for cluster in hosts.clusters(layout).values()}
    return sorted(added | set(read_json(layout.services, {})))


def remove_service(layout: Layout, service: str, progress: Progress) -> Removed:
    """Remove a service's clusters, then its repository; another call goes on after an interrupted one.

    Raises LaptopError for an unknown service, or if a deployment holds the lease of one of its clusters.
    """
    with locked(layout, progress):
        if service not in (known := known_services(layout)):
            raise LaptopError(
                f"expected a service that was added here, found {service!r}; known: {', '.join(known) or 'none'}"
            )
        mine = [each for each in hosts.clusters(layout).values() if each.service == service]
        if mine:
            _remove_clusters(layout, mine, progress)
        with progress.step(f"move the repository of {service} away"):
            moved = forget(layout, service)
    return Removed(service, tuple(each.name for each in mine), moved)


def _remove_clusters(layout: Layout, clusters: Sequence[LocalCluster], progress: Progress) -> None:
    environment = read_environment(layout.environment)
    if environment is None:
        raise NotRunning
    aws = Aws.of(environment)
    _refuse_deploying(aws, clusters)
    for cluster in clusters:
        with progress.step(f"remove the cluster {cluster.name} with its hosts"):
            _remove_cluster(layout, aws, cluster)
    _snapshot(environment)


def _refuse_deploying(aws: Aws, clusters: Sequence[LocalCluster]) -> None:
    leases = DynamoLeases(Table(aws.client("dynamodb"), names.LEDGER))
    for each in clusters:
        if holder := leases.current(Cluster(each.environment, each.service)).deployment:
            raise LaptopError(
                f"nothing was removed: expected no deployment of {each.name}, found {holder}; wait until it ends, or "
                "abort it (`lifecycle status` has the command), then remove the service again"
            )


def _remove_cluster(layout: Layout, aws: Aws, cluster: LocalCluster) -> None:
    """End the agents, so that none starts its service again; then the traffic, the services and the records."""
    parts = recorded(layout)
    stayed = end(layout, [parts[host.part] for host in cluster.hosts if host.part in parts])
    _close_listener(aws, cluster.listener)
    delete(aws, cluster.stack)
    _await_free(cluster.listener)
    failures = hosts.stop_services(layout, cluster.hosts)
    if left := [*failures, *(f"pid {pid}" for pid in stayed)]:
        raise LaptopError(f"these did not end: {'; '.join(left)}; end them, then remove the service again")
    _remove_records(aws, cluster)
    hosts.forget(layout, cluster)


def _close_listener(aws: Aws, port: int) -> None:
    """Delete a listener by the load balancer's own endpoint, which reads a change of CloudFormation seconds later."""
    balancer = aws.balancer()
    every = (each["LoadBalancerArn"] for each in balancer.describe_load_balancers()["LoadBalancers"])
    for arn in every:
        for listener in balancer.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
            if listener["Port"] == port:
                balancer.delete_listener(ListenerArn=listener["ListenerArn"])


def _await_free(listener: int) -> None:
    """Wait until the load balancer has read that the listener is gone, so that the next `add` may have its port."""
    deadline = time.monotonic() + _LISTENER_SECONDS
    while listener and not is_free(LOOPBACK, listener):
        if time.monotonic() > deadline:
            raise LaptopError(
                f"expected the load balancer to close port {listener} within {_LISTENER_SECONDS:.0f} s, found it "
                "open; repair it (lifecycle local up), then remove the service again"
            )
        time.sleep(0.05)


def _remove_records(aws: Aws, cluster: LocalCluster) -> None:
    """Remove the records that are about hosts, and the desired version, which no host is left to have."""
    table, named = Table(aws.client("dynamodb"), names.LEDGER), Cluster(cluster.environment, cluster.service)
    fleet, members = DynamoFleet(table), DynamoMembers(table)
    for host in hosts_on_record(fleet, named) | {each.name for each in cluster.hosts}:
        fleet.lift_quarantine(named, host)
        fleet.remove(named, host)
    for member in members.all(named):
        members.remove(named, member.address, member.port)
    ssm = aws.client("ssm")
    path = names.cluster_parameters(cluster.environment, cluster.service)
    for page in ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True):
        for parameter in page["Parameters"]:
            ssm.delete_parameter(Name=parameter["Name"])


def _snapshot(environment: Mapping[str, Any]) -> None:
    take_snapshot(Ports(**environment["ports"]), root_key.recorded(environment))
