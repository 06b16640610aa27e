"""Invariants 1, 2, 3, 13, 17 and 19: hosts in rotation, their versions, and when a service may stop."""

from typing import TYPE_CHECKING

from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.decision import hosts_left_out, latest_attempts
from lifecycle.domain.service.host_count import at_least, at_most
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.target import Target
from tests.simulation.hosts import Host
from tests.simulation.scheduler import Actor

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle


def pairs_in_rotation(oracle: "Oracle") -> set[tuple[str, int]]:
    """Return the versions that really run on the hosts in rotation, each with its configuration."""
    sim = oracle.sim
    hosts = [sim.hosts_at[address] for address in sim.balancer.everywhere()]
    return {(host.boot.version, host.boot.config) for host in hosts if host.boot}


def enough_stay(oracle: "Oracle", actor: Actor, host: Host, state: TargetState, group: Group = Group.MAIN) -> None:
    """1: a drain leaves all but max_unavailable hosts serving; those lost a moment ago count as serving."""
    record, sim = oracle.record(actor.deployment), oracle.sim
    if record is None or state is not TargetState.HEALTHY or actor.function != "drain":
        return
    if oracle.sim.balancer.state(host.address) is TargetState.HEALTHY and group is not Group.MAIN:
        return  # it still serves in the main group
    if host.boot is None or not host.answers_checks() or oracle.recovered_unnoticed(actor, host):
        return  # it does not serve, or did not when the actor read its state
    if _says_so_itself(oracle) or oracle.late(actor.deployment):
        return  # or its call hung until another deployment held the lease: see fencing.not_fenced
    if oracle.recent(oracle.removed_at):
        return  # an operator has just removed a live host: the drain cannot know yet
    attempts, questions = sim.deployments.attempts_and_questions(record.id)
    newest = latest_attempts(attempts).get(host.name)
    if newest is not None and newest.state is not AttemptState.STARTED:
        return  # a drain that hung while another call drained the host: see records.drains_before_it_installs
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


def ends_drained(oracle: "Oracle", name: str) -> None:
    """19: Lifecycle lets Auto Scaling end an instance only once no request goes there, and none is in flight."""
    state = oracle.sim.balancer.state(oracle.sim.hosts[name].address)
    if state not in (None, TargetState.ABSENT, TargetState.UNUSED):
        oracle.fail("19 ends undrained", f"the instance of {name} may end, and its target is {state}")


def _says_so_itself(oracle: "Oracle") -> bool:
    """Return True where a worker has reported falsely: nothing else is known of it, as of a host with requests.

    By a clock that was set back, the last report of a worker that is gone is a fresh one.
    """
    sim = oracle.sim
    if sim.http:
        return False
    if sim.clock_error_ever and any(each.left or each.boot is None for each in sim.hosts.values()):
        return True
    return any(each.reports_falsely or oracle.recent(each.false_report_at) for each in sim.hosts.values())


def serves(oracle: "Oracle", host: Host) -> bool:
    """Return True when a host is healthy where it is registered, or was until a moment ago."""
    balancer = oracle.sim.balancer
    state = balancer.state(host.address)
    return (state is not None and state.serves) or oracle.recent(balancer.lost_at.get(host.address, -1e9))


def only_known_hosts_get_in(oracle: "Oracle", address: str) -> None:
    """27: only an address of a known host is registered, whatever a report says."""
    if address not in oracle.sim.hosts_at:
        oracle.fail("27 known hosts", f"{address} was registered, and no machine of the cluster is there")


def only_tested_gets_in(oracle: "Oracle", host: Host) -> None:
    """2: a registered host really passed its self-test on this start; a start a moment ago is excused."""
    boot = host.boot
    if boot is not None and not boot.tested and not oracle.recent(boot.at):
        oracle.fail("2 self-test", f"{host.name} is registered, and {boot.boot} never passed its self-test")


def only_its_target_gets_in(oracle: "Oracle", actor: Actor, host: Host, group: Group) -> None:
    """3, 13: a deployment registers only hosts that run its target, with the published bytes."""
    record, boot = oracle.record(actor.deployment), host.boot
    if record is None or boot is None or oracle.recent(boot.at):
        return
    wanted = [record.target]
    if record.previous and (group is Group.CONTROL or actor.function == "end_bake"):
        wanted = [record.previous] if group is Group.CONTROL else [record.target, record.previous]
    if (boot.version, boot.digest) not in [(each.version, each.digest) for each in wanted]:
        oracle.fail("3 version", f"{actor.deployment} registers {host.name} with {boot.version}")
    if Target(boot.version, boot.digest, boot.config) not in wanted:
        oracle.fail("34 pair", f"{actor.deployment} registers {host.name} with config {boot.config}")


