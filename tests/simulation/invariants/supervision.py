"""Invariant 33: the end of a service that was alive is an event, of its host and of its deployment."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lifecycle.application.convergence.converge import AUTOMATIC
from lifecycle.domain.convergence.crash_loop import STEADY_MINUTES
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import answers_on, latest_attempts
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from tests.simulation.hosts import Host

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle

# Seconds. The second pause in a row is two minutes, and the clocks of agents and functions may differ by some.
_SLOWED = 90.0
_MINUTE = 60.0


def end_is_reported(oracle: "Oracle", host: Host, report: HostReport) -> None:
    """33: the report of a service that ended after its self-test says so, whatever ended it."""
    test, started = report.self_test, host.started
    if host.reports_falsely or host.cover_up or started is None or test is None or report.running:
        return
    if test.passed and test.boot == started.boot and report.installed and report.ended is None:
        oracle.fail(
            "33 unreported", f"{host.name} does not run {report.installed}, and reports no end of its service"
        )


def fallen_is_asked_about(oracle: "Oracle", begun: HostAttempt) -> None:
    """33: no host is begun while another one has fallen under this deployment, and no human has decided on it."""
    sim, record = oracle.sim, oracle.records.get(begun.deployment)
    if (
        record is None
        or record.id in oracle.deleted
        or any(bed.deployment == record.id for bed in oracle.beds.values())
    ):
        return
    mine = [each for key, each in oracle.attempts.items() if key[0] == begun.deployment and each is not begun]
    questions = sim.deployments.questions(begun.deployment)
    bad, only = sim.fleet.quarantined_hosts(sim.cluster), record.request.only
    for host, attempt in latest_attempts(mine).items():
        report = sim.fleet._reports.get(sim.cluster, {}).get(host)
        asked = answers_on(questions, attempt) or host in bad or (only and host not in only)
        if report is None or asked or attempt.state is not AttemptState.ALIVE or attempt.group is not Group.MAIN:
            continue
        if oracle.recent(sim.hosts[host].lies_until) or oracle.recent(oracle.removed_at):
            continue  # its report names another address, so nothing of it counts; or it came back after its removal
        fell = report.ended and (report.epoch, report.attempt) == (attempt.epoch, attempt.number)
        same = report.installed == record.target.version
        if fell and same and not oracle.recent(oracle.end_reported_at.get(host, -1e9)):
            oracle.fail("33 passed over", f"{record.id} begins {begun.host}, but {host} has fallen: {report.ended}")


def stays_alive_first(oracle: "Oracle", host: Host, attempt: HostAttempt) -> None:
    """33: a host counts as alive only after it was so for the policy's time."""
    record, since = oracle.records.get(attempt.deployment), oracle.healthy_since.get(host.address)
    if record is None or since is None or attempt.group is not Group.MAIN or record.request.kind is Kind.CONVERGE:
        return
    if oracle.late(record.id):
        return  # a call of a deployment that has lost its lease writes its own record only
    lasted = oracle.sim.now - since
    if lasted < record.policy.min_alive_seconds - 0.01:
        oracle.fail("33 too soon", f"{attempt.host} counts as alive after {lasted:.1f} s")


def crash_loop_is_slowed(oracle: "Oracle", given: Mapping[str, Any]) -> None:
    """33: a service that ended again after each of its last repairs is not repaired at once.

    A deployment that ended well begins all again, also one of the same version.
    """
    sim, version = oracle.sim, given["version"]
    done = [
        oracle.ended_at[name]
        for name, each in oracle.records.items()
        if each.request.kind is not Kind.CONVERGE and each.state is DeploymentState.DONE and name in oracle.ended_at
    ]
    last_done = max(done, default=-1e9)
    if sim.clock_error_ever or oracle.deleted or given["requested_by"] not in AUTOMATIC:
        return  # an operator who asks waits for no back-off
    for host in given["only"]:
        report = sim.fleet._reports.get(sim.cluster, {}).get(host)
        repairs = [
            (oracle.ended_at[name], oracle.lease_acquired.get(name, (0, 0.0))[1])
            for name, each in oracle.records.items()
            if each.request.kind is Kind.CONVERGE
            and host in each.request.only
            and each.target.version == version
            and each.epoch
            and name in oracle.ended_at
            and oracle.ended_at[name] > last_done
            and each.failed_host in ("", host)  # one that failed at another host may not have reached this one
            # One that began after the end, and has changed nothing here since, has not started what ended.
            and oracle.lease_acquired.get(name, (0, 0.0))[1] < sim.hosts[host].boot_changed_at
        ]
        repairs.sort()
        if report is None or report.ended is None or len(repairs) < 2:
            continue
        if oracle.recent(sim.hosts[host].boot_changed_at):
            continue  # convergence read its facts before that end, and repairs the host for something else
        (first, _), (last, began) = repairs[-2:]
        in_a_row = began - first < STEADY_MINUTES * _MINUTE / 2
        if in_a_row and sim.now - last < _SLOWED:
            oracle.fail("33 not slowed", f"{host} is repaired again after {sim.now - last:.0f} s, for {report.ended}")
