"""The history of a run for the oracle: lease holders, records, audit entries, and the times of effects."""

from typing import TYPE_CHECKING

from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.deployment import Deployment, Request
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.test_bed.model import TestBed

if TYPE_CHECKING:
    from tests.simulation.hosts import Host
    from tests.simulation.scheduler import Actor
    from tests.simulation.simulation import Simulation

# The names of known violations that are not fixed yet; empty when there are none.
KNOWN: frozenset[str] = frozenset()

# Seconds that a call may hang between a read and its effect: nothing can fence the load balancer.
GRACE = 30.0
# The most seconds that a clock is wrong: a report that is older than that is new to no reader.
MOST_WRONG = 600.0
# The time limit of a plan: what it read may be as old as that.
PLAN_LASTS = 60.0


# Seconds between two scheduled convergences.
CONVERGE_EVERY = 900.0


class Violation(BaseException):
    """An invariant that did not hold. Not an Exception, so that the code under test cannot catch it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


class History:
    """The effects so far. The times (`…_at`) are simulated seconds, by name, address or key of a record.

    `lease_acquired`: deployment -> (epoch, since when). `audited`: (deployment, host, first word) of each
    audit entry. `desired_by_hand_at` is the time of an edit of the desired version that no deployment has
    replaced, and `desired_written_at` that of its replacement. `deleted` are deployments whose record a person
    deleted.
    """

    def __init__(self, sim: "Simulation") -> None:
        self.sim = sim
        self.lease = Lease()
        self.lost_lease: Lease | None = None
        self.robbed = ""  # the deployment whose lease was lost
        self.robbed_until = 0.0  # when a lease was written again
        self.lost_epoch: int | None = None  # that of a lost lease, until a lease has a higher one
        self.lease_acquired: dict[str, tuple[int, float]] = {}
        self.lease_lost_at: dict[str, float] = {}
        self.ended_at: dict[str, float] = {}
        self.requests: dict[str, Request] = {}
        # When the artifact store lost or changed something of a version, and when it had everything again.
        self.gone_at: dict[str, float] = {}
        self.back_at: dict[str, float] = {}
        self.frozen_at: dict[str, float] = {}
        self.paused_at: dict[str, float] = {}
        self.quarantined_at: dict[str, float] = {}
        self.lifted_at: dict[str, float] = {}
        self.in_rotation_before: set[tuple[str, int]] = set()
        self.records: dict[str, Deployment] = {}
        self.attempts: dict[tuple[str, str, int], HostAttempt] = {}
        self.beds: dict[tuple[str, int], TestBed] = {}
        self.bed_moved_at: dict[tuple[str, int], float] = {}
        self.failed_at: dict[tuple[str, str, int], float] = {}
        self.moved_at: dict[tuple[str, str, int], float] = {}
        self.stage_passed_at: dict[tuple[str, str, str, int], float] = {}
        self.found_done_at: dict[str, float] = {}
        self.answered_at: dict[tuple[str, str], float] = {}
        self.turns_given: set[tuple[str, int, int, Order]] = set()
        self.passed: set[tuple[str, int, int]] = set()
        self.audited: set[tuple[str, str, str]] = set()
        self.audit_log_length = 0
        self.requested: set[str] = set()
        self.asked_for: set[str] = set()
        self.healthy_since: dict[str, float] = {}
        self.end_reported_at: dict[str, float] = {}
        # When each host first reported the version that it has now.
        self.installed_reported_at: dict[str, tuple[str, float]] = {}
        self.registered_at: dict[str, float] = {}
        self.registered_late_at: dict[str, float] = {}
        # Deployments whose lease expired and was taken, not passed on or freed by themselves.
        self.lease_expired: set[str] = set()
        self.drained_at: dict[str, float] = {}
        self.removed_at = -1e9
        # Hosts whose agent's state names versions that were removed from the disk since.
        self.states_set_back: set[str] = set()
        self.desired_before: list[Desired] = []
        self.desired_by_hand_at: float | None = None
        self.desired_written_at = -1e9
        self.deleted: set[str] = set()
        self.known: dict[str, int] = {}

    def fail(self, name: str, message: str) -> None:
        """Raise a Violation, unless it is a known one."""
        if name in KNOWN:
            self.known[name] = self.known.get(name, 0) + 1
            return
        raise Violation(name, message)

    def late(self, deployment: str) -> float:
        """Return the seconds since a deployment lost the lease; 0 while it holds it, infinite if never."""
        if self.lease.deployment == deployment:
            return 0.0
        return self.sim.now - self.lease_lost_at[deployment] if deployment in self.lease_lost_at else float("inf")

    def last_holder(self) -> str:
        """Return the deployment that holds the lease, or that gave it back a moment ago.

        Two convergences may end one deployment, and the slower one acts after the faster one has freed the lease.
        """
        if self.lease.deployment:
            return self.lease.deployment
        last = max(self.lease_lost_at, key=self.lease_lost_at.__getitem__, default="")
        return last if last and self.recent(self.lease_lost_at[last]) else ""

    def record(self, deployment: str) -> Deployment | None:
        return self.records.get(deployment)

    def recent(self, when: float) -> bool:
        """Return True when `when` is at most GRACE seconds ago, so that a reader may not know it yet."""
        return self.sim.now - when <= GRACE

    def store_changed_during_the_plan(self, version: str) -> bool:
        """Return True when a plan that ends now may have read another state of the artifact store."""
        changed = max(self.gone_at.get(version, -1e9), self.back_at.get(version, -1e9))
        return self.sim.now - changed <= PLAN_LASTS

    def recovered_unnoticed(self, actor: "Actor", host: "Host") -> bool:
        """Return True when an actor read a host as unhealthy, and its call hung while the host recovered."""
        unseen = host.healthy_at > actor.balancer_read_at and self.recent(host.healthy_at)
        return unseen and host.address in actor.unhealthy
