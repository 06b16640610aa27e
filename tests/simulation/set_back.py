"""Records that are set back: a lease that is deleted or restored, and an agent's state from an older disk.

Only some runs have them. They draw from a random source of their own, so every other run stays as it was.
"""

from random import Random
from typing import TYPE_CHECKING

from lifecycle.domain.rollout.lease import Lease

if TYPE_CHECKING:
    from tests.simulation.hosts import Host
    from tests.simulation.simulation import Simulation

RUNS = 1 / 8
STRIKES = 1 / 8


class SetBack:
    """The records that are set back in one run. `perhaps` is called at each fault."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        self._random = Random(f"set back in {sim.seed}")  # noqa: S311 (a run repeats itself)
        self._likely = STRIKES if self._random.random() < RUNS else 0.0

    def perhaps(self, host: "Host") -> None:
        """Set a record back now, in some runs and at some faults."""
        if self._random.random() < self._likely:
            self._random.choice((self._lease, lambda: self._state(host)))()

    def _lease(self) -> None:
        sim = self._sim
        held = sim.leases.current(sim.cluster)
        left = Lease(self._random.randrange(held.epoch)) if held.epoch and self._random.random() < 0.5 else None
        sim.call_faults.count("lease lost")
        if sim.tracing:
            sim.say("FAULT", "lease lost", f"{held} is {left}")
        sim.leases.set_back(sim.cluster, left)
        sim.oracle.lease_lost(left or Lease())

    def _state(self, host: "Host") -> None:
        """Let the agent find the state before its last one."""
        sim = self._sim
        if host.journal_before is None or host.journal is None:
            return
        sim.call_faults.count("agent's state set back")
        if sim.tracing:
            sim.say("FAULT", "agent's state set back", host.name)
        sim.crash_agent(host)
        host.journal = host.journal_before
        sim.oracle.states_set_back.add(host.name)
