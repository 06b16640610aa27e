"""Commits: those that a manifest carries, and the changes between two versions of a service.

A manifest carries the newest commits of its history, and not only those since the snapshot before it. So the
commits between any two versions are known. The snapshots between them may be deleted. Used by the plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

# The most commits that a manifest carries, and the most characters of their texts.
MOST_COMMITS = 100
SUBJECT_LENGTH, AUTHOR_LENGTH = 120, 60
# The fact of a recorded snapshot that has the number of all its commits.
COMMITS = "commits"
# Subjects that the record of a deployment carries; the plan and the manifest have all.
_SUBJECTS = 5


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: its hash and its parents' in 12 hex digits. `at` is None where its time is none."""

    hash: str
    subject: str
    author: str
    at: datetime | None = None
    parents: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """Return the commit on one line: hash, subject and author."""
        return f"{self.hash[:7]} {self.subject}{f' ({self.author})' if self.author else ''}"


@dataclass(frozen=True, slots=True)
class History:
    """The newest commits of a version's history, each before its parents, the version's own commit first.

    `total` is the number of all its commits; 0 if that is not known, as in a shallow clone.
    """

    commits: tuple[Commit, ...]
    total: int = 0

    @property
    def is_whole(self) -> bool:
        """Return whether it has every commit."""
        return self.total == len(self.commits)


@dataclass(frozen=True, slots=True)
class Changes:
    """The commits that a version has and an older one has not: `count` of them, the newest in `commits`.

    `count` is None where it is not known. `gone` are commits of the older version that the newer one has not, as
    after a forced push. `takes_back` says that the older version has these commits and the newer one has not, as
    after a rollback. `unknown` says why nothing is known; empty if something is.
    """

    since: str
    commits: tuple[Commit, ...] = ()
    count: int | None = None
    gone: tuple[Commit, ...] = ()
    unknown: str = ""
    takes_back: bool = False

    @property
    def sentence(self) -> str:
        """Return such as `12 commits since 1.4.1`."""
        if self.unknown:
            return f"commits since {self.since}: not known, {self.unknown}"
        count = f"at least {len(self.commits)}" if self.count is None else str(self.count)
        noun = "commit" if count == "1" else "commits"
        if self.takes_back:
            return f"goes backwards: takes back {count} {noun} of {self.since}"
        gone = f"; {len(self.gone)} of {self.since} are gone, its branch was rewritten" if self.gone else ""
        return f"{count} {noun} since {self.since}{gone}"


@dataclass(frozen=True, slots=True)
class CommitCounts:
    """The newest snapshot of a service with the number of its commits, and that number of other versions.

    0 and a missing version are not known: an older Lifecycle recorded them, or a build had a shallow clone.
    """

    newest: str = ""
    total: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    def behind(self, version: str) -> int | None:
        """Return how many commits the newest snapshot has more than a version; None if that is not known.

        A version of a rewritten or another branch may have more, which says nothing.
        """
        if version and version == self.newest:
            return 0
        count = self.counts.get(version, 0)
        return self.total - count if self.total >= count > 0 else None


@dataclass(frozen=True, slots=True)
class ChangeNote:
    """The changes as the record of a deployment has them: a sentence, the newest commits, and a link or nothing.

    Each of `subjects` is such as `ab12cd3 Round prices (Ada)`; records of an older Lifecycle have the subject alone.
    """

    sentence: str = ""
    subjects: tuple[str, ...] = ()
    link: str = ""


NO_NOTE = ChangeNote()


def note_of(changes: Changes | None, link: str) -> ChangeNote:
    """Return what the record of a deployment keeps of its changes."""
    if changes is None:
        return NO_NOTE
    return ChangeNote(changes.sentence, tuple(each.in_words for each in changes.commits[:_SUBJECTS]), link)


def changes_between(since: str, old: History | None, new: History | None) -> Changes:
    """Return the commits of `new` that `old`, the version `since`, does not have.

    If `new` is an ancestor of `old`, these are the commits of `old` that it takes back.
    """
    if old is None or new is None or not old.commits or not new.commits:
        return Changes(since, unknown="a manifest carries no commits")
    added, meet = _added(old, new)
    if not meet and old.total > new.total > 0 and not old.is_whole:
        return Changes(since, unknown=f"it is older than the commits that {since} carries, or of another branch")
    if not meet and not new.is_whole:
        return _behind_the_window(since, old, new)
    gone, _ = _added(new, old)
    if gone and not added:
        return Changes(since, gone, _count(new, old, gone, ()), takes_back=True)
    return Changes(since, added, _count(old, new, added, gone), gone)


def taken_back(bad: str, back_to: History | None, from_bad: History | None) -> Changes:
    """Return the commits that a rollback from the version `bad` takes back; or brings, if `bad` was the older one."""
    found = changes_between(bad, back_to, from_bad)
    if found.takes_back:
        return replace(found, takes_back=False)
    return Changes(bad, found.commits, found.count, (), found.unknown, takes_back=True)


def _added(old: History, new: History) -> tuple[tuple[Commit, ...], bool]:
    """Return the commits of `new` that are not reachable from `old`, and whether both have a commit in common."""
    parents = {each.hash: each.parents for each in (*old.commits, *new.commits)}
    reached = _reachable(old.commits[0].hash, parents)
    added = tuple(each for each in new.commits if each.hash not in reached)
    return added, len(added) < len(new.commits)


def _reachable(start: str, parents: Mapping[str, tuple[str, ...]]) -> set[str]:
    found, left = set[str](), [start]
    while left:
        if (each := left.pop()) not in found:
            found.add(each)
            left += parents.get(each, ())
    return found


def _count(old: History, new: History, added: tuple[Commit, ...], gone: tuple[Commit, ...]) -> int | None:
    """Return how many commits were added: more than are listed if a merge brought older ones."""
    if new.is_whole:
        return len(added)
    if gone or not (old.total and new.total):
        return len(added) if len(added) < len(new.commits) and not gone else None
    return max(len(added), new.total - old.total)


def _behind_the_window(since: str, old: History, new: History) -> Changes:
    """Return the changes where the older version is older than every commit that the newer one carries."""
    count = new.total - old.total if old.total and new.total else None
    if count is not None and count <= len(new.commits):  # it would be among them, had it the same history
        return Changes(since, unknown="they have no commit in common: its branch was rewritten, or is another one")
    return Changes(since, new.commits, count)
