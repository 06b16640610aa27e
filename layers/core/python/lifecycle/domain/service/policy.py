"""The policy of one environment: how a service is deployed there.

Declared in lifecycle.toml, carried by the manifest, read by `plan` and by every rollout decision.
"""

from dataclasses import dataclass
from enum import StrEnum

from lifecycle.domain.service.host_count import HostCount


class After(StrEnum):
    """The environment in which a version must be verified before this one takes it."""

    OLDER_BUILD = ""  # the manifest is from before this rule
    DEFAULT = "default"  # staging, if the service has a cluster there
    STAGING = "staging"
    NONE = "none"


class ApprovalGate(StrEnum):
    """Places in a rollout where a human must approve."""

    NONE = "none"
    BEFORE_FIRST_HOST = "before_first_host"
    AFTER_FIRST_HOST = "after_first_host"
    BEFORE_AND_AFTER_FIRST_HOST = "before_and_after_first_host"
    AFTER_TEST_BED = "after_test_bed"  # asked for by a test bed, not by a policy

    @property
    def places(self) -> frozenset["ApprovalGate"]:
        """The single places at which a policy with this value asks."""
        if self is ApprovalGate.BEFORE_AND_AFTER_FIRST_HOST:
            return frozenset({ApprovalGate.BEFORE_FIRST_HOST, ApprovalGate.AFTER_FIRST_HOST})
        one_place = self in (ApprovalGate.BEFORE_FIRST_HOST, ApprovalGate.AFTER_FIRST_HOST)
        return frozenset({self}) if one_place else frozenset()

    def joined(self, other: "ApprovalGate") -> "ApprovalGate":
        """Return the value that asks at the places of both."""
        return next(each for each in ApprovalGate if each.places == self.places | other.places)


class OnAlarm(StrEnum):
    """Effects of an alarm on the deployment that it follows."""

    HALT = "halt"
    ROLL_BACK = "roll_back"


class OnFail(StrEnum):
    """Steps that follow when a test bed is worse than its control."""

    HALT = "halt"
    ROLL_BACK = "roll_back"


class AfterBake(StrEnum):
    """Steps that follow when a test bed has passed."""

    GO_ON = "go_on"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Policy:
    """The way to deploy to one environment; times in seconds, hosts as a number or a percentage ("25%").

    At most `max_unavailable` hosts are out at once, and at least `min_healthy` serve in every case. While at
    most `max_unreachable` hosts are unreachable, the others go on; the unreachable ones come last, and a
    human decides about them. With `approval_by_another`, requesters may not approve their own deployments. No
    deployment begins within the windows of `frozen` (domain/rollout/freezes.py), unless its request overrides
    that. A host must stay alive for `min_alive_seconds` before the next one; these seconds are parts of a minute,
    which is shorter on a laptop. A host that left the load balancer serves on for `settle_seconds`: on AWS, parts of
    it may send requests for seconds after the deregistration (docs/adr/0035).

    From its first host until `watch_minutes` after its end, an alarm of the cluster does `on_alarm` to a
    deployment; with 0 no alarm is followed (domain/monitoring/alarms.py). The first host bakes for
    `bake_minutes` beside a control. A FAIL leads to `on_fail`, a PASS to `after_bake`; with 0 there is no
    test bed (domain/rollout/test_bed/schedule.py). `after` names the environment that must have verified a version
    first (domain/rollout/earlier_environment.py).
    """

    automatic: bool = False
    approval: ApprovalGate = ApprovalGate.NONE
    approval_expires_seconds: int = 86_400
    approval_by_another: bool = False
    decision_expires_seconds: int = 604_800
    max_unavailable: HostCount = 1
    min_healthy: HostCount = 0
    max_unreachable: HostCount = 1
    frozen: tuple[str, ...] = ()
    drain_seconds: int = 60
    settle_seconds: int = 10
    alive_seconds: int = 60
    min_alive_seconds: int = 10
    watch_minutes: int = 0
    on_alarm: OnAlarm = OnAlarm.HALT
    bake_minutes: int = 0
    on_fail: OnFail = OnFail.HALT
    after_bake: AfterBake = AfterBake.GO_ON
    after: After = After.OLDER_BUILD
