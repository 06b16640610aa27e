"""A branch and its head, by the order of its pushes: the model behind everything that follows a branch.

A push says "the branch left this commit and is now at that one". receive_push records each as a move. The newest
move, by the times of the events, has the head. The order of arrival has no say (docs/adr/0032).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from lifecycle.domain.delivery.repository import MOST_SERVICES
from lifecycle.domain.rollout.deployment import CLOCK_SKEW

# The newest moves that a record has; a later copy of an older one has its time, by which it changes nothing.
MOST_MOVES = 50
# The clocks of a forge and of this account may differ by this much.
CLOCKS_DIFFER = timedelta(minutes=1)
# The `before` of a push that creates a branch.
NOTHING = "0" * 40
_DIGITS = 7
# The builds of one service that a record has.
_MOST_BUILDS = 10


@dataclass(frozen=True, slots=True)
class Move:
    """One push: the branch left `before` and arrived at `after`. `at` is when it was pushed, as its event says.

    `delivery` is the event's id, which a repeated event has too. `skip` is the marker that asks for no build.
    `forced` says that `after` does not contain `before`. `arrived` is when the event came, by this account's clock.
    `pusher` is the name of who pushed, as the event says it; empty in records of before it was kept.
    """

    before: str
    after: str
    delivery: str
    at: datetime
    skip: str = ""
    forced: bool = False
    arrived: datetime | None = None
    pusher: str = ""

    @property
    def recorded(self) -> datetime:
        """The time at which the event came; the push's own in a record from before that was known."""
        return self.arrived or self.at


@dataclass(frozen=True, slots=True)
class Begun:
    """The push to `commit` has started a build of a service in a folder."""

    service: str
    commit: str


