"""The facts of an account and region that an installation depends on; aws.py reads them, checks.py judges them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unseen:
    """A fact that could not be read: for want of the permission `needs`, or for the reason `why`."""

    needs: str
    why: str = ""


Seen: TypeAlias = T | Unseen


@dataclass(frozen=True, slots=True)
class WantedCluster:
    """A cluster that cdk.json lists, or whose Auto Scaling group exists; `hosts` is the group's size."""

    service: str
    environment: str
    vpc: str = ""
    subnets: tuple[str, ...] = ()
    hosts: int = 0
    http: bool = True
    instance_type: str = "t3.small"

    @property
    def name(self) -> str:
        return f"{self.environment}/{self.service}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parts of cdk.json that need something of the account."""

    clusters: tuple[WantedCluster, ...] = ()
    webhook_concurrency: int = 10


@dataclass(frozen=True, slots=True)
class StackState:
    """The status of a CloudFormation stack, and CloudFormation's reason for it."""

    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """A quota: how much the account may have, and how much it has."""

    most: int
    used: int = 0


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet of hosts. `way_out` is `nat`, `internet`, or empty. `public` ones give public addresses."""

    vpc: str
    zone: str
    way_out: str = ""
    public: bool = False
    free: int = 0


@dataclass(frozen=True, slots=True)
class Denied:
    """An action that the profile's policies do not allow."""

    action: str
    resource: str = "*"


@dataclass(frozen=True, slots=True)
class Taken:
    """A resource with one of the fixed names; `kind` is a key of checks.DELETE."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Agent:
    """A host's agent: the parts of lifecycle.toml that it does not know, and the seconds that its clock is ahead."""

    cluster: str
    host: str
    unknown: tuple[str, ...] = ()
    clock_ahead: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts that were read. `limits` have the names of describe-account-limits, and three of checks.py.

    `endpoints` are the services with an endpoint in a VPC, such as `s3`. `bootstrap` is the version of CDK's stack, 0
    without one. An `emulated` account is a laptop's. `clock_ahead` is in seconds. `groups` are the clusters with
    Auto Scaling groups. `cpus` are the virtual CPUs of the wanted types of instances, where EC2 offers them here.
    """

    caller: str
    account: str
    region: str
    partition: str = "aws"
    profile: str = ""
    emulated: bool = False
    clock_ahead: Seen[float] = 0.0
    region_status: Seen[str] = "opt-in-not-required"
    bootstrap: Seen[int] = 0
    stacks: Seen[Mapping[str, StackState]] = field(default_factory=dict)
    limits: Mapping[str, Seen[Limit]] = field(default_factory=dict)
    denied: Seen[tuple[Denied, ...]] = ()
    groups: Seen[tuple[WantedCluster, ...]] = ()
    subnets: Seen[Mapping[str, Subnet]] = field(default_factory=dict)
    endpoints: Seen[Mapping[str, frozenset[str]]] = field(default_factory=dict)
    taken: Seen[tuple[Taken, ...]] = ()
    agents: Seen[tuple[Agent, ...]] = ()
    cpus: Seen[Mapping[str, int]] = field(default_factory=dict)


class AccountFacts(Protocol):
    """The account that a profile reaches."""

    def facts(self, wanted: Wanted) -> Facts:
        """Read everything that may be read; changes nothing."""
