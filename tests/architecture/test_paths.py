"""The files that docs, docstrings and comments name exist, and the README is short."""

from pathlib import Path

from tests.prose.__main__ import files
from tests.prose.passages import passages
from tests.prose.paths import Tree, missing

ROOT = Path(__file__).resolve().parents[2]
README_LINES = 120


def test_every_path_and_link_in_prose_exists() -> None:
    paths = files([])
    tree = Tree(ROOT, frozenset(each.name for each in paths))
    broken = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in paths
        for passage in passages(path, path.read_text())
        for line, name in missing(tree, path, passage)
    ]
    assert not broken, "these name files that do not exist:\n" + "\n".join(broken)


def test_the_readme_has_at_most_120_lines() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= README_LINES, f"README.md has {len(lines)} lines: move transcripts and tables to docs/"
