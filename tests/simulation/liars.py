"""Lies: of hosts about who and where they are, in a cluster whose hosts are bound, of an operator, and of a store.

The operator may start executions, with any input, and call the function that records requests.
"""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.deployment import Kind, deployment_id
from lifecycle.domain.service.envelope import Envelope, parse_envelope, signed_bytes
from tests.fakes.signer import QuickSigner

if TYPE_CHECKING:
    from tests.simulation.hosts import Host
    from tests.simulation.simulation import Simulation

# An internal database, or another service.
DATABASE = "10.99.0.53"
# The operator who starts executions with a forged input.
LIAR = "mallory"
_CENTURY = timedelta(days=30_000)


def ghosts(sim: "Simulation", host: "Host") -> None:
    """Write reports of hosts that do not exist; some are seen in the next century, and claim to serve."""
    true = sim.fleet.written(host.name)
    for number in range(sim.rng.choice((1, 3, 40))):
        ghost = HostReport(f"zz-ghost-{number}", f"10.99.0.{number}", 5432, "a", sim.time(), sim.time())
        if true is not None and sim.random() < 0.5:
            ghost = replace(true, host=ghost.host, address=sim.rng.choice((ghost.address, true.address)))
        if sim.random() < 0.5:
            ghost = replace(ghost, seen_at=sim.time() + _CENTURY)
        sim.fleet.ghosts[ghost.host] = ghost


def claim(sim: "Simulation", host: "Host") -> None:
    """Let a host report another address for a while: that of a database, or of another host."""
    others = [each.address for each in sim.hosts.values() if each is not host]
    host.claims = sim.rng.choice((DATABASE, *others))
    seconds = sim.rng.choice((30.0, 300.0, 2000.0)) * (0.5 + sim.random())
    host.lies_until = host.false_report_at = max(host.lies_until, sim.now + seconds)
    sim.resend_report(host)

    def ends() -> None:
        if sim.now >= host.lies_until:
            host.claims = ""
            sim.resend_report(host)

    sim.after(seconds, seconds, ends)


_FOREIGN = QuickSigner(key="key/foreign", secret=b"of somebody else")
_POSING = QuickSigner(secret=b"of somebody else")


def envelope(sim: "Simulation", _host: "Host") -> None:
    """Let the artifact store have another envelope of a version, or none; restore it later.

    It has no text, that of another version, or the right statement under a foreign key. That key may have our id.
    """
    version, other = sim.rng.sample(sim.scenario.versions, 2)
    payload = parse_envelope(sim.scenario.signed[version]).payload
    forged = [Envelope(payload, (each.sign(signed_bytes(payload)),)).text for each in (_FOREIGN, _POSING)]
    sim.artifacts.replace_envelope("hello", version, sim.rng.choice(("", "{}", sim.scenario.signed[other], *forged)))
    sim.oracle.gone_at[version] = sim.now
    own = sim.scenario.signed[version]

    def restore() -> None:
        sim.artifacts.replace_envelope("hello", version, own)
        sim.oracle.back_at[version] = sim.now

    sim.after(60.0, 1200.0, restore)


def forge(sim: "Simulation", _host: "Host") -> None:
    """Start an execution that nobody asked for, in another's name: of a new deployment, or of one that has ended."""
    name, known = f"{sim.rng.getrandbits(16):04x}", sim.deployments.recent(sim.cluster, 50)
    kind, ended = sim.rng.choice(tuple(Kind)), [each for each in known if each.state.final]
    new = deployment_id(sim.cluster, sim.time(), name)
    execution = f"{new}-forged"
    undone = known[0].id if known and kind is Kind.ROLLBACK else None
    forged = {
        "deployment": new,
        "service": sim.cluster.service,
        "environment": sim.cluster.environment,
        "version": sim.rng.choice(sim.scenario.versions),
        "requested_by": "schedule",
        "kind": kind,
        "rollback_of": undone,
    }
    if ended and sim.random() < 0.3:
        forged["deployment"] = sim.rng.choice(ended).id
    elif sim.random() < 0.5:  # a repair is convergence's alone, and hosts are
        execution = new  # which has no request on record, unless this one is taken
        request = {**forged, "kind": Kind.CONVERGE, "rollback_of": None}
        sim.invoke("request", request, lambda _r, _e: None)

    def start() -> None:
        sim.executions.start_execution(execution, forged, by=LIAR)

    sim.after(0.5, 60.0, start)
