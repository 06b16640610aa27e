"""Every error that an operator can meet, in one tree; each says what was expected, found, and what to do.

LifecycleError
├── InvalidName            a service, environment, host or version that cannot be one
├── Unknown                a service, snapshot, release, cluster or deployment that does not exist
├── LeaseHeld              another deployment of this cluster is running
├── StaleEpoch             an actor that was overtaken; it must do nothing
├── Refused                a plan, promotion or decision that may not be done, with the reasons
├── DigestMismatch         bytes that are not the ones that were published
├── UnsafeArchive          an artifact that would write outside its folder, or too much
└── StoreRefused           a store that answered, but not with what was asked
"""

from collections.abc import Sequence
from datetime import datetime


class LifecycleError(Exception):
    """The root: anything that is the operator's to know about, printed without a traceback."""


class InvalidName(LifecycleError):
    """A name that does not have the form it needs."""

    def __init__(self, kind: str, found: str, expected: str) -> None:
        super().__init__(f"{found!r} is not a {kind}: expected {expected}")


class Unknown(LifecycleError):
    """Something that was named does not exist."""

    def __init__(self, kind: str, name: str, hint: str = "") -> None:
        super().__init__(f"there is no {kind} {name}" + (f"; {hint}" if hint else ""))


class LeaseHeld(LifecycleError):
    """Another deployment of this cluster is running."""

    def __init__(self, cluster: str, holder: str, since: datetime) -> None:
        super().__init__(
            f"{cluster} is being deployed by {holder} since {since:%Y-%m-%d %H:%M:%S} UTC; "
            "wait for it, decide it, or roll it back"
        )
        self.holder = holder
        self.since = since


class StaleEpoch(LifecycleError):
    """The actor's epoch is older than the cluster's; it must do nothing."""

    def __init__(self, cluster: str, mine: int, current: int) -> None:
        super().__init__(f"epoch {mine} of {cluster} was overtaken by epoch {current}; nothing was done")


class Refused(LifecycleError):
    """What was asked for may not be done; every reason is listed."""

    def __init__(self, what: str, reasons: Sequence[str]) -> None:
        super().__init__(f"{what} is refused: " + "; ".join(reasons))
        self.reasons = tuple(reasons)


class DigestMismatch(LifecycleError):
    """The bytes are not the ones that were published."""

    def __init__(self, what: str, expected: str, found: str) -> None:
        super().__init__(f"{what} was tampered with or damaged: expected sha256 {expected}, found {found}")


class UnsafeArchive(LifecycleError):
    """An artifact that would write outside its folder, make a special file, or unpack to too much."""

    def __init__(self, member: str, why: str) -> None:
        super().__init__(f"artifact refused whole: {member!r} {why}")


class StoreRefused(LifecycleError):
    """A store answered, but not with what was asked."""
