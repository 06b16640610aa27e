"""What a plan looks at, and which hosts it is about.

Put together by application/observe.py; read by planning.py and refusals.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from lifecycle.domain.attempts import HostAttempt
from lifecycle.domain.capacity import Rotation
from lifecycle.domain.deployment import Desired, Lease, Request, Target, Waiting
from lifecycle.domain.fleet import HostReport
from lifecycle.domain.freezes import Freeze
from lifecycle.domain.manifest import Manifest, Policy


@dataclass(frozen=True, slots=True)
class Observed:
    """What was found before a deployment: the cluster's hosts, and what stands in the stores.

    `bad_versions` and `bad_hosts` say why each is quarantined; `no_way_back` why the previous version could not
    be deployed again, None when it could; `waiting` is the deployment that waits for the lease; `set_aside` are
    the hosts that a human left out of what is to be repaired; `has_test_bed` says whether the cluster has the target
    groups for one, and `minute` how long a minute of it is.
    """

    manifest: Manifest
    lease: Lease
    desired: Desired | None
    previous: Target | None
    reports: Mapping[str, HostReport]
    rotation: Rotation
    bad_versions: Mapping[str, str]
    past: Sequence[HostAttempt]
    health_path: str | None
    bad_hosts: Mapping[str, str] = field(default_factory=dict)
    freezes: Sequence[Freeze] = ()
    no_way_back: str | None = None
    waiting: Waiting | None = None
    set_aside: tuple[str, ...] = ()
    has_test_bed: bool = False
    minute: timedelta = timedelta(minutes=1)

    def policy(self, request: Request) -> Policy:
        """The policy of the environment that is asked for."""
        return self.manifest.policy(request.environment)

    @property
    def cluster_members(self) -> frozenset[str]:
        """The hosts that the policy counts: all that are there and not quarantined."""
        return frozenset(self.reports) - frozenset(self.bad_hosts)

    def members(self, request: Request) -> frozenset[str]:
        """The hosts that it is about: of those, in a repair of some, only they."""
        return self.cluster_members & frozenset(request.only) if request.only else self.cluster_members
