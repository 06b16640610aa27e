"""The clusters of cdk.json, and what AWS takes of them. It imports no CDK: `lifecycle doctor` reads them, too."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from lifecycle.names import ENVIRONMENT_LETTERS

_ROOT = Path(__file__).resolve().parents[1]
# A call of the public function takes under a second, and an organisation pushes a few times in one. A flood of its
# address takes no more of the account's concurrency (1,000) from the rollouts. GitHub shows a refused webhook, to be
# delivered again.
WEBHOOK_CONCURRENCY = 10

_MOST_DRAIN_SECONDS = 3600  # of a target group of ELB
_MOST_HOSTS = 2_000

# The settings of a cluster that are about its load balancer and the requests that pass it.
_OF_A_BALANCER = {
    *("service_port", "is_alive_path", "drain_seconds", "listener_port", "internal", "allowed_cidr"),
    *("certificate_arn", "most_error_percent", "most_latency_seconds", "most_unhealthy_hosts"),
}

# Amazon Linux 2023: its python3 is 3.9, and newer ones are packages of their own, such as python3.13.
IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
_GRAVITON = re.compile(r"(a1|[a-z]+\d+[a-z]*g[a-z]*)[.-].*")


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """One cluster of EC2 hosts, from the context's `clusters`. The VPC and its subnets exist already.

    Without `http` it has no load balancer: its service is a worker. `image` is the identifier of an AMI, or a
    parameter of Systems Manager that has one. `packages` are installed on each host, and then the script `install`
    runs there as root; its path is relative to this repository. `volume_gb` has room for the system, and for four
    releases of up to 1 GiB with their trees.
    """

    service: str
    environment: str
    vpc_id: str
    subnet_ids: tuple[str, ...]
    host_subnet_ids: tuple[str, ...] = ()  # where they are not those of the load balancer
    http: bool = True
    hosts: int = 2
    instance_type: str = "t3.small"
    detailed_monitoring: bool = False  # EC2's metrics each minute, at 2.10 USD a host and month
    metrics_always: bool = False  # the service's own metrics at rest, too, at 0.30 USD each and a host and month
    image: str = IMAGE
    packages: tuple[str, ...] = ()
    install: str = ""
    volume_gb: int = 30
    root_device: str = "/dev/xvda"
    service_port: int = 8080
    is_alive_path: str = "/is_alive"
    drain_seconds: int = 60
    listener_port: int = 80
    internal: bool = True
    allowed_cidr: str = "10.0.0.0/8"
    certificate_arn: str = ""
    most_error_percent: float = 2
    most_latency_seconds: float = 2
    most_unhealthy_hosts: int = 0

    @property
    def install_script(self) -> str:
        """Return the text of the script that brings what no package has; a command that does nothing without one."""
        return (_ROOT / self.install).read_text().strip() if self.install else "true"

    @property
    def of_hosts(self) -> tuple[str, ...]:
        """Return the subnets of the hosts; private ones, where the load balancer is reached from the internet."""
        return self.host_subnet_ids or self.subnet_ids

    @classmethod
    def read(cls, found: Any) -> "ClusterSettings":
        """Return a cluster; exits with the first setting that AWS, or a shell, would not take."""
        if not isinstance(found, Mapping):
            refuse("clusters", f"objects such as {_FORM}", found)
        known = set(cls.__dataclass_fields__)
        if unknown := set(found) - known:
            keys, allowed = ", ".join(sorted(unknown)), ", ".join(sorted(known))
            raise SystemExit(f"cdk.json: clusters: unknown keys {keys}; allowed: {allowed}")
        if missing := [each for each in _NEEDED if each not in found]:
            refuse(f"clusters: {missing[0]}", f"each of {', '.join(_NEEDED)}, as in {_FORM}", sorted(found))
        if found.get("http") is False and (needless := set(found) & _OF_A_BALANCER):
            keys = ", ".join(sorted(needless))
            raise SystemExit(f"cdk.json: clusters: {keys}: a cluster with http: false has no load balancer")
        for key, value in found.items():
            is_good, expected = _TAKEN[key]
            if not is_good(value):
                refuse(f"clusters: {key}", expected, value)
        values: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in found.items()}
        made = cls(**values)
        made._check_together()
        return made

    def _check_together(self) -> None:
        if self.http and len(self.subnet_ids) < 2:
            refuse("clusters: subnet_ids", "two subnets in different zones, for the load balancer", self.subnet_ids)
        built = next((each for each in ("x86_64", "arm64") if each in self.image), "")
        processor = "arm64" if _GRAVITON.fullmatch(self.instance_type) else "x86_64"
        if built and built != processor:
            expected = f"a type with processors of {built}, for which the image is, or an image for {processor}"
            refuse("clusters: instance_type", expected, self.instance_type)


def read_clusters(found: Any) -> tuple[ClusterSettings, ...]:
    """Return the clusters of a list, or of its JSON (`cdk -c clusters='[...]'`); exits with what is wrong."""
    listed = found
    if isinstance(found, str):
        try:
            listed = json.loads(found)
        except ValueError:
            refuse("clusters", "a list, or its JSON", found)
    if not isinstance(listed, list | tuple):
        refuse("clusters", f"a list of objects such as {_FORM}", found)
    clusters = tuple(map(ClusterSettings.read, listed))
    names = [f"{each.environment}/{each.service}" for each in clusters]
    if twice := [each for each in names if names.count(each) > 1]:
        refuse("clusters", "one cluster of a service and environment", twice[0])
    return clusters


def read_webhook_concurrency(found: Any) -> int:
    """Return how many executions the function of pushes has at once; 0 reserves none."""
    if not re.fullmatch("[0-9]{1,4}", str(found)):
        refuse("webhook_concurrency", "a number from 0 to 9999", found)
    return int(found)


def refuse(key: str, expected: str, found: Any) -> NoReturn:
    """Exit with what is wrong at a key of cdk.json."""
    raise SystemExit(f"cdk.json: {key}: expected {expected}, found {found!r:.200}")


_Check: TypeAlias = tuple[Callable[[Any], bool], str]


def _text(pattern: str, expected: str) -> _Check:
    form = re.compile(pattern, re.ASCII)
    return lambda found: isinstance(found, str) and form.fullmatch(found) is not None, expected


def _texts(pattern: str, expected: str, least: int = 0) -> _Check:
    is_good, _ = _text(pattern, expected)
    return (
        lambda found: isinstance(found, list | tuple) and len(found) >= least and all(map(is_good, found)),
        f"a list of {expected}",
    )


def _whole(least: int, most: int) -> _Check:
    def is_good(found: Any) -> bool:
        return isinstance(found, int) and not isinstance(found, bool) and least <= found <= most

    return is_good, f"a whole number from {least} to {most}"


def _number(most: float) -> _Check:
    def is_good(found: Any) -> bool:
        return isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found <= most

    return is_good, f"a number from 0 to {most:g}"


def _is_network(found: Any) -> bool:
    try:
        return isinstance(found, str) and "/" in found and bool(IPv4Network(found, strict=False))
    except ValueError:
        return False


_YES_OR_NO: _Check = (lambda found: isinstance(found, bool), "true or false")
_FORM = '{"service": "hello", "environment": "production", "vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}'
_NEEDED = ("service", "environment", "vpc_id", "subnet_ids")
_SUBNETS = (r"subnet-[0-9a-z]{1,17}", 'subnets, such as ["subnet-1", "subnet-2"]')
# What each setting may be: a key for each field of ClusterSettings.
_TAKEN: Mapping[str, _Check] = {
    "service": _text(r"[a-z][a-z0-9-]{0,23}", "the name of a service: small letters, digits and hyphens, at most 24"),
    "environment": (lambda found: found in list(ENVIRONMENT_LETTERS), " or ".join(ENVIRONMENT_LETTERS)),
    "vpc_id": _text(r"vpc-[0-9a-z]{1,17}", "the identifier of a VPC, such as vpc-1"),
    "subnet_ids": _texts(*_SUBNETS, least=1),
    "host_subnet_ids": _texts(*_SUBNETS),
    "http": _YES_OR_NO,
    "hosts": _whole(1, _MOST_HOSTS),
    "instance_type": _text(r"[a-z][a-z0-9-]{0,30}\.[a-z0-9-]{1,30}", "a type of EC2, such as t3.small"),
    "detailed_monitoring": _YES_OR_NO,
    "metrics_always": _YES_OR_NO,
    "image": _text(
        r"ami-[0-9a-f]{8,17}|/[A-Za-z0-9_./-]{1,500}",
        "an AMI such as ami-0123456789abcdef0, or the name of a parameter of Systems Manager",
    ),
    "packages": _texts(r"[A-Za-z0-9][A-Za-z0-9._+:~=-]{0,127}", 'names of packages, such as ["python3.13"]'),
    "install": (
        lambda found: isinstance(found, str) and (not found or (_ROOT / found).is_file()),
        f"a file below {_ROOT.name}/",
    ),
    "volume_gb": _whole(8, 16_384),
    "root_device": _text(r"/dev/[a-z0-9]{2,20}", "the name of the image's root device, such as /dev/xvda"),
    "service_port": _whole(1, 65_535),
    "is_alive_path": _text(r"/[!-~]{0,1023}", "a path such as /is_alive"),
    "drain_seconds": _whole(0, _MOST_DRAIN_SECONDS),
    "listener_port": _whole(1, 65_535),
    "internal": _YES_OR_NO,
    "allowed_cidr": (_is_network, "a range of IPv4 addresses such as 10.0.0.0/8, or 0.0.0.0/0 for all"),
    "certificate_arn": _text(r"|arn:aws[a-z-]*:(acm|iam):\S{1,500}", "the ARN of a certificate, or nothing"),
    "most_error_percent": _number(100),
    "most_latency_seconds": _number(3600),
    "most_unhealthy_hosts": _whole(0, _MOST_HOSTS),
}
