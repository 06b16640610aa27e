"""The hosts of a laptop: each is an agent and its service, with an address, a port, a zone and a role session.

clusters.py starts the agents; environment.py restarts and ends them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from apps.local.aws.assembly import CONTEXT
from apps.local.aws.clients import Aws
from apps.local.aws.emulator import endpoints
from apps.local.own_files import read_json
from apps.local.paths import EMULATED, PYTHONPATH, Layout, write_json
from apps.local.ports import Ports
from apps.local.priority import PriorityScope
from apps.local.processes import Part, recorded, start
from lifecycle import names
from lifecycle.ambient import for_python
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.trusted_keys import keys_text
from lifecycle.gateways.aws.fleet import DynamoFleet
from lifecycle.gateways.aws.signer import KmsPublicKeys
from lifecycle.gateways.aws.table import Table

AGENT = "agent-"
# The emulator grants any duration. AWS grants at most 12 hours, but renews an instance's session itself.
_SESSION_SECONDS = 30 * 86_400
_IDLE_SECONDS = 2.0
# An agent is unreachable after 10 s here (apps/local/aws/assembly.py), and after 30 s on AWS. Every second poll
# writes a heartbeat (apps/agent/reporter.py).
_HEARTBEAT_SECONDS = 5.0
# Most of a stop is waiting, up to stop_seconds of each service.
_STOPPED_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Host:
    """One host of one cluster."""

    name: str
    service: str
    environment: str
    address: str
    port: int
    zone: str

    @property
    def part(self) -> str:
        return f"{AGENT}{self.name}"

    @property
    def place(self) -> str:
        """The address, with the port unless the service has none."""
        return f"{self.address}:{self.port}" if self.port else self.address


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A cluster on this laptop, as recorded in clusters.json. Without HTTP, `listener` is 0 and `address` empty."""

    service: str
    environment: str
    stack: str
    listener: int
    address: str
    hosts: tuple[Host, ...]

    @property
    def name(self) -> str:
        return f"{self.environment}/{self.service}"

    @property
    def http(self) -> bool:
        """Return whether the cluster has a load balancer."""
        return bool(self.listener)


def clusters(layout: Layout) -> dict[str, LocalCluster]:
    """Return every cluster of this environment by its name, such as `production/hello`."""
    return {
        name: LocalCluster(**{**plain, "hosts": tuple(Host(**host) for host in plain["hosts"])})
        for name, plain in read_json(layout.clusters, {}).items()
    }


def services(layout: Layout) -> set[str]:
    """Return the services that have a cluster in this environment."""
    return {each.service for each in clusters(layout).values()}


def save(layout: Layout, cluster: LocalCluster) -> None:
    """Write a cluster into clusters.json."""
    known = {**clusters(layout), cluster.name: cluster}
    write_json(layout.clusters, {name: asdict(each) for name, each in known.items()})


def forget(layout: Layout, cluster: LocalCluster) -> None:
    """Delete a removed cluster's disks, then take it out of clusters.json."""
    for host in cluster.hosts:
        shutil.rmtree(layout.hosts / host.name, ignore_errors=True)
        layout.log(host.part).unlink(missing_ok=True)
    left = {name: each for name, each in clusters(layout).items() if name != cluster.name}
    write_json(layout.clusters, {name: asdict(each) for name, each in left.items()})


def bind(aws: Aws, hosts: Sequence[Host]) -> None:
    """Bind hosts to their addresses, before their agents report, so that no report names another."""
    fleet = DynamoFleet(Table(aws.client("dynamodb"), names.LEDGER))
    for name in sorted({(each.environment, each.service) for each in hosts}):
        cluster = Cluster(*name)
        own = {each.name: each.address for each in hosts if (each.environment, each.service) == name}
        fleet.bind(cluster, own)


def write_keys(layout: Layout, aws: Aws) -> None:
    """Write the file of the keys that every host of this laptop trusts, as an installation does on EC2.

    An environment of before has none; its hosts go on without.
    """
    if keys := KmsPublicKeys(aws.client("kms")).trusted():
        new = layout.trusted_keys.with_suffix(".new")
        new.write_text(keys_text(keys))
        new.replace(layout.trusted_keys)


def start_agent(layout: Layout, environment: Mapping[str, Any], host: Host) -> Part:
    """Start a host's agent; a session of the cluster's host role is its only credential."""
    ports = Ports(**environment["ports"])
    session = (
        Aws.of(environment)
        .client("sts")
        .assume_role(
            RoleArn=names.role_arn(names.host_role(host.environment, host.service), EMULATED),
            RoleSessionName=host.name,
            DurationSeconds=_SESSION_SECONDS,
        )["Credentials"]
    )
    (layout.hosts / host.name).mkdir(parents=True, exist_ok=True)
    variables = {
        **for_python(os.environ, PYTHONPATH),
        **endpoints(layout, ports),
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "1",
    }
    command = [
        *(sys.executable, "-m", "apps.agent", "run"),
        *("--home", str(layout.hosts / host.name)),
        *("--service", host.service),
        *("--environment", host.environment),
        *("--host", host.name),
        *("--address", host.address),
        *("--port", str(host.port)),
        *("--zone", host.zone),
        *("--table", environment["ledger_table"]),
        *("--bucket", environment["artifact_bucket"]),
        *("--idle-seconds", str(_IDLE_SECONDS)),
        *("--heartbeat-seconds", str(_HEARTBEAT_SECONDS)),
        *("--metrics-seconds", CONTEXT["minute_seconds"]),
        *(("--trusted-keys", str(layout.trusted_keys)) if layout.trusted_keys.exists() else ()),
    ]
    return start(layout, host.part, command, variables, PriorityScope.SESSION)


def with_dead_agent(layout: Layout) -> list[Host]:
    """Return the hosts whose agent died."""
    parts = recorded(layout)
    every = [host for cluster in clusters(layout).values() for host in cluster.hosts]
    return [host for host in every if host.part in parts and not parts[host.part].alive]


def stop_services(layout: Layout, only: Sequence[Host] | None = None) -> list[str]:
    """Stop the service of every host, or of these; the agents must have ended. Return the failures as messages."""
    started = [record.parent for record in layout.hosts.glob("*/service.json")]
    wanted = {each.name for each in only} if only is not None else {home.name for home in started}
    with ThreadPoolExecutor(max_workers=_STOPPED_AT_ONCE) as workers:
        failures = list(workers.map(_stop_service, [home for home in started if home.name in wanted]))
    return [failure for failure in failures if failure]


def _stop_service(home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "apps.agent", "stop-service", "--home", str(home)],
        env=for_python(os.environ, PYTHONPATH),
        capture_output=True,
        text=True,
        check=False,
    )
    return f"the service of {home.name}: {done.stderr.strip()[-300:]}" if done.returncode else ""
