"""The facts of a rollout, and the steps that may follow from them: what domain/rollout/next_step.py chooses between.

Read by application/rollout/next_step.py, which records a step and hands its kind to statemachines/rollout.asl.json.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Group, Rotation
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Choice, Question
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.test_bed.model import NO_NOTE, BakeNote, BedState, TestBed
from lifecycle.domain.service.policy import ApprovalGate


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the next step depends on. `rotation` and `quarantined` (host -> why) are by host name.

    `patience` is how long an agent may be silent; `undiagnosed` that a diagnosis could not be run just now.
    `beds` are this deployment's test beds, `has_test_bed` whether the cluster has the target groups for one, and
    `minute` how long a test bed's minute is.
    """

    deployment: Deployment
    lease: Lease
    attempts: tuple[HostAttempt, ...]
    questions: tuple[Question, ...]
    reports: Mapping[str, HostReport]
    rotation: Rotation
    execution: str
    quarantined: Mapping[str, str] = field(default_factory=dict)
    heartbeat_timeout: timedelta = timedelta(seconds=30)
    undiagnosed: bool = False
    beds: tuple[TestBed, ...] = ()
    has_test_bed: bool = False
    minute: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class UpdateHosts:
    """Give these hosts their turn: (host, attempt number). `following` come next, and should be ready.

    `group` is where they register; the control's one is not updated, but restarted on the version that it has.
    """

    hosts: tuple[tuple[str, int], ...]
    following: tuple[tuple[str, int], ...]
    reason: str
    group: Group = Group.MAIN


@dataclass(frozen=True, slots=True)
class Diagnose:
    """Try the previous version on a host that failed, to tell a bad host from a bad version."""

    host: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class AwaitDecision:
    """Halt until a human decides on this host's attempt. `again` counts the questions asked about it before."""

    host: str
    attempt: int
    again: int
    choices: tuple[Choice, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class AwaitApproval:
    """Pause until a human approves at this gate; `bed` and `again` tell a test bed's questions apart."""

    gate: ApprovalGate
    reason: str
    bed: int = 0
    again: int = 0
    choices: tuple[Choice, ...] = (Choice.APPROVE, Choice.REJECT)


@dataclass(frozen=True, slots=True)
class AwaitResume:
    """An operator paused the rollout: wait until somebody resumes or aborts it."""

    question: Question
    reason: str


@dataclass(frozen=True, slots=True)
class BeginBake:
    """Begin a test bed with these hosts and the numbers of their attempts; a control without a name is none."""

    number: int
    host: tuple[str, int]
    control: tuple[str, int]
    reason: str


@dataclass(frozen=True, slots=True)
class Bake:
    """Wait for whole seconds (Step Functions knows no others), then look at the test bed beside its control."""

    seconds: int
    reason: str
    note: BakeNote = NO_NOTE


@dataclass(frozen=True, slots=True)
class EndBake:
    """The test bed's hosts go home; one that has failed is taken out of rotation instead."""

    number: int
    state: BedState
    reason: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """Hand the lease over to a new deployment of the previous version."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ContinueLater:
    """Go on in a new execution, because this one's history is nearly full."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to do; `set_aside` are hosts that a human left out."""

    outcome: DeploymentState
    reason: str
    skipped_hosts: tuple[str, ...] = ()


Step: TypeAlias = (
    UpdateHosts
    | Diagnose
    | AwaitDecision
    | AwaitApproval
    | AwaitResume
    | BeginBake
    | Bake
    | EndBake
    | RollBack
    | ContinueLater
    | Finish
)
