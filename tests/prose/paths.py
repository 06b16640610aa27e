"""References: the files and modules that docs, docstrings and comments name, and those that do not exist.

Called by tests/architecture/test_paths.py.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.prose.passages import PROSE, Kind, Passage

CORE = "layers/core/python/lifecycle"

_LINK = re.compile(r"(?<!`)\[[^\]\[]*\]\((?!\w+:|#)([^)\s#]+)[^)\s]*\)")
_FOLDERS = (
    "apps|docs|examples|functions|infra|layers|requirements|statemachines|tests|tools|"
    "analysis|application|console|domain|entrypoints|gateways|servicefile"
)
_PATH = re.compile(rf"(?<![\w./$<{{-])(?:{_FOLDERS})/[\w.*/<>-]*[\w*]")
_FILE = re.compile(r"(?<![\w./*>-])[a-z]\w*\.py\b")
_MODULE = re.compile(r"python3? -m ((?:apps|tools|tests|lifecycle)[\w.]*\w)")
_DECISION = re.compile(r"ADRs? (\d+)")
_CODE = re.compile(r"`[^`]+`")
_MEDIA_TYPE = re.compile(r"application/(?:json|gzip|zip|xml|octet-stream|x-[\w.-]+)$")


@dataclass(frozen=True, slots=True)
class Tree:
    """A repository: its root, and the names of its files."""

    root: Path
    names: frozenset[str]


def missing(tree: Tree, path: Path, found: Passage) -> Iterator[tuple[int, str]]:
    """Return what a passage of the file at `path` names and the tree has not, each with its line."""
    if found.kind not in PROSE | {Kind.SAMPLE}:
        return
    if path.suffix == ".md" and found.kind is Kind.DOCS:
        for link in _LINK.finditer(found.text):
            if not (path.parent / link[1]).exists():
                yield found.line_of(link.start(), link[0]), link[1]
        spans = [(span.start(), span[0]) for span in _CODE.finditer(found.text)]
    else:
        spans = [(0, found.text)]
    for start, text in spans:
        for offset, name in _unknown(tree, path, text):
            yield found.line_of(start + offset, name), name


def _unknown(tree: Tree, path: Path, text: str) -> Iterator[tuple[int, str]]:
    for named in _PATH.finditer(text):
        if "<" not in named[0] and not _MEDIA_TYPE.match(named[0]) and not _exists(tree, path, named[0]):
            yield named.start(), named[0]
    for named in _FILE.finditer(text):
        if named[0] not in tree.names:
            yield named.start(), named[0]
    for named in _DECISION.finditer(text):
        if not any((tree.root / "docs" / "adr").glob(f"{int(named[1]):04d}-*.md")):
            yield named.start(), named[0]
    for named in _MODULE.finditer(text):
        place = named[1].replace(".", "/")
        if not any((tree.root / each).exists() for each in (f"{place}.py", f"{place}/__main__.py")):
            yield named.start(), named[1]


def _exists(tree: Tree, path: Path, name: str) -> bool:
    """Look below the root, the core, and each folder that the file is in; complete the number of a decision."""
    if re.fullmatch(r"docs/adr/\d{4}", name):
        name += "-*.md"
    folders = [tree.root, tree.root / CORE, *(each for each in path.parents if each.is_relative_to(tree.root))]
    return any(any(folder.glob(name)) if "*" in name else (folder / name).exists() for folder in folders)
