"""The journal of a run: what the kit was about to make, written first, so that all of it can be removed."""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tools.aws_smoke.cloud import Part


@dataclass(frozen=True, slots=True)
class Entry:
    """The parts that may exist, in the order in which they were begun, and the steps that were done."""

    parts: tuple[str, ...] = ()
    done: tuple[str, ...] = ()


@dataclass
class Journal:
    """A file that each change replaces whole; without a file it is empty."""

    file: Path
    entry: Entry = field(init=False)

    def __post_init__(self) -> None:
        self.entry = _read(self.file)

    def begin(self, part: Part) -> None:
        if part not in self.entry.parts:
            self._write(replace(self.entry, parts=(*self.entry.parts, str(part))))

    def removed(self, part: Part) -> None:
        self._write(replace(self.entry, parts=tuple(each for each in self.entry.parts if each != part)))

    def did(self, step: str) -> None:
        self._write(replace(self.entry, done=(*self.entry.done, step)))

    def close(self) -> None:
        """Delete the file: nothing is left to remove."""
        self.file.unlink(missing_ok=True)
        self.entry = Entry()

    def _write(self, entry: Entry) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_suffix(".new")
        with fresh.open("w") as stream:
            stream.write(json.dumps(asdict(entry), indent=2))
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self.file)
        self.entry = entry


def _read(file: Path) -> Entry:
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return Entry()
    return Entry(tuple(found["parts"]), tuple(found["done"]))
