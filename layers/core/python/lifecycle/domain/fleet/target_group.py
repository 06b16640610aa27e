"""Target groups of the load balancer, and the states of the targets in them."""

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address

from lifecycle.domain.errors import InvalidValue

_HEAVIEST = 999


class Group(StrEnum):
    """Target groups of a cluster: the main one, that of the test bed, and that of its control."""

    MAIN = "main"
    TEST_BED = "test-bed"
    CONTROL = "control"


class TargetState(StrEnum):
    """The state of a target, as an ALB names it; ABSENT is a target that is registered nowhere.

    TEST_GROUP is a target that is healthy in the target group of the test bed or of its control. NOT_WORKING is
    a host in rotation whose service does not run, and UNKNOWN one without a load balancer whose health nobody knows.
    Neither serves, whatever the others do.
    """

    HEALTHY = "healthy"
    INITIAL = "initial"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    UNUSED = "unused"
    UNAVAILABLE = "unavailable"
    ABSENT = "absent"
    TEST_GROUP = "test-group"
    NOT_WORKING = "not-working"
    UNKNOWN = "unknown"

    @property
    def in_rotation(self) -> bool:
        """True if the target is registered to get requests, now or as soon as it is healthy."""
        return self.serves or self in (
            *(self.INITIAL, self.UNHEALTHY, self.UNAVAILABLE),
            *(self.NOT_WORKING, self.UNKNOWN),
        )

    @property
    def serves(self) -> bool:
        """True if the target is healthy in its group, so that taking it out costs capacity."""
        return self in (self.HEALTHY, self.TEST_GROUP)

    @property
    def fails(self) -> bool:
        """True if the target fails its checks, or if its worker does not run."""
        return self in (self.UNHEALTHY, self.NOT_WORKING)

    @property
    def in_words(self) -> str:
        """The words that complete "a host is …", of a cluster with a load balancer or without one."""
        return _WORDS[self]


_WORDS = {
    TargetState.HEALTHY: "in rotation and healthy",
    TargetState.INITIAL: "in rotation, but not checked yet",
    TargetState.UNHEALTHY: "in rotation, but unhealthy",
    TargetState.DRAINING: "draining",
    TargetState.UNUSED: "registered, but unused",
    TargetState.UNAVAILABLE: "in rotation, but unavailable",
    TargetState.NOT_WORKING: "in rotation, but not working",
    TargetState.UNKNOWN: "in rotation, but nobody knows its health",
    TargetState.ABSENT: "out of rotation",
    TargetState.TEST_GROUP: "in a test group",
}

Rotation = Mapping[str, TargetState]


def state_of(rotation: Rotation, host: str) -> TargetState:
    """Return a host's state in the load balancer."""
    return rotation.get(host, TargetState.ABSENT)


def check_target(address: str, port: int | None) -> None:
    """Check the address and the port of a target, if it has one; raises InvalidValue."""
    try:
        ip_address(address)
    except ValueError:
        raise InvalidValue("address of a target", address, "an IP address, such as 10.0.1.7") from None
    if port is not None and not 1 <= port <= 65_535:
        raise InvalidValue("port of a target", str(port), "1 to 65535")


def check_weights(weights: Mapping[Group, int]) -> None:
    """Check traffic weights; raises InvalidValue."""
    for weight in weights.values():
        if not 0 <= weight <= _HEAVIEST:
            raise InvalidValue("traffic weight", str(weight), f"0 to {_HEAVIEST}")
