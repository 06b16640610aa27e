"""The commits of versions and deployments as an operator reads them: hash, subject, author, and the page of them all.

Used by plan, status, history, snapshots and releases.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.cli.output.printer import Printer
from apps.cli.output.text import one_line
from apps.cli.ports import Connection
from lifecycle.application.readable import readable
from lifecycle.domain.errors import Unknown
from lifecycle.domain.service.commits import ChangeNote, Changes, Commit, changes_between
from lifecycle.domain.service.compare_link import compare_link
from lifecycle.domain.service.manifest import Manifest


@dataclass(frozen=True, slots=True)
class VersionCommits:
    """A version's own commit, and the commits since the version before it in a list; None where not known."""

    head: Commit | None = None
    changes: Changes | None = None
    compare: str = ""

    @property
    def count_words(self) -> str:
        """Return such as `3 since 1.4.1`; a hyphen where nothing is known."""
        if self.changes is None or self.changes.unknown:
            return "-"
        count = f"≥{len(self.changes.commits)}" if self.changes.count is None else str(self.changes.count)
        return f"{'-' * self.changes.takes_back}{count} since {self.changes.since}"


NO_COMMITS = VersionCommits()


def commits_of(connection: Connection, service: str, newest_first: Iterable[str]) -> Mapping[str, VersionCommits]:
    """Read the manifests of versions, one call each, and compare each version with the next older one of the list."""
    versions = list(newest_first)
    manifests = {version: _manifest(connection, service, version) for version in versions}
    return {
        version: _between(manifests[version], manifests.get(older), older)
        for version, older in zip(versions, [*versions[1:], ""], strict=True)
    }


def _manifest(connection: Connection, service: str, version: str) -> Manifest | None:
    try:
        return readable(lambda: connection.context.artifacts.manifest(service, version), None)[0]
    except Unknown:  # gc deleted it
        return None


def _between(new: Manifest | None, old: Manifest | None, older: str) -> VersionCommits:
    if new is None:
        return NO_COMMITS
    head = new.history.commits[0] if new.history and new.history.commits else None
    if old is None:
        return VersionCommits(head)
    changes = changes_between(older, old.history, new.history)
    return VersionCommits(head, changes, compare_link(new.repository, old.commit, new.commit))


def commit_words(commit: Commit) -> str:
    """Return one commit on one line: hash, subject, author."""
    return one_line(commit.in_words, 140)


def version_facts(found: VersionCommits) -> dict[str, Any]:
    """Return the commits of a version for programs."""
    return {
        "head": commit_facts(found.head) if found.head else None,
        "changes": changes_facts(found.changes, found.compare),
    }


def changes_facts(changes: Changes | None, compare: str) -> dict[str, Any] | None:
    """Return the commits of a deployment for programs: all that are known."""
    if changes is None:
        return None
    commits, gone = ([commit_facts(each) for each in some] for some in (changes.commits, changes.gone))
    facts = {"since": changes.since, "count": changes.count, "takes_back": changes.takes_back}
    return {**facts, "text": changes.sentence, "compare": compare or None, "commits": commits, "gone": gone}


def commit_facts(commit: Commit) -> dict[str, Any]:
    """Return a commit for programs."""
    at = commit.at.isoformat() if commit.at else None
    return {"hash": commit.hash, "subject": commit.subject, "author": commit.author, "at": at}


def note_lines(note: ChangeNote) -> list[str]:
    """Return what a deployment brings, as its record has it: the sentence with its page, and the newest commits."""
    if not note.sentence:
        return []
    link = f": {note.link}" if note.link else ""
    return [f"changes: {one_line(note.sentence)}{link}", *(f"  {one_line(each, 140)}" for each in note.subjects)]


def show_note(printer: Printer, note: ChangeNote, indent: str = "") -> None:
    """Print what a deployment brings."""
    for line in note_lines(note):
        printer.line(f"{indent}{line}")
