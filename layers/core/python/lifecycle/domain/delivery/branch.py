"""A branch and its head, by the order of its pushes: the model behind everything that follows a branch.

A push says "the branch left this commit and is now at that one". receive_push records each as a move. No order of
arrival matters: along any path, each commit but the last is left as often as it is reached (docs/adr/0032).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifecycle.domain.delivery.repository import MOST_SERVICES
from lifecycle.domain.rollout.deployment import CLOCK_SKEW

# The newest moves that a record has; a later copy of an older one has its time, by which it changes nothing.
MOST_MOVES = 50
# The clocks of a forge and of this account may differ by this much.
CLOCKS_DIFFER = timedelta(minutes=1)
# The `before` of a push that creates a branch.
NOTHING = "0" * 40
_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Move:
    """One push: the branch left `before` and arrived at `after`. `at` is when it was pushed, as its event says.

    `delivery` is the event's id, which a repeated event has too. `skip` is the marker that asks for no build.
    `pusher` is the name of who pushed, as the event says it; empty in records of before it was kept.
    """

    before: str
    after: str
    delivery: str
    at: datetime
    skip: str = ""
    pusher: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """The record of a branch: its newest moves in the order of their arrival, and the commit before them, if known.

    `read_at` is when `start` was read from the repository itself. `services` has, for each service in a folder, the
    newest commit whose push started its build. `dropped` are commits whose run was not built, as it was superseded.
    `ending` are the services of which a running build ends, too, once its commit is superseded.
    """

    repository: str
    name: str
    start: str = ""
    read_at: datetime | None = None
    moves: tuple[Move, ...] = ()
    services: dict[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        """The commit that the branch is at; empty if nothing is known of it.

        It is the only commit that was reached more often than left. Where a push is missing there are several, or the
        pushes fall into parts that share no commit; a circle has none. Then the newest push decides.
        """
        ends = _ends(self.moves, self.start)
        if not self.moves or (len(ends) == 1 and _are_connected(self.moves, self.start)):
            return ends[0] if ends else self.start
        by_time = self._by_time()
        newest = [each for each in by_time if each.at == by_time[-1].at]
        if self.read_at is not None and newest[-1].at < self.read_at:
            return self.start
        last = _ends(newest)
        return last[0] if len(last) == 1 else newest[-1].after

    @property
    def path(self) -> tuple[str, ...]:
        """The commits that the branch was at, oldest first, with the head last; found backwards from the head."""
        left, at, found = list(self._by_time()), self.head, [self.head]
        while left:
            before = next((each for each in reversed(left) if each.after == at), None)
            if before is None:  # a push is missing: go on with the newest one before the gap
                before = left[-1]
                found.append(before.after)
            left.remove(before)
            at = before.before
            found.append(at)
        ordered = (self.start, *reversed(found)) if self.start not in found else reversed(found)
        return tuple(commit for commit in ordered if commit not in ("", NOTHING))

    def _by_time(self) -> list[Move]:
        return sorted(self.moves, key=lambda each: each.at)

    def knows(self, move: Move) -> bool:
        """Return whether this push was recorded before, or is older than what was read from the repository."""
        if self.read_at is not None and move.at < self.read_at - CLOCKS_DIFFER:
            return True
        return any(each.delivery == move.delivery for each in self.moves)

    def moved(self, move: Move) -> "Branch":
        """Return the record with one more push; once for each push."""
        if self.knows(move):
            return self
        moves = (*self.moves, move)
        if len(moves) <= MOST_MOVES:
            return replace(self, moves=moves)
        oldest = min(moves, key=lambda each: each.at)
        # What is dropped has led to where the others begin.
        return replace(self, start=oldest.after, moves=tuple(each for each in moves if each is not oldest))

    def believed(self, now: datetime) -> "Branch":
        """Return the record without a reading of the future, which would outlast every push and later reading."""
        if self.read_at is None or self.read_at <= now + CLOCK_SKEW:
            return self
        return replace(self, start="", read_at=None)

    def pushed(self, commit: str) -> bool:
        """Return whether a push to this commit is on record."""
        return any(each.after == commit for each in self.moves)

    def pushers(self, commit: str) -> tuple[str, ...]:
        """Return who pushed this commit, as far as that is known; the order has no meaning."""
        return tuple(sorted({each.pusher for each in self.moves if each.after == commit and each.pusher}))

    def skips(self, commit: str) -> bool:
        """Return whether the newest push to this commit asked for no build; what a run's input says is no push."""
        return any([each.skip for each in self._by_time() if each.after == commit][-1:])

    def read(self, commit: str, at: datetime) -> "Branch":
        """Return the record after somebody read the head from the repository itself."""
        if self.read_at is not None and at <= self.read_at:
            return self
        # A move of the same second is the one to this commit, or a later one: both fit.
        later = tuple(each for each in self.moves if each.at >= at.replace(microsecond=0))
        return replace(self, start=commit, read_at=at, moves=later)

    def run_of(self, commit: str) -> "Branch":
        """Return the record once a run of this commit is about to build: it does, or it is dropped as superseded.

        A push that makes a dropped commit the head again meets this record, and starts another run.
        """
        others = tuple(each for each in self.dropped if each != commit)
        dropped = (*others, commit)[-MOST_MOVES:] if self.superseded(commit) else others
        return self if dropped == self.dropped else replace(self, dropped=dropped)

    def ends(self, service: str, *, superseded: bool) -> "Branch":
        """Return the record after a snapshot of a service, which says whether its `superseded` builds end."""
        if (service in self.ending) == superseded:
            return self
        others = tuple(each for each in self.ending if each != service)
        return replace(self, ending=(*others, service)[-MOST_SERVICES:] if superseded else others)

    def ends_build(self, commit: str, service: str, folder: str) -> str:
        """Return why a running build of this commit ends; empty if it goes on.

        Without a folder, the build has not said for which service it is.
        """
        ends = service in self.ending if folder else bool(self.ending)
        return self.superseded(commit, service, folder) if ends else ""

    def begun(self, service: str, commit: str) -> "Branch":
        """Return the record once a push of this commit has started a build of one service in a folder."""
        last = self.services.get(service, "")
        if self._place(commit) < self._place(last):
            return self
        newest = {name: each for name, each in self.services.items() if name != service} | {service: commit}
        return replace(self, services=dict(list(newest.items())[-MOST_SERVICES:]))

    def _place(self, commit: str) -> int:
        path = self.path
        return max((number for number, each in enumerate(path) if each == commit), default=-1)

    def wanted(self, service: str, folder: str) -> str:
        """Return the commit whose snapshot an automatic staging serves; empty if nothing is known of it.

        A service in a folder has none of the head where the head left it unchanged.
        """
        return self.services.get(service, "") if folder else self.head

    def superseded(self, commit: str, service: str = "", folder: str = "") -> str:
        """Return why an automatic staging does not want the snapshot of this commit; empty if it does."""
        wanted = self.wanted(service, folder)
        if wanted in ("", commit):
            return ""
        whose = f" for {service}" if folder else ""
        return f"{commit[:_DIGITS]} is no longer the head of {self.name}{whose}: {wanted[:_DIGITS]} is"


def _ends(moves: Sequence[Move], start: str = "") -> list[str]:
    """Return the commits that were reached more often than left."""
    reached = Counter([start, *(each.after for each in moves)])
    reached.subtract(each.before for each in moves)
    return [commit for commit, more in reached.items() if more > 0 and commit]


def _are_connected(moves: Sequence[Move], start: str) -> bool:
    """Return whether each push shares a commit with another one, or with the start, so that all are one path."""
    left = [{each.before, each.after} for each in moves]
    found = {start} if start else left.pop()
    while near := [each for each in left if each & found]:
        left = [each for each in left if each not in near]
        found = found.union(*near)
    return not left


def wanted_snapshot(snapshots: Mapping[str, Mapping[str, str]], commit: str) -> str:
    """Return the newest snapshot of a commit, from those of one service; empty if it has none."""
    found = [(facts.get("built", ""), name) for name, facts in snapshots.items() if facts.get("commit") == commit]
    return max(found)[1] if found else ""
