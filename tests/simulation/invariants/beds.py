"""Invariants 1, 9 and 21 for test beds: traffic weights, verdicts, and what may follow them."""

from typing import TYPE_CHECKING

from lifecycle.domain.analysis.model import Verdict
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from tests.simulation.balancer import TEST_GROUP
from tests.simulation.hosts import Host
from tests.simulation.scheduler import Actor

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle

_GO_ON = (Choice.RETRY, Choice.SKIP_HOST, Choice.FORCE_NEXT)


def weights_are_served(oracle: "Oracle") -> None:
    """1: a group with a traffic weight has a healthy target, unless that became unhealthy just now."""
    sim, balancer = oracle.sim, oracle.sim.balancer
    actor = sim.actor
    if actor is not None and actor.deployment and oracle.late(actor.deployment):
        return  # its call hung until it had lost the lease: nothing can fence the load balancer
    for group in TEST_GROUP:
        targets = balancer.test_groups[group]
        unhealthy = any(oracle.recent(balancer.lost_at.get(address, -1e9)) for address in targets)
        # The targets are counted before a weight is set: a call that hangs meanwhile cannot know which left
        # since.
        counted_at = actor.group_read_at.get(group, -1e9) if actor is not None else oracle.sim.now
        left = counted_at < balancer.left_at[group] and oracle.recent(balancer.left_at[group])
        if (
            balancer.traffic_weights[group]
            and TargetState.HEALTHY not in targets.values()
            and not (unhealthy or left)
        ):
            oracle.fail("1 weight", f"{group} has a traffic weight, but its targets are {targets or 'none'}")


def leaves_no_weight_behind(oracle: "Oracle", actor: Actor | None, address: str, group: Group) -> None:
    """1: a group loses its traffic weight before its last target leaves."""
    balancer = oracle.sim.balancer
    if group is Group.MAIN or actor is None or not balancer.traffic_weights[group]:
        return
    if actor.deployment and oracle.late(actor.deployment):
        return
    others = [a for a, state in balancer.test_groups[group].items() if a != address and state is TargetState.HEALTHY]
    unseen = actor.balancer_read_at < balancer.left_at[group] and oracle.recent(balancer.left_at[group])
    if not others and not unseen and not oracle.recent(balancer.weight_given_at[group]):
        oracle.fail("1 weight", f"{actor.name} takes the last target out of {group}, which has a traffic weight")


def enough_stay(oracle: "Oracle", actor: Actor, host: Host, state: TargetState, group: Group) -> None:
    """1: a host serves in the main target group before it leaves its test-bed group."""
    balancer = oracle.sim.balancer
    if actor.function != "end_bake" or group is Group.MAIN or state is not TargetState.HEALTHY:
        return
    if oracle.late(actor.deployment) or not host.answers_checks():
        return
    in_main_group = balancer.states.get(host.address) is TargetState.HEALTHY
    if in_main_group or oracle.recent(balancer.lost_at.get(host.address, -1e9)):
        return
    if oracle.recovered_unnoticed(actor, host):
        return
    if group is Group.TEST_BED and _failed(oracle, actor):
        return  # it is taken out because it failed
    oracle.fail("1 capacity", f"{actor.name} takes {host.name} out of {group}, and it serves nowhere else")


def _failed(oracle: "Oracle", actor: Actor) -> bool:
    return str(actor.given.get("outcome", "")) == BedState.FAILED


def verdict_fits(oracle: "Oracle", bed: TestBed) -> None:
    """21: a PASS needs requests; a test bed without a PASS counts as passed only by a human's approval."""
    judged = bed.judgement
    if judged and judged.verdict is Verdict.PASS and not judged.requests_test_bed:
        oracle.fail("21 verdict", f"{bed.deployment} passes its test bed without a request")
    if bed.state is BedState.PASSED and (judged is None or judged.verdict is not Verdict.PASS):
        answers = [q.answer.choice for q in oracle.sim.deployments.questions(bed.deployment) if q.answer]
        if Choice.APPROVE not in answers:
            oracle.fail("21 verdict", f"{bed.deployment} passed its test bed without a verdict PASS or an approval")


def waits_for_the_verdict(oracle: "Oracle", actor: Actor, begun: HostAttempt) -> None:
    """21, 9: no further host is updated while the test bed bakes, or after it failed without a decision."""
    name = actor.deployment
    mine = [bed for bed in oracle.beds.values() if bed.deployment == name]
    if not mine:
        return
    newest = max(mine, key=lambda bed: bed.number)
    if oracle.recent(oracle.bed_moved_at[name, newest.number]):
        return
    if newest.state is BedState.BAKING:
        oracle.fail("21 verdict", f"{name} continues to {begun.host} while its test bed bakes")
    if newest.state is BedState.FAILED:
        about = [q for q in oracle.sim.deployments.questions(name) if q.host == newest.host and q.answer]
        said = [q.answer.choice for q in about if q.answer and q.attempt == newest.attempt]
        if not set(said) & set(_GO_ON):
            oracle.fail("9 went on", f"{name} continues, but {newest.host} failed in the test bed, answered {said}")


def no_weight_is_left_unserved(oracle: "Oracle") -> None:
    """1, 20: at the end of a run, every group with a weight has a healthy target, and the main group has a weight."""
    balancer = oracle.sim.balancer
    if not balancer.traffic_weights[Group.MAIN] and TargetState.HEALTHY in balancer.states.values():
        oracle.fail("1 weight", f"the main group has no traffic weight, and {balancer.states}")
    for group in TEST_GROUP:
        if balancer.traffic_weights[group] and TargetState.HEALTHY not in balancer.test_groups[group].values():
            oracle.fail(
                "1 weight",
                f"{group} is left with a traffic weight, and {balancer.test_groups[group] or 'no target'}",
            )
