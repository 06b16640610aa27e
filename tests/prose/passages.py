"""Passages: the prose of a file, piece by piece, each with its kind and its line.

Called by __main__.py for every file; checks.py judges what it returns.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias


class Kind(StrEnum):
    """The part of a file that a passage comes from; substitutions.toml scopes its entries by these words."""

    DOCSTRING = "docstrings"
    COMMENT = "comments"
    MESSAGE = "messages"  # a string literal with a space in it
    TEST = "tests"  # a test function's name, its words parted by spaces
    IDENTIFIER = "identifiers"  # the same of another function, a class, an argument or a variable
    DOCS = "docs"
    SAMPLE = "samples"  # a fenced block of a page


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of prose.

    `owner` is what a docstring describes: a module, class, function or value. `source` holds the lines of a
    message, which are not those of its text.
    """

    kind: Kind
    line: int
    text: str
    owner: str = ""
    source: tuple[str, ...] = ()

    def line_of(self, offset: int, found: str) -> int:
        """Return the line of what was found at an offset of `text`."""
        if self.kind is Kind.MESSAGE:
            return self.line + next((n for n, each in enumerate(self.source) if found in each), 0)
        return self.line + self.text.count("\n", 0, offset)


PROSE = frozenset({Kind.DOCSTRING, Kind.COMMENT, Kind.DOCS})
_Located: TypeAlias = ast.stmt | ast.expr | ast.arg
_SPACED = re.compile(r"\w\W* \W*\w")
_COMMENT = re.compile(r"""^(?:[^'"#]|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")*#\s*(.*)$""")
_DIRECTIVE = re.compile(r"(?:noqa|type: ignore|fmt:|pragma)[^#]*(?:#\s*)?|^!.*")
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_+")
_FENCE = re.compile(r"^ *(`{3,}|~{3,})")
_HELP = re.compile(r"^[\w.-]+:[^#]*## (.*)$")

_MASKED = re.compile(r"(?s)`[^`]+`|<!--.*?-->|</?\w[^>\n]*>|https?://[^\s)>]+|(?<=\])\([^)\n]*\)")


def masked(text: str) -> str:
    """Return a text of the same length with code, markup and links' targets blanked out; code counts as a word."""

    def blank(found: re.Match[str]) -> str:
        filler = "_" if found[0][0] in "`h" else " "
        return "".join(each if each == "\n" else filler for each in found[0])

    return _MASKED.sub(blank, text)


def passages(path: Path, text: str) -> Iterator[Passage]:
    """Return the passages of a Python file, a Markdown page or a Makefile; raise SyntaxError for broken Python."""
    if path.suffix == ".py":
        yield from _python(text)
    elif path.suffix == ".md":
        yield from _markdown(text)
    else:
        yield from _makefile(text)


def _python(text: str) -> Iterator[Passage]:
    tree = ast.parse(text)
    lines = text.splitlines()
    done: set[int] = set()  # literals that belong to a larger one, or are docstrings
    names: dict[str, _Located] = {}  # the first place of each
    inside: set[int] = set()  # lines that begin inside a literal
    for node in ast.walk(tree):  # parents first
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if not isinstance(node, ast.Module):
                names.setdefault(node.name, node)
            if node.body and (literal := _docstring(node.body[0])):
                done.add(id(literal))
                said = str(literal.value).replace("\n" + " " * literal.col_offset, "\n")
                yield Passage(Kind.DOCSTRING, literal.lineno, said, owner=_owner(node))
        elif isinstance(node, ast.JoinedStr):
            done.update(map(id, node.values))
            parts = (str(each.value) if isinstance(each, ast.Constant) else "{_}" for each in node.values)
            yield from _message(node, "".join(parts), lines)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in done:
            yield from _message(node, node.value, lines)
        elif isinstance(node, ast.arg):
            names.setdefault(node.arg, node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, node)
        if isinstance(node, ast.JoinedStr | ast.Constant) and node.end_lineno != node.lineno:
            inside.update(range(node.lineno + 1, (node.end_lineno or 0) + 1))
    yield from (_name(node, name) for name, node in names.items())
    yield from _comments(text, inside)


