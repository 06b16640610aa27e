"""AWS Lambda: one invocation is one actor. It may be refused, lost, repeated, killed or too late."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lifecycle.domain.errors import CallFailed, LifecycleError, NotAnswered
from tests.simulation.functions import FUNCTIONS, LIMIT, LIMITS, analyse, plain
from tests.simulation.machine import CommandResult
from tests.simulation.scheduler import Actor, Outcome

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

SERVICE_ERRORS = ("Lambda.ServiceException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException")
# Called once per deployment, with the most harm if they fail: so their calls fail more often.
BEGIN_AND_END = ("plan", "finish", "roll_back")


class Invocations:
    """Calls of functions. `rate` is the probability that a call itself fails."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        self.rate = sim.rng.choice((0.0, 0.01, 0.04, 0.1))
        self._number = 0

    def invoke(self, function: str, given: Mapping[str, Any], done: CommandResult) -> None:
        """Call a function; `done` gets its result, or the name of its error."""
        sim = self._sim
        often = 3.0 if function in BEGIN_AND_END else 1.0
        if sim.calm or not self.rate or sim.random() >= often * self.rate:
            self._call(function, given, done)
            return
        what = sim.rng.choice(("call refused", "reply of a call lost", "call done twice", "call done again late"))
        sim.call_faults.count(what)
        if sim.tracing:
            sim.say(function, f"FAULT {what}", given)
        error = sim.rng.choice(SERVICE_ERRORS)
        if what == "call refused":
            sim.after(0.1, 3.0, lambda: done(None, error))
        elif what == "reply of a call lost":
            self._call(function, given, _ignore_result)
            sim.after(0.1, 30.0, lambda: done(None, error))
        else:
            self._call(function, given, done)
            late = 15.0 if what == "call done twice" else 4 * 3600.0
            sim.after(0.0, late, lambda: self._call(function, given, _ignore_result))

    def _call(self, function: str, given: Mapping[str, Any], done: CommandResult) -> None:
        sim = self._sim
        self._number += 1
        host = str(given.get("host", ""))
        name = f"{function}{f' {host}' if host else ''} [{self._number}]"
        if sim.tracing:
            sim.say(name, "begins", given)
        actor = sim.spawn(name, self._bound(function, given), lambda o: self._ended(actor, o, done))
        actor.function, actor.host, actor.given = function, host, given
        actor.deployment = str(given.get("deployment", ""))
        actor.skew = sim.skew()
        limit = LIMITS.get(function, LIMIT)
        sim.after(limit, limit, lambda: sim.kill(actor))

    def _bound(self, function: str, given: Mapping[str, Any]) -> Callable[[], Any]:
        sim = self._sim
        if function == "analyse":
            return lambda: analyse(sim.context, sim.metrics_port, given)
        return lambda: FUNCTIONS[function](sim.context, given)

    def _ended(self, actor: Actor, outcome: Outcome, done: CommandResult) -> None:
        sim = self._sim
        result, error = outcome
        if sim.tracing:
            sim.say(actor.name, "ends", repr(error) if error else plain(result))
        if error is None:
            plain_result = plain(result)
            sim.oracle.function_returned(actor, plain_result)
            done(plain_result, "")
        elif not isinstance(error, Exception):
            done(None, "Lambda.Unknown")
        else:
            if not isinstance(error, LifecycleError):
                sim.oracle.unexpected(actor, error)
            done(None, _name_of(error))


def _name_of(error: Exception) -> str:
    """Return the name of an error as a task raises it (entrypoints/handler.py)."""
    waits = isinstance(error, CallFailed) and error.temporary
    return (NotAnswered if waits else type(error)).__name__


def _ignore_result(result: Any, error: str) -> None:
    """Do nothing: the caller of this call has stopped waiting."""
