"""The example that the kit pushes: examples/hello under a name of its own, good or with a self-test that fails."""

import re
from collections.abc import Iterator
from pathlib import Path

from apps.local.paths import REPOSITORY

SERVICE = "smoke"
_SOURCE = REPOSITORY / "examples" / "hello"
_CHANGES = (
    (r'^name = "hello"', f'name = "{SERVICE}"'),
    (r"^automatic = true", "automatic = false"),
    (r'^after = "staging"', 'after = "none"'),
    (r"^bake_minutes = \d+", "bake_minutes = 0"),
    (r"^watch_minutes = \d+", "watch_minutes = 0"),
)


def files(*, broken: bool) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each file."""
    for path in sorted(_SOURCE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(_SOURCE).as_posix(), _content(path, broken=broken)


def _content(path: Path, *, broken: bool) -> bytes:
    if path.name == "lifecycle.toml":
        return _changed(path, *_CHANGES)
    if path.name == "switches.toml":
        return _changed(path, (r"^self_test_fails = \w+", f"self_test_fails = {str(broken).lower()}"))
    return path.read_bytes()


def _changed(path: Path, *changes: tuple[str, str]) -> bytes:
    """Replace each pattern once; raises ValueError for one that the example does not have any more."""
    text = path.read_text()
    for old, new in changes:
        text, count = re.subn(old, new, text, count=1, flags=re.MULTILINE)
        if not count:
            raise ValueError(f"{path} has no {old}; change tools/aws_smoke/example.py")
    return text.encode()
