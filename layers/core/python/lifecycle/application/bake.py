"""The test bed at work: look at it beside its control (`analyse`), and bring both home (`end_bake`).

Called by functions/analyse and functions/end_bake; domain/baking.py decides when. Both may be repeated at any time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from lifecycle.application import observe, shares
from lifecycle.application.attempt import LONGEST_WAIT, Outcome
from lifecycle.application.metrics_ports import Metrics
from lifecycle.application.world import World
from lifecycle.domain.baking import minutes_wanted
from lifecycle.domain.bed_hosts import target_of
from lifecycle.domain.bed_questions import extensions
from lifecycle.domain.capacity import Group, TargetState, out_of_place
from lifecycle.domain.deployment import Deployment
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet import Cluster, HostReport
from lifecycle.domain.judge import judge
from lifecycle.domain.measures import BUILT_IN
from lifecycle.domain.verdicts import BedState, Measure, Rules, TestBed


@dataclass(frozen=True, slots=True)
class BakeTask:
    """A deployment that has a test bed, as the state machine names it."""

    cluster: Cluster
    deployment: str
    epoch: int


def analyse(world: World, metrics: Metrics, task: BakeTask) -> Outcome:
    """Judge what was measured so far, and note it; traffic is kept off a host that is ill. Raises Unknown."""
    current = _current(world, task)
    if isinstance(current, Outcome):
        return current
    bed = _baking(world, task)
    if bed is None:
        return Outcome("SKIPPED", "no test bed bakes")
    shares.call_in(world, task.cluster)
    if not bed.control:
        return Outcome("SKIPPED", f"{bed.host} has no control")
    try:
        return _judged(world, metrics, current, bed)
    except LifecycleError as error:  # the next look may go better; past its time, a human is asked
        return Outcome("FAILED", str(error))


def _judged(world: World, metrics: Metrics, current: Deployment, bed: TestBed) -> Outcome:
    questions = world.deployments.questions(bed.deployment)
    wanted, extended = minutes_wanted(bed, questions), extensions(questions, bed)
    minutes = min(metrics.complete_minutes(bed.began_at, world.clock.now(), world.minute), wanted)
    if minutes < 1:
        return Outcome("SKIPPED", "no minute is complete yet")
    measures = (*BUILT_IN, *_own_measures(world, current))
    baked = metrics.baked(
        current.cluster, bed.host, bed.control, measures, bed.began_at, minutes, world.minute
    )
    judgement = judge(baked, Rules(planned_minutes=wanted), looks_before=extended)
    world.deployments.put_bed(replace(bed, judgement=judgement, series=baked.series))
    return Outcome(str(judgement.verdict), judgement.sentence)


def _own_measures(world: World, current: Deployment) -> list[Measure]:
    """The service's own metrics that both versions tell; a new one has nothing to be compared with."""
    service, previous = current.request.service, current.previous
    told = world.artifacts.manifest(service, previous.version).metrics if previous else ()
    known = {each.name for each in told}
    return [m for m in world.artifacts.manifest(service, current.target.version).metrics if m.name in known]


def end_bake(world: World, task: BakeTask, number: int, state: BedState, reason: str) -> Outcome:
    """Bring both hosts into the main target group again, then take them out of their own. Raises Unknown.

    Where the new version has failed, its host is taken out of rotation at once, and stays out. A host that does
    not come home stays where it serves, and is found there later (domain/rollout.py).
    """
    current = _current(world, task)
    if isinstance(current, Outcome):
        return current
    bed = next((each for each in world.deployments.beds(task.deployment) if each.number == number), None)
    if bed is None or bed.state is not BedState.BAKING:
        return Outcome("PASSED", "it has ended before")
    what = f"test bed {state.lower().replace('_', ' ')}"
    world.tell(task.cluster, what, "lifecycle", reason, deployment=task.deployment, host=bed.host)
    guests = _guests(world, current, bed)
    failed = [each for each in guests if state is BedState.FAILED and each.group is Group.TEST_BED]
    if failed and (late := _leave(world, task, failed)):
        return late
    fit = [each for each in guests if each not in failed and each.fit]
    if late := _come_home(world, task, fit):
        return late
    home = _home(world, current, fit)
    ill = [each for each in guests if each not in failed and not each.serves]
    if late := _stay(world, task, [each for each in fit if each not in home]) or _leave(
        world, task, [*home, *ill]
    ):
        return late
    ended = replace(bed, state=state, reason=reason, ended_at=world.clock.now())
    world.deployments.put_bed(ended)
    return Outcome("PASSED", reason)


