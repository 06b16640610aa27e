"""The peers' hosts: services on loopback addresses of their own, behind a target group of their own.

The load balancer is the environment's (Envoy). The target group has the settings of the production cluster's, and
a listener of its own. No agent watches these hosts. The service runs as on any host: with its release's
environment, in the folder that `current` points to.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from apps.agent.installer import service_environment
from apps.agent.settings import Settings
from apps.local.aws.clients import Aws
from apps.local.paths import REGION
from apps.local.ports import LOOPBACK, next_free
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.manifest import Manifest
from lifecycle.gateways.serialization import Source, from_json
from tools.bench.laboratory import Laboratory
from tools.bench.peers import script, steps

# `.1` to `.254` of this network; Lifecycle's own hosts have 127.0.10.
_NETWORK = "127.0.20"
SERVICE = Path(__file__).with_name("service.sh")
ACTIONS = ("DeregisterTargets", "DescribeTargetHealth", "RegisterTargets")
POLL_SECONDS, PORT_POLL_SECONDS = 0.05, 0.005


@dataclass(frozen=True, slots=True)
class Artifact:
    """One release of the example service, as Lifecycle's first production host fetched it."""

    version: str
    file: Path
    manifest: Manifest


@dataclass(slots=True)
class Fleet:
    """Hosts that run and are registered; `grow` adds more."""

    folder: Path
    address: str
    balancer: str
    group: str
    first_port: int
    root: Mapping[str, str]
    hosts: list[dict[str, Any]] = field(default_factory=list)

    def plan(self, artifact: Artifact, number: int, marks: Path) -> Path:
        """Write the plan of one rollout to the first hosts, and forget its version on them; return the file."""
        for host in self.hosts[:number]:
            home = Path(host["home"])
            shutil.rmtree(home / "releases" / artifact.version, ignore_errors=True)
            (home / "artifacts" / f"{artifact.version}.tar.gz").unlink(missing_ok=True)
        marks.unlink(missing_ok=True)
        plan = self._plan(artifact, marks)
        plan["targets"] = [self.signed(host) for host in self.hosts[:number]]
        file = self.folder / "plan.json"
        file.write_text(json.dumps(plan))
        return file

    def grow(self, number: int, artifact: Artifact) -> None:
        """Add hosts until there are so many; each runs the artifact and is registered."""
        plan = self._plan(artifact, self.folder / "unused")
        while len(self.hosts) < number:
            host = self._host(len(self.hosts) + 1, artifact.manifest)
            home = Path(host["home"])
            script.switch(home, script.bring(plan, home))
            script.start(home)
            self.hosts.append(host)  # from here on `end` stops its service, whatever fails below
            steps.await_port(plan, host)
            steps.register(plan, self.signed(host))

    def end(self) -> None:
        """End every service."""
        for host in self.hosts:
            script.stop(Path(host["home"]))

    def _plan(self, artifact: Artifact, marks: Path) -> dict[str, Any]:
        manifest = artifact.manifest
        return {
            "balancer": self.balancer,
            "poll_seconds": POLL_SECONDS,
            "port_poll_seconds": PORT_POLL_SECONDS,
            "version": artifact.version,
            "artifact": str(artifact.file),
            "digest": manifest.digest,
            "self_test": manifest.self_test.path or manifest.is_alive.path or "/",
            "marks": str(marks),
        }

    def signed(self, host: dict[str, Any]) -> dict[str, Any]:
        """Add the three calls that the steps make, signed now: the body and the headers by the call's name.

        AWS takes a signature for a quarter of an hour, and any number of times. So no tool needs to sign.
        """
        target = {"Targets.member.1.Id": host["address"], "Targets.member.1.Port": host["port"]}
        return {**host, "calls": {action: self._call(action, target) for action in ACTIONS}}

    def _call(self, action: str, target: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        body = urlencode({"Action": action, "Version": "2015-12-01", "TargetGroupArn": self.group, **target})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        request = AWSRequest("POST", f"http://{self.balancer}/", headers, body)
        key = Credentials(self.root["AccessKeyId"], self.root["SecretAccessKey"])
        SigV4Auth(key, "elasticloadbalancing", REGION).add_auth(request)
        return body, dict(request.headers)

    def _host(self, number: int, manifest: Manifest) -> dict[str, Any]:
        """Make the folder of a host: `service.sh` with the service's environment, and no release yet."""
        address = f"{_NETWORK}.{number}"
        host: dict[str, Any] = {
            "name": f"peer-{number}",
            "address": address,
            "port": next_free(address, self.first_port),
            "home": str(self.folder / f"peer-{number}"),
        }
        home = Path(host["home"])
        for name in ("artifacts", "releases"):
            (home / name).mkdir(parents=True)
        settings = Settings(host["name"], Cluster("production", manifest.service), address, host["port"], home)
        variables = {**service_environment(manifest, settings, {}), "COMMAND": manifest.run.command}
        (home / "environment").write_text("".join(f"{name}={quote(value)}\n" for name, value in variables.items()))
        shutil.copy(SERVICE, home)
        return host


@contextmanager
def fleet(lab: Laboratory, folder: Path) -> Iterator[Fleet]:
    """Make the target group and its listener; after the block, end the services and remove both."""
    # The embedded AWS answers these calls by way of the load balancer's endpoint, as for any other client.
    balancer = f"{LOOPBACK}:{lab.ports.balancer}"
    aws = Aws.of(lab.facts)
    elb = aws.balancer()
    port = next_free(LOOPBACK, lab.ports.production + 1, avoid=frozenset(lab.ports.fixed().values()))
    group, listener = _front(elb, lab.production.listener, port)
    made = Fleet(folder, f"http://{LOOPBACK}:{port}", balancer, group, lab.ports.host, aws.credentials)
    try:
        yield made
    finally:
        made.end()
        elb.delete_listener(ListenerArn=listener)
        elb.delete_target_group(TargetGroupArn=group)


def artifact(lab: Laboratory, version: str) -> Artifact:
    """Return a version as the first production host has it on its disk."""
    folder = lab.layout.hosts / lab.production.hosts[0].name / "artifacts" / version
    file = folder / "manifest.json"
    manifest = from_json(Manifest, file.read_text(), Source(str(file), "Deploy it again."))
    return Artifact(version, folder / "artifact.tar.gz", manifest)


def _front(elb: Any, like: int, port: int) -> tuple[str, str]:
    """Make a target group with the settings of the one that the listener `like` forwards to, and a listener."""
    known = next(each for each in elb.describe_listeners()["Listeners"] if each["Port"] == like)
    model = max(known["DefaultActions"][0]["ForwardConfig"]["TargetGroups"], key=lambda each: each["Weight"])
    found = elb.describe_target_groups(TargetGroupArns=[model["TargetGroupArn"]])["TargetGroups"][0]
    settings = {name: found[name] for name in _SETTINGS if name in found}
    made = elb.create_target_group(Name="peers", **settings)["TargetGroups"][0]["TargetGroupArn"]
    attributes = elb.describe_target_group_attributes(TargetGroupArn=model["TargetGroupArn"])["Attributes"]
    elb.modify_target_group_attributes(TargetGroupArn=made, Attributes=attributes)
    listener = elb.create_listener(
        LoadBalancerArn=known["LoadBalancerArn"],
        Protocol="HTTP",
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": made}],
    )
    return made, str(listener["Listeners"][0]["ListenerArn"])


_SETTINGS = (
    *("Protocol", "Port", "VpcId", "TargetType", "Matcher", "HealthCheckPath", "HealthCheckProtocol"),
    *("HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount"),
)
