"""A fixed name on AWS is written once, in lifecycle/names.py; elsewhere it is read from there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifecycle import names

ROOT = Path(__file__).resolve().parents[2]
NAMES = ROOT / "layers" / "core" / "python" / "lifecycle" / "names.py"
FOLDERS = ("layers/core", "functions", "infra", "apps", "tools")
# These name other things too: the product, a sort key, an HTML attribute, a word in a message.
TOO_COMMON = {"lifecycle", "lc", "all", "vpc", "DEPLOYMENT#", "address", "config", "desired", "listener"}
CONSTANTS = {
    value
    for owner in (names, names.Partition, names.Variable)
    for name, value in vars(owner).items()
    if name.isupper() and isinstance(value, str)
} - TOO_COMMON
PATTERN = re.compile(r"(^|[/:])lifecycle-[a-z{]|^/lifecycle(/|$)|/aws/(lambda|codebuild|vendedlogs)/|^Lifecycle/")
# Literals that only look like a name on AWS.
OTHERS = {
    "lifecycle-agent": "the agent's User-Agent",
    r"lifecycle-agent(@[^/]*)?\.service": "the agent's systemd unit",
    "GitHub-Hookshot/lifecycle-local": "the User-Agent of a laptop's Git hook",
    "lifecycle-dispatcher": "Envoy's name for itself on a laptop",
    "policy": "the command and its module",
    "lifecycle-build-": "the prefix of a temporary folder",
    "lifecycle-bench-": "the prefix of a temporary folder",
    "lifecycle-load-": "the prefix of a temporary folder",
}


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every text in the code but docstrings, with its line; an f-string has `{}` for each value."""
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def written(text: str) -> list[tuple[int, str]]:
    """Return the fixed names that a module writes as literals, by line."""
    return [
        (line, literal)
        for line, literal in literals(ast.parse(text))
        if literal not in OTHERS and " " not in literal and (literal in CONSTANTS or PATTERN.search(literal))
    ]


def test_no_other_module_writes_a_fixed_name() -> None:
    paths = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if path != NAMES)
    found = [
        f"{path.relative_to(ROOT)}:{line}: {literal!r}"
        for path in paths
        for line, literal in written(path.read_text())
    ]
    assert not found, "read these names from lifecycle/names.py:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        'TABLE = "lifecycle-ledger"',
        'name = f"lifecycle-{phase}"',
        'arn = f"arn:aws:iam::{account}:role/lifecycle-operator"',
        'path = f"/lifecycle/{cluster}/desired"',
        'environ["LEDGER_TABLE"]',
        'key = f"/aws/lambda/{name}"',
        'key = "TURNS#"',
    ],
)
def test_a_fixed_name_in_a_literal_is_found(text: str) -> None:
    assert len(written(text)) == 1


def test_a_name_in_prose_is_not_a_literal() -> None:
    assert written('"""The table lifecycle-ledger."""\nx = "lifecycle status"\ny = "lifecycle-agent"') == []


def test_the_names_need_nothing_but_the_standard_library() -> None:
    imported = [
        node for node in ast.walk(ast.parse(NAMES.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert [ast.unparse(node) for node in imported] == ["from dataclasses import dataclass"]
