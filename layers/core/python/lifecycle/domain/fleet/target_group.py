"""Target groups of the load balancer, and the states of the targets in them."""

from collections.abc import Mapping
from enum import StrEnum


class Group(StrEnum):
    """A cluster's target groups: the one that all its hosts serve in, and those of a test bed and its control."""

    MAIN = "main"
    TEST_BED = "test-bed"
    CONTROL = "control"


class TargetState(StrEnum):
    """A target's state as an ALB names it; ABSENT is one that is registered nowhere.

    ASIDE is one that is healthy, but in the target group of the test bed or of its control.
    """

    HEALTHY = "healthy"
    INITIAL = "initial"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    UNUSED = "unused"
    UNAVAILABLE = "unavailable"
    ABSENT = "absent"
    TEST_GROUP = "aside"

    @property
    def in_rotation(self) -> bool:
        """Whether it is registered to get requests, now or as soon as it is healthy."""
        return self.serves or self in (self.INITIAL, self.UNHEALTHY, self.UNAVAILABLE)

    @property
    def serves(self) -> bool:
        """Whether it is healthy where it is registered, so that taking it out costs capacity."""
        return self in (self.HEALTHY, self.TEST_GROUP)

    @property
    def in_words(self) -> str:
        """In words: a target is `... in the load balancer`."""
        return "set aside for a test bed" if self is self.TEST_GROUP else str(self)


Rotation = Mapping[str, TargetState]


def state_of(rotation: Rotation, host: str) -> TargetState:
    """A host's state in the load balancer."""
    return rotation.get(host, TargetState.ABSENT)
