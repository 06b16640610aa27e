"""The page's own files, read once at the start; nothing of the page comes from another host."""

from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_TOKEN = b"@token@"


@dataclass(frozen=True, slots=True)
class File:
    """One file, as it is sent."""

    content_type: str
    body: bytes


def files(token: str) -> dict[str, File]:
    """Return every file by its path in a URL; the page itself carries the token of this start."""
    found = {
        f"/{path.relative_to(STATIC).as_posix()}": File(_TYPES[path.suffix], path.read_bytes())
        for path in sorted(STATIC.rglob("*"))
        if path.suffix in _TYPES
    }
    index = found.pop("/index.html")
    found["/"] = File(index.content_type, index.body.replace(_TOKEN, token.encode()))
    return found