def end_open(world: World, task: BakeTask, reason: str) -> None:
    """Bring home whom a deployment left aside that ends without its state machine. Raises Unknown."""
    if bed := _baking(world, task):
        end_bake(world, task, bed.number, BedState.GIVEN_UP, reason)


@dataclass(frozen=True, slots=True)
class _Guest:
    """A host that is aside: `serves` in its group, and is `fit` to go home, as what runs there is what was tested."""

    report: HostReport
    group: Group
    serves: bool
    fit: bool


def _guests(world: World, current: Deployment, bed: TestBed) -> list[_Guest]:
    found = []
    for host, group in ((bed.host, Group.TEST_BED), (bed.control, Group.CONTROL)):
        report = world.fleet.report(current.cluster, host) if host else None
        if report is None:
            continue  # it left, and was deregistered when it was removed
        state = world.dispatcher.members(current.cluster, group).get(report.address, TargetState.ABSENT)
        serves = state is TargetState.HEALTHY
        place = TargetState.ASIDE if serves else state
        fit = out_of_place(report, place, target_of(current, group), group) is None
        found.append(_Guest(report, group, serves, fit))
    return found


def _come_home(world: World, task: BakeTask, guests: Sequence[_Guest]) -> Outcome | None:
    for each in guests:
        _tell(world, task, "register", each, "home from the test bed")
        if late := _overtaken(world, task):
            return late
        world.dispatcher.register(task.cluster, each.report.address, each.report.port, Group.MAIN)
    return None


def _home(world: World, current: Deployment, guests: Sequence[_Guest]) -> list[_Guest]:
    """Those that the load balancer finds healthy in the main group, in time."""
    limit = min(timedelta(seconds=current.policy.alive_seconds), LONGEST_WAIT)
    until = world.clock.now() + limit
    while True:
        states = world.dispatcher.members(current.cluster, Group.MAIN)
        home = [each for each in guests if states.get(each.report.address) is TargetState.HEALTHY]
        if len(home) == len(guests) or world.clock.now() >= until:
            return home
        world.clock.sleep(world.poll_seconds)


def _stay(world: World, task: BakeTask, guests: Sequence[_Guest]) -> Outcome | None:
    """Those that did not come home serve where they are."""
    for each in guests:
        _tell(world, task, "drain", each, "it is not healthy in the main target group, and stays in its own")
        if late := _overtaken(world, task):
            return late
        world.dispatcher.deregister(task.cluster, each.report.address, each.report.port, Group.MAIN)
    return None


def _leave(world: World, task: BakeTask, guests: Sequence[_Guest]) -> Outcome | None:
    """First their share, then their place: no group may be left with a share and nobody to answer it."""
    if late := _overtaken(world, task):
        return late
    shares.fair(world, task.cluster, {each.report.address for each in guests})
    for each in guests:
        _tell(world, task, "drain", each, f"out of the target group {each.group}")
        if late := _overtaken(world, task):
            return late
        world.dispatcher.deregister(task.cluster, each.report.address, each.report.port, each.group)
    return None


def _tell(world: World, task: BakeTask, what: str, guest: _Guest, why: str) -> None:
    world.tell(task.cluster, what, "lifecycle", why, deployment=task.deployment, host=guest.report.host)


def _current(world: World, task: BakeTask) -> Deployment | Outcome:
    """The deployment, if it is still this call's to act for."""
    current, lease = world.standings.of_deployment(task.cluster, task.deployment)
    if current is None:
        raise observe.unknown(task.cluster, task.deployment)
    if (lease.deployment, lease.epoch) != (current.id, task.epoch):
        return Outcome("STALE", f"epoch {task.epoch} was overtaken")
    return Outcome("SKIPPED", f"it has ended: {current.state}") if current.state.final else current


def _overtaken(world: World, task: BakeTask) -> Outcome | None:
    found = _current(world, task)
    return found if isinstance(found, Outcome) else None


def _baking(world: World, task: BakeTask) -> TestBed | None:
    beds = [each for each in world.deployments.beds(task.deployment) if each.state is BedState.BAKING]
    return beds[-1] if beds else None
