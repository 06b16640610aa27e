"""The names of deliveries: one delivery per commit, and one more for each repeat.

Used by receive_push and by the command line.
"""

import re
from dataclasses import dataclass

from lifecycle.domain.rollout.execution import next_execution, nth_execution

_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")

# Older deliveries that the command line repeated end in `-2`.
_NAME = re.compile(r"(?P<repository>.+)-(?P<commit>[0-9a-f]{40})([_-](?P<number>[1-9][0-9]{0,3}))?")

# The repository of a service's own delivery (`service_delivery`).
_OF_SERVICE = re.compile(r"(?P<service>.+?)-(-[0-9]{1,4})?")

# Step Functions allows 80 characters: the repository, a hyphen, the commit, and up to `_9999`.
_LONGEST_REPOSITORY = 80 - len("-") - 40 - len("_9999")


@dataclass(frozen=True, slots=True)
class DeliveryName:
    """The name of a delivery: its repository (made safe and cut), its commit, and the number of the repeat."""

    repository: str
    commit: str
    number: int = 1

    @classmethod
    def of(cls, repository: str, commit: str, number: int = 1) -> "DeliveryName":
        return cls(_UNSAFE.sub("-", repository)[:_LONGEST_REPOSITORY], commit, number)

    @classmethod
    def parse(cls, text: str) -> "DeliveryName | None":
        """Read `hello-<commit>`, `hello-<commit>_2` or `hello-<commit>-2`; None for anything else."""
        if not (match := _NAME.fullmatch(text)):
            return None
        return cls.of(match["repository"], match["commit"], int(match["number"] or 1))

    @property
    def service(self) -> str:
        """The service whose own delivery this is (`service_delivery`); empty for the delivery of a whole push."""
        found = _OF_SERVICE.fullmatch(self.repository)
        return found["service"] if found else ""

    def delivers(self, service: str) -> bool:
        """Return whether this is a delivery of the repository of that name, or of that service alone."""
        named = self.service == service or self.repository == DeliveryName.of(service, "").repository
        return bool(service) and named

    @property
    def first(self) -> str:
        """The name of the first delivery of this commit."""
        return f"{self.repository}-{self.commit}"

    def __str__(self) -> str:
        return nth_execution(self.first, self.number)


def delivers(run: str, service: str) -> bool:
    """Return whether a run of this name is a delivery of the repository of that name, or of that service alone."""
    name = DeliveryName.parse(run)
    return name is not None and name.delivers(service)


def service_delivery(service: str, whole: str, commit: str) -> str:
    """Return the name of the delivery of one service that `whole`, the delivery of a push, starts.

    Two hyphens, which no service's name has, keep it apart from the delivery of a repository of that name. A repeated
    delivery of the push starts new ones: `api--<commit>`, then `api--2-<commit>`.
    """
    found = DeliveryName.parse(whole)
    number = str(found.number) if found and found.number > 1 else ""
    return str(DeliveryName.of(f"{service}--{number}" if number else f"{service}-", commit))


def next_delivery_name(name: str) -> str:
    """Return the name of the next delivery of the same commit.

    It has the current form and fits the length limit, for any form of `name`.
    """
    return next_execution(str(DeliveryName.parse(name) or name))
