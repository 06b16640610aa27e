"""One call of one port is lost: the function dies there, or the store breaks, before the call's effect or after it.

Used by test_every_call_is_lost.py over step_functions.py. Every call of every port has a number, from the moment
that the scenario begins. Reads count too, as what follows them is lost with them.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

from lifecycle.domain.convergence.ended_execution import EndedExecution
from lifecycle.domain.errors import CallFailed, LifecycleError, StoreRefused
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host_command import Order, RefusedTurn, Turn
from lifecycle.domain.rollout.lease import Lease
from tests.simulation.failures import Failing
from tests.simulation.machine import CommandResult
from tests.simulation.step_functions import Human, StepFunctions
from tests.support.rollout import CLUSTER, Machine

# Between the read of the lease and an effect: an audit entry, and the weights of a test bed.
CALLS_AGO = 5


class Killed(BaseException):
    """The end of a function in the middle of its work. No product code may catch it."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A way to lose a call: the `error` that it raises, before its effect or `after` it."""

    name: str
    error: Callable[[str], BaseException]
    after: bool


def _broken(name: str) -> BaseException:
    return CallFailed(name, service="AWS", operation=name, code="ReadTimeoutError", temporary=True)


LOSSES = (
    Loss("dies before it", lambda _: Killed(), after=False),
    Loss("dies after it", lambda _: Killed(), after=True),
    Loss("cannot reach the store", _broken, after=False),
    Loss("loses the answer", _broken, after=True),
    Loss("is refused", StoreRefused, after=False),
)


@dataclass
class Calls:
    """The calls so far; `at` some of them something happens."""

    made: list[str] = field(default_factory=list)
    changed_at: int = -1_000  # the call at which something else than a loss happened last, as a restore
    at: Mapping[int, Loss | Callable[[], None]] = field(default_factory=dict)
    check: Callable[[str, Any, tuple[Any, ...]], None] = lambda _name, _result, _given: None

    def through(self, name: str, call: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        """Make a call, unless it is the one that is lost before its effect."""
        now = self.at.get(len(self.made))
        self.made.append(name)
        loss = now if isinstance(now, Loss) else None
        if now is not None and loss is None:
            now()  # type: ignore[operator]
            self.changed_at = len(self.made)
        if loss and not loss.after:
            raise loss.error(name)
        result = call(*given)
        self.check(name, result, given)
        if loss:
            raise loss.error(name)
        return result


class _Port:
    """A port whose calls are counted."""

    def __init__(self, name: str, port: Any, calls: Calls) -> None:
        self._name, self._port, self._calls = name, port, calls

    def __getattr__(self, method: str) -> Any:
        call, name = getattr(self._port, method), f"{self._name}.{method}"
        return lambda *given, **more: self._calls.through(name, partial(call, **more), given)


class Losing(StepFunctions):
    """A service of which one call is lost. Each effect is compared with the lease and the records of its moment."""

    def __init__(self, machine: Machine, failing: Failing, human: Human) -> None:
        super().__init__(machine, failing, human)
        self.calls = Calls(check=self._check)
        self.holders: dict[int, str] = {}
        self.seen, self.seen_at = Lease(), 0
        self.wrong: list[str] = []
        ports: dict[str, Any] = {
            each.name: _Port(each.name, port, self.calls)
            for each in fields(machine.context)
            if each.name != "clock"
            and type(port := getattr(machine.context, each.name)).__module__.startswith("tests")
        }
        machine.context = replace(machine.context, **ports)

    def invoke(self, function: str, given: Mapping[str, Any], done: CommandResult) -> None:
        try:
            super().invoke(function, given, done)
        except Killed:
            self.after(0.1, 0.1, lambda: done(None, "Lambda.Unknown"))

    def _converge_once(self, by: str, ended: EndedExecution | None = None) -> None:
        with suppress(Killed):
            super()._converge_once(by, ended)

    def _answer(self) -> None:
        with suppress(Killed, LifecycleError):  # the person tries again, or finds that nothing is asked any more
            super()._answer()

    # What may never happen.

    def _check(self, name: str, result: Any, given: tuple[Any, ...]) -> None:
        match name, given:
            case "leases.current" | "leases.acquire" | "leases.hand_over" | "leases.renew", _:
                self._see(result)
            case "step_reads.of_host" | "step_reads.of_loop", _:
                self._see(result.lease)
            case "registry.set_desired", (_, Desired() as desired):
                self._written(desired)
            case "fleet.give_turns", (_, turns):
                self._given(turns, result)
            case "dispatcher.register" | "dispatcher.deregister" | "dispatcher.weigh", _:
                self._effect(name, self.seen.deployment, self.seen.epoch)

    def _see(self, lease: Lease) -> None:
        self.seen, self.seen_at = lease, len(self.calls.made)

    def _effect(self, what: str, deployment: str, epoch: int) -> None:
        """Check that the lease was read shortly before this effect, and was held. Nothing can make both one call."""
        if not deployment or not self.seen.is_held_by(deployment, epoch):
            self.wrong.append(
                f"{what} under epoch {epoch} of {deployment or 'nobody'}, but the lease was {self.seen}"
            )
        if (ago := len(self.calls.made) - self.seen_at) > CALLS_AGO:
            self.wrong.append(f"{what}: the lease was read {ago} calls before")

    def _uses(self, epoch: int, deployment: str) -> None:
        first = self.holders.setdefault(epoch, deployment)
        if first != deployment:
            self.wrong.append(f"epoch {epoch} is used by {first} and by {deployment}")

    def _written(self, desired: Desired) -> None:
        recent = self.memory.deployments.recent(CLUSTER, 50)
        if len(self.calls.made) - self.calls.changed_at <= CALLS_AGO:
            return  # the ledger was put back between the record and the write: nothing can make both one call
        if not any(desired in each.known_writes.intended for each in recent):
            self.wrong.append(f"{desired} was written, and nobody had recorded it")
        # A version that is given back names the deployment of before.
        self._effect("the desired version", self.seen.deployment, desired.epoch)
        self._uses(desired.epoch, self.seen.deployment)

    def _given(self, turns: list[Turn], refused: list[RefusedTurn]) -> None:
        not_given = [each.turn for each in refused]
        for turn in (each for each in turns if each.order is not Order.IDLE and each not in not_given):
            self._uses(turn.epoch, turn.deployment)
            if turn.order is not Order.PREFETCH:
                self._effect(f"{turn.order} on {turn.host}", turn.deployment, turn.epoch)
