"""The policy of one environment: how it wants to be deployed.

Declared in lifecycle.toml, carried by the manifest, read by `plan` and by every rollout decision.
"""

from dataclasses import dataclass
from enum import StrEnum

from lifecycle.domain.service.host_count import HostCount


class ApprovalGate(StrEnum):
    """Where in a rollout the environment's policy wants a human to approve."""

    NONE = "none"
    BEFORE_FIRST_HOST = "before_first_host"
    AFTER_FIRST_HOST = "after_first_host"
    AFTER_TEST_BED = "after_test_bed"  # asked for by a test bed, not by a policy


class OnAlarm(StrEnum):
    """What an alarm does to the deployment that it follows."""

    HALT = "halt"
    ROLL_BACK = "roll_back"


class OnFail(StrEnum):
    """What follows when a test bed is found to be worse than its control."""

    HALT = "halt"
    ROLL_BACK = "roll_back"


class AfterBake(StrEnum):
    """What follows when a test bed has passed."""

    GO_ON = "go_on"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Policy:
    """How one environment wants to be deployed; times in seconds, hosts as a number or a percentage ("25%").

    `max_unavailable` hosts are taken out at once, `min_healthy` keep serving whatever happens. The agents of
    `max_unreachable` hosts may be silent while the others go on; they come last, and are asked about.
    `approval_by_another` keeps requesters from approving themselves. No deployment begins within the windows
    of `frozen` (domain/rollout/freezes.py), unless it says so. From its first host until `watch_minutes` after its end an
    alarm of the cluster does `on_alarm` to a deployment; with 0 nobody watches (domain/monitoring/alarms.py).
    The first host bakes for `bake_minutes` beside a control, and what follows is `on_fail` or `after_bake`; with 0
    there is no test bed (domain/rollout/test_bed/schedule.py).
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
    alive_seconds: int = 60
    watch_minutes: int = 0
    on_alarm: OnAlarm = OnAlarm.HALT
    bake_minutes: int = 0
    on_fail: OnFail = OnFail.HALT
    after_bake: AfterBake = AfterBake.GO_ON