def _name(node: _Located, name: str) -> Passage:
    test = isinstance(node, ast.FunctionDef) and name.startswith("test_")
    return Passage(Kind.TEST if test else Kind.IDENTIFIER, node.lineno, _WORDS.sub(" ", name).strip().lower())


def _docstring(first: ast.stmt) -> ast.Constant | None:
    literal = first.value if isinstance(first, ast.Expr) else None
    return literal if isinstance(literal, ast.Constant) and isinstance(literal.value, str) else None


def _owner(node: ast.AST) -> str:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return "module" if isinstance(node, ast.Module) else "class"
    decorators = " ".join(map(ast.unparse, node.decorator_list))
    return (
        "value" if "property" in decorators or "fixture" in decorators or node.name.startswith("test") else "function"
    )


def _message(node: ast.expr, text: str, lines: list[str]) -> Iterator[Passage]:
    if _SPACED.search(text):
        yield Passage(Kind.MESSAGE, node.lineno, text, source=tuple(lines[node.lineno - 1 : node.end_lineno]))


def _comments(text: str, inside: set[int]) -> Iterator[Passage]:
    """Return the comments; lines that follow one another make one comment."""
    block: list[str] = []
    line = 0
    for number, each in enumerate([*text.splitlines(), ""], start=1):
        found = _COMMENT.match(each) if "#" in each and number not in inside else None
        said = _DIRECTIVE.sub("", found[1]).strip() if found else ""
        alone = each.lstrip().startswith("#")
        if block and not (said and alone):
            yield Passage(Kind.COMMENT, line, "\n".join(block))
            block = []
        if said and alone:
            line = line if block else number
            block.append(said)
        elif said:
            yield Passage(Kind.COMMENT, number, said)


def _markdown(text: str) -> Iterator[Passage]:
    block: list[str] = []
    start, fence = 1, ""
    for number, line in enumerate(text.splitlines(), start=1):
        found = _FENCE.match(line)
        if found and (not fence or found[1].startswith(fence)):
            yield Passage(Kind.SAMPLE if fence else Kind.DOCS, start, "\n".join(block))
            block, start, fence = [], number + 1, "" if fence else found[1]
        else:
            block.append(line)
    yield Passage(Kind.DOCS, start, "\n".join(block))


def _makefile(text: str) -> Iterator[Passage]:
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _HELP.match(line):
            yield Passage(Kind.DOCS, number, found[1])
        elif line.startswith("# "):
            yield Passage(Kind.COMMENT, number, line[2:])


# An item of a list, a heading, a quotation, a branch of a tree, or a row of a table made with spaces.
_ITEM = re.compile(r"\s*(?:[-*+] |\d+[.)] |#+ |> ?|[├└│]|(?=\S+ {2,}\S))")
_END = re.compile(r"""(?<=[.!?])["')\]*_]*\s+(?=["'(\[*]*[A-Z0-9_])""")


def sentences(passage: Passage) -> Iterator[tuple[int, str]]:
    """Return each sentence with its offset; a list item, heading, table cell or indented line ends one too."""
    for offset, unit in _units(masked(passage.text)):
        begin = 0
        for found in [*_END.finditer(unit), None]:
            end = found.start() if found else len(unit)
            if sentence := unit[begin:end].strip():
                yield offset + begin + len(unit[begin:end]) - len(unit[begin:end].lstrip()), sentence
            begin = found.end() if found else end


def _units(text: str) -> Iterator[tuple[int, str]]:
    lines = text.splitlines(keepends=True)
    start, unit, offset, in_item = 0, "", 0, False
    for line in lines:
        item = _ITEM.match(line)
        deep = line.startswith("  ")
        if unit and (not line.strip() or item or line.lstrip().startswith("|") or (deep and not in_item)):
            yield start, unit
            unit = ""
        if line.lstrip().startswith("|"):
            for cell in re.finditer(r"[^|\n]+", line):
                yield offset + cell.start(), cell[0]
        elif line.strip():
            if not unit:
                start = offset + (item.end() if item else 0)
                unit, in_item = line[item.end() if item else 0 :], bool(item)
            else:
                unit += line
            if item and line.lstrip().startswith("#"):
                yield start, unit
                unit = ""
        offset += len(line)
    if unit:
        yield start, unit
