"""Time and turns: one actor runs at a time; who is next and how long a call takes comes from one seed.

An actor is a greenlet that runs real, synchronous code. It gives way at each call of a gateway (`give_way`), at each
sleep and when it has nothing to do (`park`). Simulated time jumps to the next moment at which something happens.
"""

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from random import Random
from typing import Any, TypeAlias

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

# A call may hang for up to this long, seldom; an actor hangs once in a while only, see `Actor.may_hang_at`.
LONGEST_HANG = 25.0

Outcome: TypeAlias = "tuple[Any, BaseException | None]"


class Killed(BaseException):
    """Thrown into an actor that crashes: no `except Exception` of the code under test may stop it."""


class Actor:
    """Something that runs: one invocation of a function, or one life of an agent.

    `deployment`, `function` and `host` tell the oracle on whose behalf it acts; `skew` is how wrong its clock is.
    `balancer_read_at` is when it last looked at the load balancer, `unhealthy` whom it found unhealthy there.
    """

    __slots__ = (
        "balancer_read_at",
        "began",
        "deployment",
        "ended",
        "fiber",
        "function",
        "given",
        "gone",
        "host",
        "may_hang_at",
        "name",
        "parked",
        "skew",
        "sleeps",
        "slowness",
        "unhealthy",
    )

    def __init__(self, name: str, run: Callable[[], Any], ended: Callable[[Outcome], None]) -> None:
        self.name = name
        self.ended = ended
        self.began = 0.0
        self.deployment = ""
        self.function = ""
        self.given: Mapping[str, Any] = {}
        self.host = ""
        self.skew = 0.0
        self.slowness = 1.0
        self.sleeps = 0
        self.may_hang_at = 0.0
        self.parked = False
        self.gone = False
        self.balancer_read_at = -1e9
        self.unhealthy: set[str] = set()
        self.fiber: Any = greenlet(lambda: _guarded(run))


def _guarded(run: Callable[[], Any]) -> Outcome:
    try:
        return run(), None
    except Killed as killed:
        return None, killed
    except Exception as error:  # noqa: BLE001 (whoever started the actor judges its error)
        return None, error


class Scheduler:
    """The queue of what happens when. `steps` counts the calls of gateways, `now` is in seconds."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311 (a simulation wants to be repeated)
        self.random = self.rng.random
        self.now = 0.0
        self.steps = 0
        self.giving_way = 0.5  # how often a call gives way to others
        self.actor: Actor | None = None
        self.actors: list[Actor] = []
        self._queue: list[tuple[float, int, Callable[[], None] | Actor]] = []
        self._number = 0
        self._hub = getcurrent()

    def at(self, when: float, do: Callable[[], None]) -> None:
        """Do something at a time; things of the same moment are done in the order of asking."""
        self._number += 1
        heappush(self._queue, (when, self._number, do))

    def after(self, least: float, most: float, do: Callable[[], None]) -> None:
        """Do something between `least` and `most` seconds from now."""
        self.at(self.now + least + (most - least) * self.random(), do)

    def spawn(self, name: str, run: Callable[[], Any], ended: Callable[[Outcome], None]) -> Actor:
        """A new actor, which starts in a moment; `ended` is called with its outcome."""
        actor = Actor(name, run, ended)
        actor.began = self.now
        self.actors.append(actor)
        self._resume_at(self.now + 0.05 * self.random(), actor)
        return actor

    def resume(self, actor: Actor) -> None:
        """Let an actor go on until it gives way or ends."""
        if actor.gone:
            return
        self.actor, actor.parked = actor, False
        outcome = actor.fiber.switch()
        self.actor = None
        if outcome:  # empty when it only gave way
            self._left(actor, outcome)

    def kill(self, actor: Actor) -> None:
        """Crash an actor where it stands."""
        if actor.gone:
            return
        if actor is self.actor:
            raise Killed
        if not actor.fiber:
            actor.gone = True
            actor.ended((None, Killed()))
            return
        before, self.actor = self.actor, actor
        outcome = actor.fiber.throw(Killed)
        self._left(actor, outcome)
        self.actor = before

    def _left(self, actor: Actor, outcome: Outcome) -> None:
        self.actor = None
        if actor.fiber.dead:
            actor.gone = True
            actor.ended(outcome)

    def give_way(self, actor: Actor) -> None:
        """A call of a gateway: it takes a moment, seldom long; others run meanwhile."""
        self.steps += 1
        chance = self.random()
        if chance > self.giving_way:
            return
        seconds = 0.3 * chance * actor.slowness
        if chance < 0.004 and self.now >= actor.may_hang_at:
            seconds = LONGEST_HANG * self.random()
            actor.may_hang_at = self.now + 120.0
        self.sleep(actor, seconds)

    def sleep(self, actor: Actor, seconds: float) -> None:
        """Give way for so long."""
        self._resume_at(self.now + seconds, actor)
        self._hub.switch()

    def _resume_at(self, when: float, actor: Actor) -> None:
        self._number += 1
        heappush(self._queue, (when, self._number, actor))

    def park(self, actor: Actor) -> None:
        """Give way until somebody calls `wake`."""
        actor.parked = True
        self._hub.switch()

    def wake(self, actor: Actor | None, least: float, most: float) -> None:
        """Let a parked actor go on soon; nothing happens to one that is not parked."""

        def go_on() -> None:
            if actor is not None and actor.parked:
                self.resume(actor)

        self.after(least, most, go_on)

    def run(self, until: float) -> None:
        """Let happen what happens until that time, or until nothing is to happen any more."""
        queue = self._queue
        while queue and queue[0][0] <= until:
            when, _, do = heappop(queue)
            self.now = max(self.now, when)
            if type(do) is Actor:
                self.resume(do)
            else:
                do()  # type: ignore[operator]
        self.now = max(self.now, until)
