"""The limit of a load balancer's Describe calls: a token bucket, which some seeds put in front of the balancer.

An account's calls are limited, not a cluster's: others use most of them, so few are left to this cluster.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from lifecycle.application.rollout.stage_guard import LONGEST_WAIT
from lifecycle.domain.errors import CallFailed
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from tests.simulation.scheduler import Actor

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle
    from tests.simulation.simulation import Simulation

# ELB's documented limits for a whole account and region.
CAPACITY, PER_SECOND = 40.0, 10.0
# What the rest of an account leaves.
_CAPACITIES, _RATES = (3.0, 10.0), (0.2, 0.5, 1.0)
_TRIES, _LONGEST_PAUSE = 4, 20.0  # of botocore, which makes six
THROTTLED = "AWS is throttling the load balancer"
_METHODS = "targets target members registered weights health_path drain_delays check_failure"
DESCRIBES = frozenset(f"dispatcher.{each}" for each in _METHODS.split())


class TokenBucket:
    """`capacity` tokens, refilled by `per_second` a second. A call that gets none is throttled and takes none."""

    def __init__(
        self, clock: Callable[[], float], capacity: float = CAPACITY, per_second: float = PER_SECOND
    ) -> None:
        self._clock, self._capacity, self._per_second = clock, capacity, per_second
        self._tokens, self._at = capacity, clock()
        self.taken, self.refused = 0, 0

    def take(self) -> bool:
        """Take a token; False if there is none."""
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1.0:
            self.refused += 1
            return False
        self._tokens -= 1.0
        self.taken += 1
        return True


class Throttling:
    """The bucket of a run: a quarter of the seeds have one. Its chance is its own, so the others stay as they are."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        self._rng = rng = Random(sim.seed)  # noqa: S311 (a simulation wants to be repeated)
        tight = rng.random() < 0.25 and sim.http
        capacity, rate = rng.choice(_CAPACITIES), rng.choice(_RATES)
        self._bucket = TokenBucket(lambda: sim.now, capacity, rate) if tight else None

    def check(self, name: str) -> None:
        """Take a token for a Describe call, after some tries; raise CallFailed if there is none."""
        sim, bucket = self._sim, self._bucket
        if bucket is None or name not in DESCRIBES:
            return
        for number in range(_TRIES):
            if sim.calm or bucket.take():
                return
            if sim.actor is not None and number < _TRIES - 1:
                sim.sleep(sim.actor, min(self._rng.random() * 2**number, _LONGEST_PAUSE))
        sim.call_faults.count("throttled")
        raise CallFailed(THROTTLED, service="ELB", operation=name, code="Throttling", temporary=True)


def fails_no_host(oracle: "Oracle", actor: Actor, stored: HostAttempt) -> None:
    """37: a throttled call means "not known yet", so no attempt fails for it before its stage must end."""
    over = oracle.sim.now - actor.began >= LONGEST_WAIT.total_seconds()
    if stored.state is AttemptState.FAILED and THROTTLED in stored.reason and not over:
        oracle.fail("37 throttled", f"{stored.host} failed: {stored.reason}")