def traffic_is_tested(oracle: "Oracle", host: Host) -> None:
    """2: no host gets traffic before this start of its service has passed its self-test."""
    if oracle.recent(oracle.registered_late_at.get(host.address, -1e9)):
        return  # registered by a call that hung and was fenced: nothing can fence the load balancer
    if host.boot is not None and not host.boot.tested:
        oracle.fail("2 self-test", f"{host.name} gets traffic, and {host.boot.boot} never passed its self-test")


def traffic_is_target_or_previous(oracle: "Oracle", host: Host) -> None:
    """3: only the target, the previous version and those in rotation at the start get traffic."""
    sim, boot = oracle.sim, host.boot
    # A person may have changed the desired version itself.
    desired = oracle.desired_before[-1] if oracle.desired_before else sim.registry.desired(sim.cluster)
    record = oracle.record(oracle.lease.deployment or (desired.deployment if desired else ""))
    if boot is None or record is None or oracle.recent(oracle.registered_late_at.get(host.address, -1e9)):
        return
    if boot.digest != sim.artifacts.manifest(sim.cluster.service, boot.version).digest:
        oracle.fail("13 digest", f"{host.name} serves other bytes than those of {boot.version}")
    targets = [record.target, *([record.previous] if record.previous else [])]
    allowed = {(each.version, each.config) for each in targets} | oracle.in_rotation_before
    # After an abort, a repair starts what its host has (10).
    began = oracle.record(boot.deployment)
    if not oracle.lease.deployment and began is not None and began.request.only:
        allowed |= {(began.target.version, began.target.config)}
    if boot.version not in {version for version, _ in allowed}:
        oracle.fail("3 version", f"{host.name} serves {boot.version} during {record.id} of {sorted(allowed)}")
    if (boot.version, boot.config) not in allowed:
        served = f"{boot.version} with config {boot.config}"
        oracle.fail("34 pair", f"{host.name} serves {served} during {record.id} of {sorted(allowed)}")


def starts_with_its_pair(oracle: "Oracle", host: Host, config: int, environment: dict[str, str]) -> None:
    """34: a service is started with the configuration of its turn, and with no other value."""
    sim, acted = oracle.sim, host.journal.acted if host.journal else None
    wanted = sim.config_store.resolved(sim.config_store.read(sim.cluster, config))
    if acted is None or acted.config != config or environment != wanted:
        oracle.fail("34 pair", f"{host.name} starts with config {config} and {sorted(environment)}, not as {acted}")


def runs_what_was_published(oracle: "Oracle", host: Host, manifest: Manifest) -> None:
    """25: a service is started as its manifest said when it was published, and signed for that service and version.

    The artifact store may say something else.
    """
    scenario, version = oracle.sim.scenario, manifest.version
    if manifest != scenario.published[version]:
        oracle.fail("25 bytes", f"{host.name} starts {version} with `{manifest.run.command}`")
    if host.envelopes.get(version) != scenario.signed[version]:
        oracle.fail("25 signature", f"{host.name} starts {version}, which nobody of this installation signed for it")


def stops_nothing_in_rotation(oracle: "Oracle", host: Host) -> None:
    """17, 19: an agent stops a service only out of rotation and after its last request has ended."""
    sim = oracle.sim
    state = sim.balancer.state(host.address)
    if oracle.recent(oracle.registered_late_at.get(host.address, -1e9)):
        return  # registered by a call that hung and was fenced: nothing can fence the load balancer
    if state is not None and state.in_rotation:
        oracle.fail("17 stop in rotation", f"{host.name} is stopped while it is {state}")
    if sim.balancer.busy(host.address):
        oracle.fail("19 drain", f"{host.name} is stopped with requests in flight")


def starts_nothing_in_rotation(oracle: "Oracle", host: Host) -> None:
    """2: an agent starts a service only out of rotation, so that it gets no traffic before its self-test."""
    state = oracle.sim.balancer.state(host.address)
    if oracle.recent(oracle.registered_late_at.get(host.address, -1e9)):
        return
    if state is not None and state.in_rotation:
        oracle.fail("17 stop in rotation", f"{host.name} is started while it is {state}")
