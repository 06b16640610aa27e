"""The scheduler: one actor runs at a time; one seed decides the order of actors and how long calls take.

An actor is a greenlet that runs real, synchronous code. It gives way at each call of a gateway (`give_way`),
at each sleep, and when it has nothing to do (`park`). Simulated time jumps to the next event.
"""

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from random import Random
from typing import Any, TypeAlias

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

# Seconds that a call hangs at most, which is seldom; `Actor.may_hang_at` keeps it seldom.
LONGEST_HANG = 25.0

Outcome: TypeAlias = "tuple[Any, BaseException | None]"


class Killed(BaseException):
    """The exception that crashes an actor; no `except Exception` of the code under test catches it."""


class Actor:
    """One invocation of a function, or one process of an agent.

    `deployment`, `function` and `host` say for what it acts; `skew` is its clock error in seconds.
    `balancer_read_at` is when it last read the load balancer, `unhealthy` the addresses that were unhealthy
    then. `group_read_at` is when it last read each target group.
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
        "group_read_at",
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
        self.group_read_at: dict[str, float] = {}
        self.unhealthy: set[str] = set()
        self.fiber: Any = greenlet(lambda: _guarded(run))


def _guarded(run: Callable[[], Any]) -> Outcome:
    try:
        return run(), None
    except Killed as killed:
        return None, killed
    except Exception as error:  # noqa: BLE001 (the callback `ended` judges the error)
        return None, error


class Scheduler:
    """The event queue. `steps` counts calls of gateways, `now` is in seconds."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311 (a simulation wants to be repeated)
        self.random = self.rng.random
        self.now = 0.0
        self.steps = 0
        self.giving_way = 0.5  # the probability that a call gives way to other actors
        self.actor: Actor | None = None
        self.actors: list[Actor] = []
        self._queue: list[tuple[float, int, Callable[[], None] | Actor]] = []
        self._number = 0
        self._until = 0.0
        self._hub = getcurrent()

    def at(self, when: float, do: Callable[[], None]) -> None:
        """Call `do` at a time; calls at the same time run in the order in which they were added."""
        self._number += 1
        heappush(self._queue, (when, self._number, do))

    def after(self, least: float, most: float, do: Callable[[], None]) -> None:
        """Call `do` between `least` and `most` seconds from now."""
        self.at(self.now + least + (most - least) * self.random(), do)

    def spawn(self, name: str, run: Callable[[], Any], ended: Callable[[Outcome], None]) -> Actor:
        """Start an actor within 50 ms; `ended` is called with its outcome."""
        actor = Actor(name, run, ended)
        actor.began = self.now
        self.actors.append(actor)
        self._resume_at(self.now + 0.05 * self.random(), actor)
        return actor

    def resume(self, actor: Actor) -> None:
        """Run an actor until it gives way or ends."""
        if actor.gone:
            return
        self.actor, actor.parked = actor, False
        outcome = actor.fiber.switch()
        self.actor = None
        if outcome:  # empty when the actor only gave way
            self._left(actor, outcome)

    def kill(self, actor: Actor) -> None:
        """Crash an actor at the call that it is in."""
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
        """Take the time of a gateway call, which is seldom long, and let other actors run meanwhile."""
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
        """Give way for so many seconds; the running actor just goes on if nothing else happens meanwhile."""
        when, queue = self.now + seconds, self._queue
        if actor is self.actor and when <= self._until and (not queue or when < queue[0][0]):
            self._number += 1
            self.now = when
            return
        self._resume_at(when, actor)
        self._hub.switch()

    def _resume_at(self, when: float, actor: Actor) -> None:
        self._number += 1
        heappush(self._queue, (when, self._number, actor))

    def park(self, actor: Actor) -> None:
        """Give way until `wake` is called for the actor."""
        actor.parked = True
        self._hub.switch()

    def wake(self, actor: Actor | None, least: float, most: float) -> None:
        """Resume an actor between `least` and `most` seconds from now, if it is parked then."""

        def go_on() -> None:
            if actor is not None and actor.parked:
                self.resume(actor)

        self.after(least, most, go_on)

    def run(self, until: float) -> None:
        """Handle events until that time, or until none are left."""
        queue, self._until = self._queue, until
        while queue and queue[0][0] <= until:
            when, _, do = heappop(queue)
            self.now = max(self.now, when)
            if type(do) is Actor:
                self.resume(do)
            else:
                do()  # type: ignore[operator]
        self.now = max(self.now, until)
