"""Invariants 1, 2, 3, 13, 17 and 19: who is in rotation, with what, and when a service may be stopped."""

from typing import TYPE_CHECKING

from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.decision import hosts_left_out, latest_attempts
from lifecycle.domain.service.host_count import at_least, at_most
from tests.simulation.hosts import Host
from tests.simulation.scheduler import Actor

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle


def versions_in_rotation(oracle: "Oracle") -> set[str]:
    """What really runs on the hosts that are registered."""
    sim = oracle.sim
    hosts = [sim.hosts_at[address] for address in sim.balancer.everywhere()]
    return {host.boot.version for host in hosts if host.boot}


def enough_stay(
    oracle: "Oracle", actor: Actor, host: Host, state: TargetState, group: Group = Group.MAIN
) -> None:
    """1: a drain leaves all but max_unavailable of the hosts serving; those lost a moment ago are not our doing."""
    record, sim = oracle.record(actor.deployment), oracle.sim
    if record is None or state is not TargetState.HEALTHY or actor.function != "drain":
        return
    if oracle.sim.balancer.state(host.address) is TargetState.HEALTHY and group is not Group.MAIN:
        return  # it goes on serving in the main group
    if host.boot is None or not host.answers_checks() or oracle.recovered_unnoticed(actor, host):
        return  # it serves nothing, as the load balancer is about to find out; or did not when it was looked at
    if oracle.late(actor.deployment):
        return  # it hung until its lease was another's, who counted this host: fencing.not_overtaken judges it
    if oracle.recent(oracle.removed_at):
        return  # somebody has just taken a live host out by hand: the drain cannot know yet
    attempts, questions = sim.deployments.attempts_and_questions(record.id)
    newest = latest_attempts(attempts).get(host.name)
    if newest is not None and newest.state is not AttemptState.STARTED:
        return  # a drain that hung, and was done by another: records.drains_before_it_installs
    present = set(sim.fleet._reports.get(sim.cluster, {}))
    members = present - set(sim.fleet.quarantined_hosts(sim.cluster))
    serving = [name for name in present - {host.name} if serves(oracle, sim.hosts[name])]
    members = {name for name in members if not oracle.recent(sim.hosts[name].joined_at)}
    limit, least = (
        at_most(record.policy.max_unavailable, len(members)),
        at_least(record.policy.min_healthy, len(members)),
    )
    out = hosts_left_out(tuple(attempts), tuple(questions)) | set(record.skipped_hosts)
    floor = max(len(members - out) - limit, least)
    if len(serving) < floor:
        oracle.fail(
            "1 capacity",
            f"draining {host.name} leaves {sorted(serving)} of {sorted(members)}, {floor} must serve",
        )


def serves(oracle: "Oracle", host: Host) -> bool:
    """Whether it is healthy where it is registered, or was until a moment ago."""
    balancer = oracle.sim.balancer
    state = balancer.state(host.address)
    return (state is not None and state.serves) or oracle.recent(balancer.lost_at.get(host.address, -1e9))


def only_tested_gets_in(oracle: "Oracle", host: Host) -> None:
    """2: what is registered has really passed its self-test, on this start; a start just now is not yet known."""
    boot = host.boot
    if boot is not None and not boot.tested and not oracle.recent(boot.at):
        oracle.fail("2 self-test", f"{host.name} is registered, and {boot.boot} never passed its self-test")


def only_its_target_gets_in(oracle: "Oracle", actor: Actor, host: Host, group: Group) -> None:
    """3, 13: what a deployment registers runs its target, with the published bytes."""
    record, boot = oracle.record(actor.deployment), host.boot
    if record is None or boot is None or oracle.recent(boot.at):
        return
    wanted = [record.target]
    if record.previous and (group is Group.CONTROL or actor.function == "end_bake"):
        wanted = [record.previous] if group is Group.CONTROL else [record.target, record.previous]
    if (boot.version, boot.digest) not in [(each.version, each.digest) for each in wanted]:
        oracle.fail("3 version", f"{actor.deployment} registers {host.name} with {boot.version}")


def traffic_is_tested(oracle: "Oracle", host: Host) -> None:
    """2: no host gets traffic before this very start of its service passed its self-test."""
    if oracle.recent(oracle.registered_late_at.get(host.address, -1e9)):
        return  # by a call that hung and was overtaken: nothing can fence the load balancer
    if host.boot is not None and not host.boot.tested:
        oracle.fail(
            "2 self-test", f"{host.name} gets traffic, and {host.boot.boot} never passed its self-test"
        )


def traffic_is_target_or_previous(oracle: "Oracle", host: Host) -> None:
    """3: only the previous version and the target get into rotation, beside what was there when it began."""
    sim, boot = oracle.sim, host.boot
    desired = sim.registry.desired(sim.cluster)
    record = oracle.record(oracle.lease.deployment or (desired.deployment if desired else ""))
    if boot is None or record is None or oracle.recent(oracle.registered_late_at.get(host.address, -1e9)):
        return
    if boot.digest != sim.artifacts.manifest(sim.cluster.service, boot.version).digest:
        oracle.fail("13 digest", f"{host.name} serves other bytes than those of {boot.version}")
    allowed = {record.target.version, record.previous.version if record.previous else ""}
    if boot.version not in allowed | oracle.in_rotation_before:
        oracle.fail("3 version", f"{host.name} serves {boot.version} during {record.id} of {sorted(allowed)}")


def stops_nothing_in_rotation(oracle: "Oracle", host: Host) -> None:
    """17, 19: an agent stops a service only when it is out of rotation and its last request has ended."""
    sim = oracle.sim
    state = sim.balancer.state(host.address)
    if oracle.recent(oracle.registered_late_at.get(host.address, -1e9)):
        return  # by a call that hung and was overtaken: nothing can fence the load balancer
    if state is not None and state.in_rotation:
        oracle.fail("17 stop in rotation", f"{host.name} is stopped while it is {state}")
    if sim.balancer.busy(host.address):
        oracle.fail("19 drain", f"{host.name} is stopped with requests in flight")


def starts_nothing_in_rotation(oracle: "Oracle", host: Host) -> None:
    """2: a service is started out of rotation, so that it gets no traffic before its self-test."""
    state = oracle.sim.balancer.state(host.address)
    if oracle.recent(oracle.registered_late_at.get(host.address, -1e9)):
        return
    if state is not None and state.in_rotation:
        oracle.fail("17 stop in rotation", f"{host.name} is started while it is {state}")
