"""Operator actions at the wrong moment: deployments, a freeze, a quarantine, the removal of a live host.

Each is one of the faults of faults.py.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.hosts import Host
    from tests.simulation.simulation import Simulation


def converge(sim: "Simulation", _host: "Host") -> None:
    sim.operators.converge()


def deploy(sim: "Simulation", _host: "Host") -> None:
    sim.operators.deploy()


def two_at_once(sim: "Simulation", _host: "Host") -> None:
    sim.operators.deploy()
    sim.after(0.0, 0.5, sim.operators.deploy)


def remove(sim: "Simulation", host: "Host") -> None:
    """Remove a host whose agent is running, so that the host comes back."""
    sim.operators.remove_host(host.name)


def freeze(sim: "Simulation", _host: "Host") -> None:
    scope = sim.rng.choice(("*", "production", "production/hello", "staging"))
    sim.operators.freeze(scope)
    if sim.random() < 0.7:
        sim.after(60.0, 1200.0, lambda: sim.operators.freeze(scope, lift=True))


def quarantine(sim: "Simulation", host: "Host") -> None:
    name = host.name if sim.random() < 0.6 else sim.rng.choice(sim.scenario.versions)
    sim.operators.quarantine(name)
    if sim.random() < 0.7:
        sim.after(60.0, 1200.0, lambda: sim.operators.quarantine(name, lift=True))
