"""The words of a rollback: what goes, what comes, what is quarantined, and whether another rollback could follow.

The confirmations of the command line and of the console say the same.
"""

from dataclasses import dataclass

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class RollbackFacts:
    """A rollback of a cluster: the target that goes, the one that comes back, and the one that could come after it.

    `quarantines` is the version or the configuration that is quarantined then; empty for none.
    """

    cluster: Cluster
    goes: Target
    comes: Target
    quarantines: str
    next_target: Target | None = None

    @property
    def question(self) -> str:
        """Return the question of a confirmation, which names both versions."""
        return f"Roll {self.cluster} back from {self.goes.in_words} to {self.comes.in_words}?"

    @property
    def consequences(self) -> str:
        """Return what follows: the quarantine, and the next rollback."""
        gone = f"{self.quarantines} is quarantined" if self.quarantines else "nothing is quarantined"
        if self.next_target is None:
            return f"{gone}; no other verified version is left for another rollback"
        return f"{gone}; another rollback would go to {self.next_target.in_words}"
