"""What operators set: freezes, pauses, quarantines, and 15 again: no deployment begins without a way back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lifecycle.domain.deployment import Kind, Obstacle
from tests.simulation.scheduler import Actor

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle


def begins_only_when_it_may(oracle: "Oracle", deployment: str) -> None:
    """15, and freezes and quarantines: what stood against it for a while kept it out, unless it was overridden."""
    sim, request = oracle.sim, oracle.requests.get(deployment)
    if request is None or request.kind is not Kind.DEPLOY:
        return
    frozen = [
        f
        for f in sim.freezes.standing()
        if f.covers(sim.cluster) and not oracle.recent(oracle.frozen_at[f.scope])
    ]
    if frozen and Obstacle.FREEZE not in request.despite:
        oracle.fail("frozen", f"{deployment} begins, and {frozen[0].scope} is frozen")
    bad = request.version in sim.fleet.quarantined(sim.cluster)
    lately = oracle.recent(oracle.quarantined_at.get(request.version, sim.now))
    if bad and not lately and Obstacle.QUARANTINE not in request.despite:
        oracle.fail("quarantine", f"{deployment} begins, and {request.version} is quarantined")


def touches_only_what_it_may(oracle: "Oracle", actor: Actor, decided: Mapping[str, Any]) -> None:
    """A paused deployment begins no host, and a host that is quarantined is not begun."""
    name = actor.deployment
    if name in oracle.paused_at and not oracle.recent(oracle.paused_at[name]):
        oracle.fail("paused", f"{name} goes on, and is paused")
    bad = oracle.sim.fleet.quarantined_hosts(oracle.sim.cluster)
    for given in decided["hosts"]:
        host = str(given["host"])
        first = given["attempt"] == 1
        if first and host in bad and not oracle.recent(oracle.quarantined_at.get(host, oracle.sim.now)):
            oracle.fail("quarantine", f"{name} begins {host}, which is quarantined")
