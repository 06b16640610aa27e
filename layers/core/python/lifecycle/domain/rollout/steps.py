"""The facts of a rollout, and its possible steps; domain/rollout/next_step.py chooses between them.

Read by application/rollout/next_step.py, which records a step and hands its kind to
statemachines/rollout.asl.json.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Group, Rotation, TargetState
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Choice, Question
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.execution import Visit
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.test_bed.model import NO_NOTE, BakeNote, BedState, TestBed
from lifecycle.domain.service.policy import ApprovalGate


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the next step depends on.

    `rotation` and `quarantined` (host -> reason) are by host name. `heartbeat_timeout` is the longest age of
    a reachable agent's report. `round` is the pass of the execution that decides. `beds` are this
    deployment's test beds. `has_test_bed` says whether the cluster has the target groups for one, and
    `minute` is the length of a test bed's minute. `targets` are the states in the load balancer by address,
    those of unknown hosts included. `planned` is the order of the plan's hosts.
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
    round: int = 0
    beds: tuple[TestBed, ...] = ()
    has_test_bed: bool = False
    minute: timedelta = timedelta(minutes=1)
    targets: Mapping[str, TargetState] = field(default_factory=dict)
    planned: tuple[str, ...] = ()

    @property
    def visit(self) -> Visit:
        """The pass of the execution that decides."""
        return Visit(self.execution, self.round)


@dataclass(frozen=True, slots=True)
class UpdateHosts:
    """An update of these hosts, each with its attempt number. `following` come next, and should prefetch.

    `group` is the target group that they register in. A control is not updated, but restarted on its version.
    `waiting` are all hosts that wait for an update in their order, these included. `again` says that their
    attempts are on record, because this pass has handed them out before.
    """

    hosts: tuple[tuple[str, int], ...]
    following: tuple[tuple[str, int], ...]
    reason: str
    group: Group = Group.MAIN
    waiting: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    again: bool = False


@dataclass(frozen=True, slots=True)
class RunReleaseCommand:
    """A run of the release command on this host, before any host is changed. `again`: it was handed out before."""

    host: str
    attempt: int
    reason: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Diagnose:
    """A try of the previous version on a host that failed, to tell a bad host from a bad version."""

    host: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class AwaitDecision:
    """A halt until a human decides on this attempt. `again` counts the earlier questions about it."""

    host: str
    attempt: int
    again: int
    choices: tuple[Choice, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class AwaitApproval:
    """A wait until a human approves at this gate; `bed` and `again` identify a test bed's questions.

    `advised` is the answer that follows from the test bed's verdict, if any does.
    """

    gate: ApprovalGate
    reason: str
    bed: int = 0
    again: int = 0
    choices: tuple[Choice, ...] = (Choice.APPROVE, Choice.REJECT)
    advised: Choice | None = None


@dataclass(frozen=True, slots=True)
class AwaitResume:
    """A wait until somebody resumes or aborts a paused rollout."""

    question: Question
    reason: str


@dataclass(frozen=True, slots=True)
class BeginBake:
    """The start of a test bed with these hosts and attempt numbers; an empty control name means no control."""

    number: int
    host: tuple[str, int]
    control: tuple[str, int]
    reason: str


@dataclass(frozen=True, slots=True)
class Bake:
    """A wait, then an interim analysis of the test bed; in whole seconds, as Step Functions requires."""

    seconds: int
    reason: str
    note: BakeNote = NO_NOTE


@dataclass(frozen=True, slots=True)
class EndBake:
    """The end of a test bed: its hosts return to the main target group.

    A failed host is taken out of rotation instead.
    """

    number: int
    state: BedState
    reason: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """A handover of the lease to a new deployment of the previous version."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ContinueLater:
    """A continuation in a new execution, because the history of this one is nearly full."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of the deployment; `skipped_hosts` are hosts that a human left out.

    `failed_host` is the host at which a repair ends: nobody is asked about it, and convergence tries again.
    """

    outcome: DeploymentState
    reason: str
    skipped_hosts: tuple[str, ...] = ()
    failed_host: str = ""


# Every step that hands out no hosts.
OtherStep: TypeAlias = (
    RunReleaseCommand
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
Step: TypeAlias = UpdateHosts | OtherStep