@dataclass(frozen=True, slots=True)
class Branch:
    """The record of a branch: its newest moves in the order of their arrival, and the commit before them, if known.

    `read_at` is when `start` was read from the repository itself, by the clock of this account. `builds` are those of
    services in folders, and `services` has the commit of each one's newest. `dropped` are commits whose run was not
    built, as it was superseded. `ending` are the services of which a running build ends, too, once its commit is
    superseded.
    """

    repository: str
    name: str
    start: str = ""
    read_at: datetime | None = None
    moves: tuple[Move, ...] = ()
    services: dict[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()
    builds: tuple[Begun, ...] = ()

    @property
    def head(self) -> str:
        """The commit that the branch is at: that of the newest push, or of a later reading; empty if not known."""
        later = self._later()
        return _in_order(later, self.start)[-1].after if later else self.start

    @property
    def path(self) -> tuple[str, ...]:
        """The commits that lead to the head, oldest first, as far as the pushes show them."""
        return tuple(self._walk()[0])

    def _later(self) -> list[Move]:
        """Return the moves that nobody's reading stands for.

        An event that came before the reading is older. One that came later is older if its push is, by the clock of
        the forge. That clock may be slow: then even its promptest event comes late.
        """
        if self.read_at is None:
            return list(self.moves)
        second = self.read_at.replace(microsecond=0)
        came = [each for each in self.moves if each.recorded >= second]
        newest = max((each.at for each in self.moves if each.recorded < second), default=None)
        slow = min((each.recorded - each.at for each in self.moves), default=timedelta())
        oldest = self.read_at - CLOCKS_DIFFER - (slow if timedelta() < slow < CLOCK_SKEW else timedelta())
        return [each for each in came if each.at >= oldest and (newest is None or each.at >= newest)]

    def _steps(self) -> list[Move]:
        """Return all moves in the order of the pushes, with the reading as one of them."""
        if self.read_at is None:
            return _in_order(self.moves, self.start)
        later = self._later()
        earlier = [each for each in self.moves if each not in later]
        return [*_in_order(earlier), Move("", self.start, "", self.read_at), *_in_order(later, self.start)]

    def _walk(self) -> tuple[Sequence[str], set[str]]:
        """Return the commits that lead to the head, and those that the branch has left.

        A branch that is back at a commit is where it was then, and has left what came later. A forced push to a new
        commit has left the one before it. Nobody knows how many more.
        """
        path, left = ([self.start] if self.start and self.read_at is None else []), set[str]()
        paths = dict.fromkeys(path, path)
        for move in self._steps():
            for commit, forced in ((move.before, False), (move.after, move.forced)):
                if commit in ("", NOTHING):
                    continue
                if commit in paths:
                    left.update(path)
                    path = paths[commit]
                elif forced:
                    left.update(path[-1:])
                    path = [commit]
                else:
                    path = [*path, commit]
                paths[commit] = path
                left.difference_update(path)
        return path, left

    def knows(self, move: Move) -> bool:
        """Return whether this push was recorded before."""
        return any(each.delivery == move.delivery for each in self.moves)

    def moved(self, move: Move) -> "Branch":
        """Return the record with one more push; once for each push."""
        if self.knows(move):
            return self
        more = replace(self, moves=(*self.moves, move))
        if len(more.moves) <= MOST_MOVES:
            return more
        found = more.without_oldest()
        return found if move in found.moves else self

    def without_oldest(self) -> "Branch":
        """Return the record without the oldest move, which has led to where the others begin."""
        oldest = next(each for each in self._steps() if each in self.moves)
        _, left = self._walk()
        return replace(
            self,
            start=self.start if self.read_at else oldest.after,
            moves=tuple(each for each in self.moves if each is not oldest),
            builds=tuple(each for each in self.builds if each.commit not in left),
            services={name: commit for name, commit in self.services.items() if commit not in left},
        )

    def believed(self, now: datetime) -> "Branch":
        """Return the record without a reading of the future, which would outlast every push and later reading."""
        if self.read_at is None or self.read_at <= now + CLOCKS_DIFFER:
            return self
        return replace(self, start="", read_at=None)

    def pushed(self, commit: str) -> bool:
        """Return whether a push to this commit is on record, which nobody's reading stands for."""
        return any(each.after == commit for each in self._later())

    def pushers(self, commit: str) -> tuple[str, ...]:
        """Return who pushed this commit, as far as that is known; the order has no meaning."""
        return tuple(sorted({each.pusher for each in self.moves if each.after == commit and each.pusher}))

    def skips(self, commit: str) -> bool:
        """Return whether the pushes to this commit asked for no build; what a run's input says is no push."""
        found = [each for each in self._steps() if each.after == commit]
        return bool(found) and all(each.skip for each in found)

    def built(self, commit: str) -> "Branch":
        """Return the record once a commit has a snapshot: somebody wanted it, whatever its pushes asked for."""
        if not self.skips(commit):
            return self
        return replace(self, moves=tuple(replace(m, skip="") if m.after == commit else m for m in self.moves))

    def read(self, commit: str, at: datetime) -> "Branch":
        """Return the record after somebody read the head from the repository itself."""
        if self.read_at is not None and at <= self.read_at:
            return self
        return replace(self, start=commit, read_at=at)

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
        place = {commit: number for number, commit in enumerate(self.path)}
        others = [each for each in self._builds_of(service) if each.commit != commit]
        mine = sorted((*others, Begun(service, commit)), key=lambda each: place.get(each.commit, -1))[-_MOST_BUILDS:]
        rest = [each for each in self.builds if each.service != service]
        found = replace(self, builds=(*rest, *mine)[-MOST_SERVICES * _MOST_BUILDS :])
        if found.of_service(service) != commit:
            return found
        newest = {name: each for name, each in self.services.items() if name != service} | {service: commit}
        return replace(found, services=dict(list(newest.items())[-MOST_SERVICES:]))

    def _builds_of(self, service: str) -> list[Begun]:
        """Return the builds of a service in the order of the pushes; a record of before has the newest only."""
        found = [each for each in self.builds if each.service == service]
        last = self.services.get(service, "")
        return found or ([Begun(service, last)] if last else [])

    def delivers(self, service: str, commit: str) -> bool:
        """Return whether the newest build of a service in a folder was that of this commit, which is wanted.

        `commit` may be its first digits. A later build that made no snapshot may have ended its deployment.
        """
        found = (self.of_service(service), self.services.get(service, ""))
        return all(not each or each.startswith(commit) for each in found)

    def wanted(self, service: str, folder: str) -> str:
        """Return the commit whose snapshot an automatic staging serves; empty if nothing is known of it.

        It is that of the newest push on the path that asks for a build. A service in a folder has none of the head
        where the head left it unchanged.
        """
        if folder:
            return self.of_service(service)
        asking = {self.start, *(each.after for each in self._steps() if not each.skip)}
        return next((commit for commit in reversed(self.path) if commit in asking), self.head)

    def of_service(self, service: str) -> str:
        """Return the commit of the newest build of a service in a folder, of those that the branch has not left."""
        path, left = self._walk()
        place = {commit: number for number, commit in enumerate(path)}
        there = [each.commit for each in self._builds_of(service) if each.commit not in left]
        # The last one of those whose place is forgotten.
        return max(reversed(there), key=lambda each: place.get(each, -1)) if there else ""

    def superseded(self, commit: str, service: str = "", folder: str = "") -> str:
        """Return why an automatic staging does not want the snapshot of this commit; empty if it does."""
        wanted = self.wanted(service, folder)
        if commit == wanted or (not folder and commit == self.head):
            return ""
        if not wanted:
            gone = commit in self._walk()[1]
            return f"{commit[:_DIGITS]} is no longer on {self.name}" if gone else ""
        if not folder and wanted != self.head:
            newest = f"{wanted[:_DIGITS]}, the newest push to {self.name} that asks for a build"
            return f"{commit[:_DIGITS]} is older than {newest}"
        whose = f" for {service}" if folder else ""
        return f"{commit[:_DIGITS]} is no longer the head of {self.name}{whose}: {wanted[:_DIGITS]} is"


def _in_order(moves: Iterable[Move], start: str = "") -> list[Move]:
    """Return the moves by the times of their pushes, and those of one time by their commits."""
    found, at = list[Move](), start
    for _, same in groupby(sorted(moves, key=lambda each: each.at), key=lambda each: each.at):
        found += _in_one_trail(list(same), at)
        at = found[-1].after
    return found


def _in_one_trail(moves: list[Move], start: str) -> list[Move]:
    """Order moves so that each leaves the commit at which the one before it arrived (Hierholzer 1873).

    Where a push is missing there is no such order. Then they stay as they arrived, but a commit that was reached more
    often than left is last.
    """
    balance = Counter(each.after for each in moves)
    balance.subtract(each.before for each in moves)
    first = [commit for commit, more in balance.items() if more < 0]
    # A circle ends where it begins.
    begin = first[0] if first else start if any(each.before == start for each in moves) else moves[-1].after
    leaving = {commit: [each for each in reversed(moves) if each.before == commit] for commit in balance}
    stack, trail = [(begin, moves[:0])], list[Move]()
    while stack:
        commit, arriving = stack[-1]
        if leaving[commit]:
            move = leaving[commit].pop()
            stack.append((move.after, [move]))
        else:
            trail = [*arriving, *trail]
            stack.pop()
    if len(trail) == len(moves) and all(one.after == other.before for one, other in pairwise(trail)):
        return trail
    last = max(range(len(moves)), key=lambda number: (balance[moves[number].after] > 0, number))
    return [*moves[:last], *moves[last + 1 :], moves[last]]


def wanted_snapshot(snapshots: Mapping[str, Mapping[str, str]], commit: str) -> str:
    """Return the newest snapshot of a commit, from those of one service; empty if it has none."""
    found = [(facts.get("built", ""), name) for name, facts in snapshots.items() if facts.get("commit") == commit]
    return max(found)[1] if found else ""
