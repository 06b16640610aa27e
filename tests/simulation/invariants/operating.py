"""Freezes, pauses and quarantines; invariant 15: no deployment begins without a rollback target."""

from typing import TYPE_CHECKING

from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.deployment import DeploymentState, Kind, Override, Request
from tests.simulation.invariants import ending
from tests.simulation.scheduler import Actor

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle


def begins_only_when_it_may(oracle: "Oracle", deployment: str) -> None:
    """15: a deployment begins only if no freeze or quarantine blocked it for a while, unless overridden."""
    sim, request = oracle.sim, oracle.requests.get(deployment)
    if request is None or request.kind is not Kind.DEPLOY:
        return
    frozen = [f for f in sim.freezes.all() if f.covers(sim.cluster) and not oracle.recent(oracle.frozen_at[f.scope])]
    if frozen and Override.FREEZE not in request.overrides:
        oracle.fail("frozen", f"{deployment} begins, but {frozen[0].scope} is frozen")
    _rollback_target_exists(oracle, request)
    bad = request.version in sim.fleet.quarantined(sim.cluster)
    lately = oracle.recent(oracle.quarantined_at.get(request.version, sim.now))
    if bad and not lately and Override.QUARANTINE not in request.overrides:
        oracle.fail("quarantine", f"{deployment} begins, but {request.version} is quarantined")


def _rollback_target_exists(oracle: "Oracle", request: Request) -> None:
    """15: the artifact of the last verified version is in the store, or the operator overrode that.

    Where only the configuration changes, it is the artifact of the same version.
    """
    sim, begins = oracle.sim, oracle.records[request.deployment].target
    done = [r for r in oracle.records.values() if r.state is DeploymentState.DONE and not r.request.only]
    before = [r for r in done if begins.differs_from(r.target) and r.id not in oracle.deleted]
    if not before or Override.NO_ROLLBACK_TARGET in request.overrides:
        return
    target = max(before, key=lambda r: r.id).target
    gone = not sim.artifacts.has_artifact(target, sim.cluster.service)
    if gone and not oracle.store_changed_during_the_plan(target.version):
        oracle.fail("15 rollback target", f"{request.deployment} begins, but {target.version} is not in the store")


def _needs_the_update(oracle: "Oracle", name: str, host: str) -> None:
    """23, 7: a host that has served the target for a while, and reports so, is not updated again."""
    sim, record, here = oracle.sim, oracle.records[name], oracle.sim.hosts[host]
    report = sim.fleet._reports[sim.cluster].get(host)
    lost_at = sim.balancer.lost_at.get(here.address, -1e9)
    lied_at = max(here.false_report_at, here.lies_until)
    changed_at = max(here.boot_changed_at, here.last_unreachable_at, here.healthy_at, lied_at, lost_at)
    if report is None or here.reports_falsely or here.cover_up or oracle.recent(changed_at) or not here.reachable():
        return
    if not sim.http and sim.clock_error_ever:
        return  # with a function's wrong clock the agent may have been unreachable, so nobody knew that it serves
    if record.updates_all and sum(key[:2] == (name, host) for key in oracle.attempts) <= 1:
        return  # another deployment left the version there, and none has verified it
    if not ending.not_serving(oracle, here, record):
        oracle.fail("23 twice", f"{name} updates {host}, which serves {record.target.version}")


def touches_only_what_it_may(oracle: "Oracle", actor: Actor, begun: HostAttempt) -> None:
    """Fail when a paused deployment updates a further host, or any deployment updates a quarantined one."""
    name = actor.deployment
    if name in oracle.paused_at and not oracle.recent(oracle.paused_at[name]):
        oracle.fail("paused", f"{name} continues, but is paused")
    bad, host = oracle.sim.fleet.quarantined_hosts(oracle.sim.cluster), begun.host
    if begun.number > 1:
        return
    _needs_the_update(oracle, name, host)
    if host in bad and not oracle.recent(oracle.quarantined_at.get(host, oracle.sim.now)):
        oracle.fail("quarantine", f"{name} updates {host}, which is quarantined")
