"""Faults within a call: a crash before or after its effect, a store that refuses or breaks, a lost reply.

Calls also schedule `Faults.strike` now and then, so that faults from outside (faults.py) hit running work.
"""

from typing import TYPE_CHECKING

from apps.agent.errors import StoreUnreachable
from lifecycle.domain.errors import CallFailed, StoreRefused
from tests.simulation.scheduler import Actor, Killed

if TYPE_CHECKING:
    from tests.simulation.hosts import Host
    from tests.simulation.simulation import Simulation


def broken(name: str, what: str) -> CallFailed:
    """Return the error of a gateway whose call AWS did not answer."""
    return CallFailed(f"{name}: {what}", service="AWS", operation=name, code="ReadTimeoutError", temporary=True)


class CallFaults:
    """The faults of calls, at the rates of the seed; `counted` is how often each fault was injected."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        self.rate = sim.rng.choice((0.0, 0.001, 0.003, 0.01, 0.03))
        self.strikes = sim.rng.choice((0.0, 0.002, 0.006, 0.02))
        self.agent_rate = sim.rng.choice((0.0, 0.002, 0.01, 0.03))
        self.counted: dict[str, int] = {}

    def count(self, what: str) -> None:
        self.counted[what] = self.counted.get(what, 0) + 1

    def before(self, actor: Actor, name: str) -> str:
        """Raise a fault, or return the fault to raise after the effect of this call, if any."""
        sim = self._sim
        if self.strikes and sim.random() < self.strikes:
            sim.after(0.0, 3.0, sim.faults.strike)
        if not self.rate or sim.random() >= self.rate:
            return ""
        return self._fault_of_call(actor, name)

    def _fault_of_call(self, actor: Actor, name: str) -> str:
        sim = self._sim
        what = sim.rng.choice(("crash before", "crash after", "store refuses", "store breaks", "reply lost"))
        self.count(what)
        if sim.tracing:
            sim.say(actor.name, f"FAULT {what}", name)
        if what == "crash before":
            raise Killed
        if what == "store refuses":
            raise StoreRefused(f"{name}: the store refused the call")
        if what == "store breaks":
            raise broken(name, "could not be reached")
        return what

    def after(self, actor: Actor, name: str, fate: str) -> None:
        if fate == "crash after":
            raise Killed
        raise broken(name, "done, but its answer was lost")

    def on_host(self, host: "Host", what: str, seconds: float, *, disk: bool) -> None:
        """Take the time of a step of an agent's work; the agent may crash before or within it."""
        sim = self._sim
        actor = sim.actor
        if actor is None:
            return
        sim.steps += 1
        if sim.tracing:
            sim.say(host.name, what)
        if not sim.calm:
            if self.strikes and sim.random() < self.strikes:
                sim.after(0.0, 3.0, sim.faults.strike)
            if self.agent_rate and sim.random() < self.agent_rate:
                self._fault_of_agent(host, what, disk=disk)
        sim.sleep(actor, seconds * sim.random() * host.slowness)

    def _fault_of_agent(self, host: "Host", what: str, *, disk: bool) -> None:
        sim = self._sim
        fault = "agent crash"
        if disk and sim.random() < 0.3:
            fault = "disk full"
        elif what == "poll the ledger" and sim.random() < 0.5:
            fault = "ledger unreachable"
        self.count(fault)
        if sim.tracing:
            sim.say(host.name, f"FAULT {fault}", what)
        if fault == "disk full":
            raise OSError(28, "No space left on device")
        if fault == "ledger unreachable":
            raise StoreUnreachable("the ledger", "the network is down")
        raise Killed
