"""The test bed's course: when one is set up, how long it bakes, what its verdict leads to.

Asked by rollout.next_step before any further host is updated. The first host gets the new version in a target
group of its own; a control is restarted on the current version in another (bed_hosts.py). Both bake, one is
compared with the other, both go home.
"""

from collections.abc import Sequence
from datetime import datetime
from math import ceil

from lifecycle.domain.answers import answers_on
from lifecycle.domain.attempts import HostAttempt
from lifecycle.domain.bed_hosts import alone, bed_wanted, set_up, unfit
from lifecycle.domain.bed_questions import approved, ask, extensions, refusal
from lifecycle.domain.capacity import Group
from lifecycle.domain.deployment import DeploymentState
from lifecycle.domain.manifest import AfterBake
from lifecycle.domain.membership import members
from lifecycle.domain.questions import Choice, Question
from lifecycle.domain.steps import Bake, EndBake, Facts, Finish, RollBack, Step
from lifecycle.domain.verdicts import BedState, TestBed, Verdict

# At the most so many looks at one bake, so that its execution's history stays short.
LOOKS = 240
# Metrics come late, and a look may be lost: so many minutes more, or two looks, then a human is asked.
PATIENCE_MINUTES = 5
# How often a test bed is set up whose host then left.
BEDS = 3


def next_group(facts: Facts) -> Group:
    """Where the next host is updated: in the test bed, as long as one is wanted that has not come to its end."""
    return Group.TEST_BED if _pending(facts) else Group.MAIN


def failed_bed(facts: Facts, attempt: HostAttempt) -> TestBed | None:
    """The test bed that this attempt failed in, if it did."""
    failed = (bed for bed in facts.beds if bed.state is BedState.FAILED)
    return next((bed for bed in failed if (bed.host, bed.attempt) == (attempt.host, attempt.number)), None)


def home_first(facts: Facts, step: Step) -> Step:
    """Nothing ends or is handed over before the test bed's hosts are at home; who was overtaken touches nothing."""
    bed = _newest(facts)
    if bed is None or bed.state is not BedState.BAKING or not isinstance(step, Finish | RollBack):
        return step
    if isinstance(step, Finish) and step.outcome in (DeploymentState.STALE, facts.deployment.state):
        return step
    return EndBake(bed.number, BedState.GIVEN_UP, step.reason)


def bake(facts: Facts, now: datetime) -> Step | None:  # noqa: PLR0911 (one answer a state of the bed)
    """What the test bed asks for before the next host is updated; None when that host may be."""
    bed = _newest(facts)
    if bed and bed.state is BedState.BAKING:
        return _baking(facts, bed, now)
    if bed and (no := refusal(facts, bed, now)):
        return no
    if _pending(facts):
        return set_up(facts, (bed.number if bed else 0) + 1, now)
    if bed is None or approved(facts, bed):
        return None
    if bed.state is BedState.PASSED and facts.deployment.policy.after_bake is AfterBake.ASK:
        return ask(facts, bed, f"the test bed passed: {bed.reason}", longer=False)
    if bed.state is BedState.GIVEN_UP:
        told = f"{bed.number} test beds were set up, and none came to a verdict: {bed.reason}"
        return ask(facts, bed, told, longer=False)
    return None


def minutes_wanted(bed: TestBed, questions: Sequence[Question]) -> int:
    """How long it bakes, with what humans asked for since."""
    return bed.minutes * (1 + extensions(questions, bed))


def _newest(facts: Facts) -> TestBed | None:
    return max(facts.beds, key=lambda bed: bed.number, default=None)


def _pending(facts: Facts) -> bool:
    """Whether a test bed is to be set up: the first, or another one because its host left or is tried again."""
    bed = _newest(facts)
    if not bed_wanted(facts) or bed is None:
        return bed_wanted(facts)
    if bed.state is BedState.GIVEN_UP:
        return bed.number < BEDS
    if bed.state is BedState.FAILED:
        attempt = next((a for a in facts.attempts if (a.host, a.number) == (bed.host, bed.attempt)), None)
        answers = answers_on(facts.questions, attempt) if attempt else []
        return bool(answers) and answers[-1] is Choice.RETRY
    return False


def _baking(facts: Facts, bed: TestBed, now: datetime) -> Step:  # noqa: PLR0911 (the gravest first)
    if bed.host not in members(facts):
        return EndBake(bed.number, BedState.GIVEN_UP, f"{bed.host} has left the test bed")
    if why := unfit(facts, bed.host, Group.TEST_BED):
        return EndBake(bed.number, BedState.FAILED, f"{bed.host} was alive in the test bed, but now it {why}")
    judged, wanted = bed.judgement, minutes_wanted(bed, facts.questions)
    if judged and judged.verdict is Verdict.FAIL:
        return EndBake(bed.number, BedState.FAILED, judged.sentence)
    if told := alone(facts, bed):
        return _undecided(facts, bed, now, told, longer=False)
    elapsed = (now - bed.began_at) / facts.minute
    complete = judged is not None and judged.minutes >= wanted
    pause = max(1.0, wanted / LOOKS)
    if not complete and elapsed < wanted + max(PATIENCE_MINUTES, 2 * pause):
        seconds = ceil(facts.minute.total_seconds() * pause)
        pair = f"{bed.host} against {bed.control}"
        return Bake(seconds, f"the test bed bakes, {pair}: {min(int(elapsed), wanted)} of {wanted} minutes")
    if judged and complete and judged.verdict is Verdict.PASS:
        return EndBake(bed.number, BedState.PASSED, judged.sentence)
    told = judged.sentence if judged else f"nothing could be measured within {wanted} minutes"
    return _undecided(facts, bed, now, told, longer=True)


def _undecided(facts: Facts, bed: TestBed, now: datetime, told: str, *, longer: bool) -> Step:
    """A human decides where the data does not."""
    if why := approved(facts, bed):
        return EndBake(bed.number, BedState.PASSED, why)
    return refusal(facts, bed, now) or ask(facts, bed, f"the test bed is undecided: {told}", longer=longer)
