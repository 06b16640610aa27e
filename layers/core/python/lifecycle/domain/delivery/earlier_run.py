"""The facts about an earlier run that decide whether a push starts another one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run as its input says: the clone URL of its repository, the id of its delivery, and whether it failed."""

    repository: str
    delivery: str
    failed: bool
