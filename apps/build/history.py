"""The newest commits of the clone, for the manifest. Called by main before the service's own commands run."""

import json
from datetime import UTC, datetime
from pathlib import Path

from apps.build.request import git
from lifecycle.domain.service.commits import AUTHOR_LENGTH, MOST_COMMITS, SUBJECT_LENGTH, Commit, History
from lifecycle.domain.visible_text import visible

_HASH = 12
# Every agent reads the manifest before it installs. The oldest commits are left out beyond this.
MOST_BYTES = 32_768
_FORMAT = "%H%x00%P%x00%ct%x00%an%x00%s"


def read_history(folder: Path) -> History | None:
    """Return the newest commits, each before its parents; None where Git has none to tell.

    Nothing here fails a build: a history that cannot be read is not known.
    """
    # The order keeps children before parents, whatever their clocks said.
    log = git(
        folder,
        *("-c", "i18n.logOutputEncoding=UTF-8", "log", "--no-show-signature", "--no-color", "--date-order"),
        *(f"--max-count={MOST_COMMITS}", f"--format={_FORMAT}", "HEAD"),
    )
    if not log:
        return None
    commits = _bounded([each for line in log.split("\n") if (each := _commit(line))])
    return History(commits, _total(folder)) if commits else None


def _commit(line: str) -> Commit | None:
    hashed, parents, at, author, subject = [*line.split("\0", 4), "", "", "", ""][:5]
    if not hashed:
        return None
    named = tuple(each[:_HASH] for each in parents.split())
    return Commit(hashed[:_HASH], _text(subject, SUBJECT_LENGTH), _text(author, AUTHOR_LENGTH), _time(at), named)


def _text(text: str, length: int) -> str:
    line = " ".join(visible(text, "?").split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if 1970 <= found.year < 9000 else None


def _bounded(commits: list[Commit]) -> tuple[Commit, ...]:
    left, kept = MOST_BYTES, list[Commit]()
    for each in commits:
        # The keys, the hash and the time take less than 160 bytes.
        left -= 160 + sum(len(json.dumps(text)) for text in (each.subject, each.author))
        left -= sum(len(parent) + 4 for parent in each.parents)
        if left < 0:
            break
        kept.append(each)
    return tuple(kept)


def _total(folder: Path) -> int:
    """Return the number of commits; 0 where the clone does not have them all."""
    if git(folder, "rev-parse", "--is-shallow-repository") != "false":
        return 0
    counted = git(folder, "rev-list", "--count", "HEAD")
    return int(counted) if counted and counted.isdecimal() else 0
