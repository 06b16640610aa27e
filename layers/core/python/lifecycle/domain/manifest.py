"""The manifest: what a service declared about itself, carried beside its artifact from build to host.

Written by apps/build, copied by `promote`, read by `plan` (policy, checks) and by the agent (run, checks).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lifecycle.domain.amounts import Amount
from lifecycle.domain.verdicts import Measure
from lifecycle.domain.versions import artifact_prefix


@dataclass(frozen=True, slots=True)
class Run:
    """How a host runs the service; `command` goes to `sh -c` in the unpacked artifact's folder.

    The service's environment is the host's PATH, HOME and LANG, then `environment`, then HOST and PORT to
    bind to, LIFECYCLE_SERVICE, LIFECYCLE_ENVIRONMENT, LIFECYCLE_VERSION and LIFECYCLE_HOST. Times in seconds.
    """

    command: str
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    start_seconds: float = 30.0
    stop_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """One check: an HTTP GET of `path` that must answer 2xx, or a `command` that must exit 0; never both."""

    path: str | None = None
    command: str | None = None
    timeout_seconds: float = 10.0


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
    of `frozen` (domain/freezes.py), unless it says so. From its first host until `watch_minutes` after its end an
    alarm of the cluster does `on_alarm` to a deployment; with 0 nobody watches (domain/watching.py).
    The first host bakes for `bake_minutes` beside a control, and what follows is `on_fail` or `after_bake`; with 0
    there is no test bed (domain/baking.py).
    """

    automatic: bool = False
    approval: ApprovalGate = ApprovalGate.NONE
    approval_expires_seconds: int = 86_400
    approval_by_another: bool = False
    decision_expires_seconds: int = 604_800
    max_unavailable: Amount = 1
    min_healthy: Amount = 0
    max_unreachable: Amount = 1
    frozen: tuple[str, ...] = ()
    drain_seconds: int = 60
    alive_seconds: int = 60
    watch_minutes: int = 0
    on_alarm: OnAlarm = OnAlarm.HALT
    bake_minutes: int = 0
    on_fail: OnFail = OnFail.HALT
    after_bake: AfterBake = AfterBake.GO_ON


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is published beside `artifact.tar.gz`; `digest` is the sha256 of its bytes in hex, `size` in bytes.

    `metrics` are the service's own, answered as a JSON object of numbers at `metrics_path`.
    """

    service: str
    version: str
    commit: str
    repository: str
    branch: str
    digest: str
    size: int
    built_at: datetime
    builder: str
    run: Run
    is_alive: Check
    self_test: Check
    policies: dict[str, Policy] = field(default_factory=dict)
    snapshot: str | None = None
    metrics: tuple[Measure, ...] = ()
    metrics_path: str | None = None

    @property
    def prefix(self) -> str:
        return artifact_prefix(self.service, self.version)

    def policy(self, environment: str) -> Policy:
        """The environment's policy; the default one where lifecycle.toml says nothing."""
        return self.policies.get(environment, Policy())
