"""The status of a commit, and of a deployment, as a forge such as GitHub shows them beside the commit.

Used by application/delivery/report_status.py. A description has fixed words and a version. Reasons of builds and of
rollouts may quote a log, and everybody who may read the repository sees a status.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from lifecycle.domain.delivery.delivery_name import DeliveryName
from lifecycle.domain.delivery.earlier_run import EarlierRun
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from lifecycle.domain.service.manifest import Manifest

# GitHub refuses a longer description.
LONGEST_DESCRIPTION = 140
_CONTEXT = "lifecycle"
_GITHUB = re.compile(r"https://github\.com/(?P<name>[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}?)(?:\.git)?/?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPEATED_PUSH = re.compile(r".+--(?P<number>[1-9][0-9]{0,3})")


class CommitState(StrEnum):
    """The states of a commit status."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"  # there is no result


class ForgeDeploymentState(StrEnum):
    """The states of a deployment on the forge."""

    QUEUED = "queued"
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """One status of a commit. The newest one of a `context` counts. `url` is empty for none."""

    context: str
    state: CommitState
    description: str
    url: str = ""

    @property
    def words(self) -> str:
        return f"{self.state}: {self.description}"


@dataclass(frozen=True, slots=True)
class ForgeDeployment:
    """A deployment as the forge lists it: where to, and its state."""

    environment: str
    state: ForgeDeploymentState
    description: str
    url: str = ""

    @property
    def words(self) -> str:
        return f"{self.state}: {self.description}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The status that the forge should show of one run or one deployment, whose name is `subject`.

    Of two subjects with one context, the one with the higher `rank` is the newer. One that is `over` does not change
    any more. One that has not `begun` takes no success away from its predecessor. `cluster` is empty for a run.
    """

    repository: str
    commit: str
    subject: str
    rank: str
    status: CommitStatus
    over: bool
    begun: bool = True
    cluster: str = ""
    deployment: ForgeDeployment | None = None


def on_github(repository: str) -> str:
    """Return the name of a GitHub repository, such as acme/shop, from its clone URL; empty for any other."""
    found = _GITHUB.fullmatch(repository)
    return found["name"] if found else ""


def of_run(run: str, found: EarlierRun) -> Wanted | None:
    """Return what the forge should show of a run; None for one that is of no GitHub repository, or of no commit."""
    repository, name = on_github(found.repository), DeliveryName.parse(run)
    if not repository or name is None or not _COMMIT.fullmatch(found.commit):
        return None
    state, words = _of_build(found)
    part = name.service if found.folder and name.service else ""
    return Wanted(
        repository=repository,
        commit=found.commit,
        subject=run,
        rank=_rank_of(name),
        status=CommitStatus(_named("build", part), state, _shortened(words)),
        over=not found.running,
    )


def _rank_of(name: DeliveryName) -> str:
    """Return a text that is higher for a later run of the same commit."""
    repeated = _REPEATED_PUSH.fullmatch(name.repository)
    return f"{int(repeated['number']) if repeated else 1:04}-{name.number:04}"


def _of_build(found: EarlierRun) -> tuple[CommitState, str]:
    if found.running:
        return CommitState.PENDING, "the build runs"
    if found.stopped:
        return CommitState.ERROR, "the run was cancelled"
    if found.failed:
        return CommitState.FAILURE, "the run failed and made no snapshot"
    if made := _made(found):
        late = "; superseded, so not deployed by itself" if found.superseded else ""
        return CommitState.SUCCESS, f"{made}{late}"
    return _of_no_build(found)


def _of_no_build(found: EarlierRun) -> tuple[CommitState, str]:
    if found.superseded:
        return CommitState.ERROR, "not built: a later push has superseded this commit"
    if runs := found.output.get("runs"):
        return CommitState.SUCCESS, f"{len(runs)} changed services are built, each in its own run"
    why = "the commit asks for none" if found.wanted_nothing else "the push changed no service"
    return CommitState.SUCCESS, f"no build: {why}"


def _made(found: EarlierRun) -> str:
    """Return the service and the version that a run made, also one of several in its repository."""
    parts = [str(found.output.get(name) or "") for name in ("service", "version")]
    return " ".join(parts) if all(parts) else ""


def of_deployment(deployment: Deployment, manifest: Manifest, folder: str) -> Wanted | None:
    """Return what the forge should show of a deployment; None for a repair, or outside GitHub.

    `folder` is that of a service of several in one repository: it has contexts and environments of its own.
    """
    repository = on_github(manifest.repository)
    if not repository or deployment.request.kind is Kind.CONVERGE or not _COMMIT.fullmatch(manifest.commit):
        return None
    commit, listed, words = _of_rollout(deployment)
    part = deployment.cluster.service if folder else ""
    environment = f"{deployment.cluster.environment}/{part}" if part else deployment.cluster.environment
    description = _shortened(words)
    return Wanted(
        repository=repository,
        commit=manifest.commit,
        subject=deployment.id,
        rank=deployment.id,
        status=CommitStatus(_named(deployment.cluster.environment, part), commit, description),
        over=deployment.state.final,
        begun=deployment.state not in _NOT_BEGUN,
        cluster=str(deployment.cluster),
        deployment=ForgeDeployment(environment, listed, description),
    )


_NOT_BEGUN = (
    DeploymentState.QUEUED,
    DeploymentState.AWAITING_APPROVAL,
    DeploymentState.REFUSED,
    DeploymentState.SUPERSEDED,
)


def _of_rollout(deployment: Deployment) -> tuple[CommitState, ForgeDeploymentState, str]:
    commit, listed, words = _OF_STATES[deployment.state]
    if deployment.state is DeploymentState.RUNNING and deployment.request.kind is Kind.ROLLBACK:
        words = "rolling back to {}"
    return commit, listed, words.format(deployment.target.version)


# A state, its status at the commit, the state of the forge's deployment, and words around the version.
_OF_STATES = {
    DeploymentState.QUEUED: (
        CommitState.PENDING,
        ForgeDeploymentState.QUEUED,
        "{} waits for the deployment before it",
    ),
    DeploymentState.RUNNING: (CommitState.PENDING, ForgeDeploymentState.IN_PROGRESS, "{} is being rolled out"),
    DeploymentState.HALTED: (
        CommitState.PENDING,
        ForgeDeploymentState.IN_PROGRESS,
        "{} is halted: a host failed, and somebody must decide",
    ),
    DeploymentState.AWAITING_APPROVAL: (
        CommitState.PENDING,
        ForgeDeploymentState.PENDING,
        "{} waits for an approval",
    ),
    DeploymentState.PAUSED: (CommitState.PENDING, ForgeDeploymentState.IN_PROGRESS, "{} is paused"),
    DeploymentState.DONE: (CommitState.SUCCESS, ForgeDeploymentState.SUCCESS, "{} was rolled out"),
    DeploymentState.ROLLED_BACK: (CommitState.FAILURE, ForgeDeploymentState.FAILURE, "{} was rolled back"),
    DeploymentState.ABORTED: (
        CommitState.FAILURE,
        ForgeDeploymentState.FAILURE,
        "the rollout of {} was aborted",
    ),
    DeploymentState.REJECTED: (
        CommitState.FAILURE,
        ForgeDeploymentState.FAILURE,
        "the rollout of {} was not approved",
    ),
    DeploymentState.STALE: (
        CommitState.ERROR,
        ForgeDeploymentState.ERROR,
        "a newer deployment ended the rollout of {}",
    ),
    DeploymentState.REFUSED: (
        CommitState.ERROR,
        ForgeDeploymentState.ERROR,
        "the rollout of {} was refused before it began",
    ),
    DeploymentState.SUPERSEDED: (
        CommitState.ERROR,
        ForgeDeploymentState.INACTIVE,
        "a newer deployment took the place of {}",
    ),
}


def _named(stage: str, part: str) -> str:
    return "/".join(filter(None, (_CONTEXT, stage, part)))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_DESCRIPTION else f"{text[: LONGEST_DESCRIPTION - 1]}…"
