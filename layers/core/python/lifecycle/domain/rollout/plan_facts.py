"""The facts before a deployment; plan.py and preflight.py decide by them. Read by application/rollout/observe.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.strays import NO_STRAYS, Strays
from lifecycle.domain.fleet.target_group import Rotation
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.balancer_settings import (
    BalancerSettings,
)
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.rollout.earlier_environment import Verdict
from lifecycle.domain.rollout.epochs import Epochs
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.planned_config import NO_CONFIG, PlannedConfig
from lifecycle.domain.rollout.policy_floor import NO_FLOORS, Floors, under
from lifecycle.domain.rollout.provenance import Nobodys
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class Observed:
    """The facts before a deployment: the cluster's hosts and the stored records.

    `bad_versions` and `bad_hosts` have the reason of each quarantine. `waiting` is the pending deployment.
    `no_rollback_target` says why the previous version could not be deployed again; None when it could.
    `skipped_hosts` are hosts that a human left out of the deployment to repair. `has_test_bed`: the cluster has
    the target groups for a test bed; `minute` is the length of its minute. `named` is the deployment that `desired`
    names, and `nobodys` says why no deployment wrote it. `unreadable` has a sentence for each record that the plan
    does without. `epochs` are those of all records beside the lease. `strays` are targets of no host. `earlier` is
    the verdict of the environment that comes first, for a deployment only.
    `replaced_version` is the one whose commits are compared with the new one's; `replaced` is its manifest, if any.
    `config` is the configuration without its values. `manifest_digest` is the sha256 of the manifest's bytes.
    `foreign` says why the version is not what was published or signed, or not one to roll back to. `floors` are
    those of the cluster's policy. `was_verified`: a deployment brought the target to every host here.
    """

    manifest: Manifest
    lease: Lease
    desired: Desired | None
    previous: Target | None
    reports: Mapping[str, HostReport]
    rotation: Rotation
    bad_versions: Mapping[str, str]
    past: Sequence[HostAttempt]
    settings: BalancerSettings
    bad_hosts: Mapping[str, str] = field(default_factory=dict)
    freezes: Sequence[Freeze] = ()
    no_rollback_target: str | None = None
    waiting: PendingDeployment | None = None
    skipped_hosts: tuple[str, ...] = ()
    has_test_bed: bool = False
    minute: timedelta = timedelta(minutes=1)
    settles: bool = True
    other_rollouts: int = 0
    named: Deployment | None = None
    nobodys: Nobodys | None = None
    unreadable: tuple[str, ...] = ()
    epochs: Epochs = field(default_factory=Epochs)
    strays: Strays = NO_STRAYS
    earlier: Verdict | None = None
    replaced_version: str = ""
    replaced: Manifest | None = None
    config: PlannedConfig = NO_CONFIG
    manifest_digest: str = ""
    foreign: str = ""
    floors: Floors = NO_FLOORS
    was_verified: bool = False

    def policy(self, request: Request) -> Policy:
        """Return the policy of the requested environment under its floors."""
        return under(self.manifest.policy(request.environment), self.floors.in_force)

    @property
    def desired_is_good(self) -> bool:
        """Return whether a deployment wrote the desired version and ended well, or was a repair of it that failed."""
        named = None if self.nobodys else self.named
        return named is not None and (named.state is DeploymentState.DONE or named.is_failed_repair)

    @property
    def is_verified(self) -> bool:
        """Return whether the desired version is this one, and the deployment that wrote it ended DONE."""
        if self.desired is None or self.nobodys or self.desired.target != self.target:
            return False
        return self.named is not None and self.named.state is DeploymentState.DONE

    @property
    def target(self) -> Target:
        """The version, its bytes and its configuration."""
        return Target(self.manifest.version, self.manifest.digest, self.config.revision, self.manifest_digest)

    @property
    def running_versions(self) -> list[str]:
        """The versions that are installed on the cluster's hosts."""
        return sorted({report.installed for report in self.reports.values() if report.installed})

    @property
    def cluster_members(self) -> frozenset[str]:
        """The hosts that the policy counts: all that report and are not quarantined."""
        return frozenset(self.reports) - frozenset(self.bad_hosts)

    def members(self, request: Request) -> frozenset[str]:
        """Return the hosts of the request: the cluster's members, or those of them that it names."""
        return self.cluster_members & frozenset(request.only) if request.only else self.cluster_members
