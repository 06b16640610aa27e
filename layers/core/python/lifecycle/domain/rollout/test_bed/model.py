"""The record of a test bed: a host with the new version beside a control, and the judgement.

Written by `next_step`, `analyse` and `end_bake`; read by the decisions in this folder.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NamedTuple

from lifecycle.domain.analysis.model import Judgement, Series, Verdict
from lifecycle.domain.rollout.execution import Visit


class BedPhase(IntEnum):
    """Phases of a test bed's record, in their order."""

    BAKING = 0
    FAILING = 1  # judged as failed, whenever that was found
    ENDED = 2


class BedRank(NamedTuple):
    """The rank of a test bed's record: its phase, and the number of judged minutes while it bakes."""

    phase: BedPhase
    minutes: int = 0


class BedState(StrEnum):
    """The state of a test bed."""

    BAKING = "BAKING"
    PASSED = "PASSED"
    FAILED = "FAILED"
    CANCELLED = "GIVEN_UP"  # no verdict: its deployment ended, or its host left or became unreachable


class BedOutcome(StrEnum):
    """The state of a test bed as people read it: a person's approval is no verdict."""

    BAKING = "BAKING"
    ASKED = "WAITS FOR AN ANSWER"  # undecided: somebody was asked
    PASSED = "PASSED"
    APPROVED = "APPROVED"  # undecided, and a person went on
    FAILED = "FAILED"
    CANCELLED = "GIVEN UP"


@dataclass(frozen=True, slots=True)
class BakeNote:
    """Facts of the last step of a bake for the next step; the deployment's record holds them until then.

    `last_analysis` is the number of minutes of the last planned interim analysis, 0 before it began.
    `unhealthy_host` had drifted although its agent reported, the last time at `reported_at`. `ended_in` is the
    pass of the execution that last asked for the end of the test bed.
    """

    last_analysis: int = 0
    unhealthy_host: str = ""
    reported_at: datetime | None = None
    ended_in: Visit | None = None


NO_NOTE = BakeNote()


@dataclass(frozen=True, slots=True)
class TestBed:
    """One test bed of one deployment: the host with the new version beside a control with the current one.

    `minutes` is the length of the bake, without extensions. `attempt` and `control_attempt` are the numbers
    of the two hosts' attempts. Both hosts are in target groups of their own until it has ended.
    """

    deployment: str
    number: int
    host: str
    attempt: int
    control: str
    control_attempt: int
    began_at: datetime
    minutes: int
    state: BedState = BedState.BAKING
    judgement: Judgement | None = None
    series: tuple[Series, ...] = ()
    reason: str = ""
    ended_at: datetime | None = None

    @property
    def outcome(self) -> BedOutcome:
        """The state for people: PASSED only by a verdict, APPROVED where a person went on without one."""
        if self.state is BedState.PASSED and not (self.judgement and self.judgement.verdict is Verdict.PASS):
            return BedOutcome.APPROVED
        return BedOutcome[self.state.name]

    @property
    def progress_rank(self) -> BedRank:
        """The rank of this record. Records of one test bed only move to a later rank.

        Its end is the last one. Data may come late, so a FAIL may cover fewer minutes than the judgement
        before.
        """
        if self.state is not BedState.BAKING:
            return BedRank(BedPhase.ENDED)
        if self.judgement and self.judgement.verdict is Verdict.FAIL:
            return BedRank(BedPhase.FAILING)
        return BedRank(BedPhase.BAKING, self.judgement.minutes if self.judgement else 0)

    __test__ = False  # for pytest: this is not a test
