"""Faults that hosts share, or that no host has: a dependency that is down, targets of nobody, and wrong clocks."""

from typing import TYPE_CHECKING

from lifecycle.domain.fleet.target_group import Group

if TYPE_CHECKING:
    from tests.simulation.hosts import Host
    from tests.simulation.simulation import Simulation


def outage(sim: "Simulation", _host: "Host") -> None:
    """Let every host fail its health checks and self-tests for a while, as when their database is down."""
    if sim.now < sim.outage_until:
        return
    sim.outage_began, sim.outage_until = sim.now, sim.now + sim.rng.choice((40.0, 300.0, 1500.0)) * sim.random()
    _check_all(sim)
    sim.at(sim.outage_until + 0.01, lambda: _check_all(sim))


def end_outage(sim: "Simulation") -> None:
    sim.outage_until = min(sim.outage_until, sim.now)
    _check_all(sim)


def _check_all(sim: "Simulation") -> None:
    for host in sim.hosts.values():
        sim.balancer.check_soon(host.address)


def stray(sim: "Simulation", _host: "Host") -> None:
    """Register a target where no host is."""
    group = sim.rng.choice((Group.MAIN, Group.MAIN, *Group))
    sim.balancer.register_stray(f"10.9.9.{sim.rng.randint(1, 2)}", 8080, group)


def host_clock(sim: "Simulation", host: "Host") -> None:
    """Set the clock of a host wrong, or right again."""
    host.clock_ahead = sim.rng.choice((0.0, -90.0, 90.0, -1000.0, 1000.0, -6.0)) * (0.5 + sim.random())
    host.clock_set_at = sim.now
