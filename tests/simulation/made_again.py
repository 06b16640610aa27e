"""A cluster whose stack is deleted and made again under the same name: all its hosts end, and others come.

Only some runs have it. They draw from a random source of their own, so every other run stays as it was.
"""

from random import Random
from typing import TYPE_CHECKING

from lifecycle.names import cluster_stack

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

RUNS = 1 / 8
STRIKES = 1 / 12
# The event of the deletion may be lost. Convergence, or a person, then removes the hosts.
LOST = 0.1
# Seconds without a stack.
SHORTEST, LONGEST = 60.0, 1500.0


class MadeAgain:
    """The end of one run's cluster and its next beginning. `perhaps` is called at each fault."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        self._random = Random(f"made again in {sim.seed}")  # noqa: S311 (a run repeats itself)
        # A cluster of workers has no load balancer, whose absence is how a deleted stack shows.
        self._likely = STRIKES if sim.http and self._random.random() < RUNS else 0.0

    def perhaps(self) -> None:
        """Delete the stack now, in some runs and at one of the faults."""
        if self._random.random() >= self._likely:
            return
        self._likely = 0.0
        sim = self._sim
        sim.call_faults.count("stack deleted and made again")
        if sim.tracing:
            sim.say("FAULT", "stack deleted")
        gone = [host for host in sim.hosts.values() if not host.left]
        for host in gone:
            host.left, host.up = True, False
            sim.faults.machine_ends(host)
        sim.balancer.delete()
        if self._random.random() >= LOST:
            self._event()
        again = SHORTEST + (LONGEST - SHORTEST) * self._random.random()
        sim.at(sim.now + again, lambda: self._make_again(len(gone)))

    def _event(self) -> None:
        sim = self._sim
        arn = f"arn:aws:cloudformation:eu-west-1:123456789012:stack/{cluster_stack('production', 'hello')}/0"
        at = sim.now + 20.0 * self._random.random()
        sim.at(at, lambda: sim.invoke("cluster_deleted", {"stack": arn}, lambda _r, _e: None))

    def _make_again(self, hosts: int) -> None:
        sim = self._sim
        if sim.tracing:
            sim.say("FAULT", "stack made again")
        sim.balancer.make_again()
        for _ in range(max(hosts, 2)):
            new = sim.scenario.new_host()
            new.joined_at = sim.now
            sim.start_agent(new)
