"""What states mean to whoever looks: a tone and a word each, for deployments, hosts and runs."""

from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.queries.hosts import HostView, TestBedRole
from lifecycle.console.components import badge
from lifecycle.console.html import Markup
from lifecycle.console.theme import Tone
from lifecycle.domain.analysis.model import Verdict
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.rollout.test_bed.model import BedState

_DEPLOYMENTS = {
    DeploymentState.QUEUED: Tone.IDLE,
    DeploymentState.RUNNING: Tone.BUSY,
    DeploymentState.HALTED: Tone.BAD,
    DeploymentState.AWAITING_APPROVAL: Tone.WARN,
    DeploymentState.PAUSED: Tone.WARN,
    DeploymentState.DONE: Tone.GOOD,
    DeploymentState.ROLLED_BACK: Tone.BAD,
    DeploymentState.ABORTED: Tone.BAD,
    DeploymentState.REJECTED: Tone.WARN,
    DeploymentState.STALE: Tone.IDLE,
    DeploymentState.REFUSED: Tone.IDLE,
    DeploymentState.SUPERSEDED: Tone.IDLE,
}
_RUNS = {"RUNNING": Tone.BUSY, "SUCCEEDED": Tone.GOOD, "ABORTED": Tone.WARN}
_DOING = {
    AttemptState.STARTED: "draining",
    AttemptState.DRAINED: "installing",
    AttemptState.INSTALLED: "self-testing",
    AttemptState.SELF_TESTED: "registering",
    AttemptState.REGISTERED: "waiting to be alive",
    AttemptState.ALIVE: "alive",
    AttemptState.FAILED: "failed",
}
VERDICTS = {Verdict.PASS: Tone.GOOD, Verdict.FAIL: Tone.BAD, Verdict.INCONCLUSIVE: Tone.WARN}
BEDS = {
    BedState.BAKING: Tone.BUSY,
    BedState.PASSED: Tone.GOOD,
    BedState.FAILED: Tone.BAD,
    BedState.GIVEN_UP: Tone.WARN,
}


def deployment_badge(each: Deployment) -> Markup:
    """A deployment's state."""
    return badge(_DEPLOYMENTS[each.state], str(each.state))


def run_badge(status: str) -> Markup:
    """The state of a push's run."""
    return badge(_RUNS.get(status, Tone.BAD), status)


def kind_of(each: Deployment) -> str:
    """Why it was started, in a word."""
    return {Kind.DEPLOY: "deploy", Kind.ROLLBACK: "rollback", Kind.CONVERGE: "repair"}[each.request.kind]


def doing(attempt: HostAttempt) -> tuple[Tone, str]:
    """How far a try on a host is."""
    if attempt.state is AttemptState.FAILED:
        return Tone.BAD, "silent" if attempt.unreachable else "failed"
    return Tone.GOOD if attempt.state.ended else Tone.BUSY, _DOING[attempt.state]


def host_tone(host: HostView) -> tuple[Tone, str]:
    """The one thing to know of a host, the worst first."""
    if host.quarantined:
        return Tone.BAD, "quarantined"
    if host.unreachable_since:
        return Tone.BAD, "agent silent"
    if host.attempt and host.attempt.state is not AttemptState.ALIVE:
        return doing(host.attempt)
    if host.role is not TestBedRole.NONE:
        return Tone.BUSY, host.role
    return _standing(host)


def _standing(host: HostView) -> tuple[Tone, str]:
    """How a host stands with which nothing is being done."""
    if not host.report.running:
        return (Tone.BAD, "stopped") if host.report.installed else (Tone.IDLE, "empty")
    if host.state is not None and host.state is not TargetState.HEALTHY:
        busy = host.state in (TargetState.INITIAL, TargetState.DRAINING)
        return Tone.BUSY if busy else Tone.WARN, host.state.told
    if host.drift:
        return (Tone.IDLE, "waits its turn") if host.may_be_updated else (Tone.WARN, "drifted")
    return Tone.GOOD, "serves" if host.state else "runs"


def cluster_state(view: ClusterView) -> Markup | None:
    """The deployment that a cluster has now, or the one that left it unsettled."""
    if view.running:
        return deployment_badge(view.running)
    if view.lease.deployment:
        return badge(Tone.BUSY, "planning")
    return deployment_badge(view.unsettled) if view.unsettled else None
