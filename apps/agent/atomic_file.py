"""Small files that a crash leaves with the old text or the new, never with a part. Used by all that keeps state."""

import os
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Replace a file by a rename. The new text is on the disk when this returns."""
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)


def read_or_none(path: Path) -> str | None:
    """Return a file's text, or None when there is no such file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
