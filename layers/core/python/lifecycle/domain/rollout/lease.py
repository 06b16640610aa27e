"""The lease of a cluster: one deployment at a time, fenced by an epoch that only grows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.epoch import LARGEST_EPOCH, Epoch


@dataclass(frozen=True, slots=True)
class Lease:
    """The permission of one deployment to change a cluster.

    `epoch` only grows; an empty `deployment` means that the lease is free. Past `expires_at` another
    deployment may take it, under the next epoch. Its holder renews it while it goes on.
    """

    epoch: Epoch = 0
    deployment: str = ""
    since: datetime | None = None
    expires_at: datetime | None = None

    def is_held_by(self, deployment: str, epoch: int) -> bool:
        """Return whether `deployment` holds the lease under `epoch`; a fenced deployment does not."""
        return (self.deployment, self.epoch) == (deployment, epoch)

    def held_by_another(self, deployment: str, now: datetime) -> bool:
        """Return whether a deployment other than `deployment` holds the lease, and it has not expired."""
        if self.deployment in ("", deployment):
            return False
        return self.expires_at is None or now < self.expires_at

    def was_lost(self, deployment: str, epoch: int) -> bool:
        """Return whether `deployment`, which held the lease under `epoch`, lost it to no other deployment.

        The lease was deleted, or set back to an earlier time. A call that took it again may have been lost.
        """
        if self.deployment == deployment:
            return self.epoch != epoch
        return not self.deployment and self.epoch < epoch

    def next_epoch(self, newest: int) -> int:
        """Return the epoch of the next holder, above this one and `newest`; raises Refused where there is none."""
        above = max(self.epoch, newest)
        if above >= LARGEST_EPOCH:
            raise Refused("a higher epoch", [f"{above} is the last; correct the record that has it"])
        return above + 1

    def has_expired(self, now: datetime) -> bool:
        """Return whether a deployment holds the lease that any other may take."""
        return self.deployment != "" and self.expires_at is not None and now >= self.expires_at

    def outlasts_a_call(self, now: datetime) -> bool:
        """Return whether nobody can take the lease before a call that begins now has ended."""
        return self.expires_at is None or now + LONGEST_CALL < self.expires_at


@dataclass(frozen=True, slots=True)
class UnreadableLease(Lease):
    """A lease that cannot be read: it counts as held by an unknown deployment, for ever; `why` says where it is."""

    deployment: str = "unknown"
    why: str = ""


# A running deployment renews its lease before every host, whose stages together take less than 90 minutes.
RUNNING_LEASE = timedelta(hours=3)

RENEWAL_THRESHOLD = timedelta(hours=2)

# The longest that one AWS call may hang, with its retries. The load balancer has no conditional writes, so a
# deployment begins a call to it only under a lease that outlasts the call.
LONGEST_CALL = timedelta(minutes=15)

# A state machine waits for an answer for a week, then asks again.
WAITING_LEASE = timedelta(days=8)
