"""References to files: what exists is left alone, what does not is found at its line."""

from pathlib import Path

import pytest

from tests.prose.passages import passages
from tests.prose.paths import CORE, Tree, missing


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for name in (
        "README.md", "docs/page.md", "docs/adr/0003-leases.md", f"{CORE}/domain/lease.py", "apps/cli/main.py",
        "apps/bench/__main__.py", "functions/show_dora/handler.py",
    ):  # fmt: skip
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return Tree(tmp_path, frozenset(each.name for each in tmp_path.rglob("*.*")))


def found(tree: Tree, name: str, text: str) -> list[tuple[int, str]]:
    path = tree.root / name
    return [each for passage in passages(path, text) for each in missing(tree, path, passage)]


def test_broken_link_of_a_page_is_found(tree: Tree) -> None:
    text = "[a](page.md) [b](../README.md#limits) [c](https://example.com/x) [d](#here)\n\n[e](gone.md)"
    assert found(tree, "docs/page.md", text) == [(3, "gone.md")]


def test_missing_path_in_backticks_is_found(tree: Tree) -> None:
    text = "`domain/lease.py` `functions/show_*` `apps/cli` `docs/adr/0003` `application/json` `releases/<version>/`"
    assert found(tree, "docs/page.md", text) == []
    assert found(tree, "docs/page.md", "See `domain/gone.py`.\n`functions/gone_*`") == [
        (1, "domain/gone.py"), (2, "functions/gone_*"),
    ]  # fmt: skip


def test_missing_path_in_a_docstring_or_comment_is_found(tree: Tree) -> None:
    text = '"""Lease: called by main.py (domain/lease.py).\n\nSee domain/gone.py, gone.py.\n"""\n# see docs/gone.md\n'
    assert found(tree, "apps/cli/main.py", text) == [
        (3, "domain/gone.py"), (3, "gone.py"), (5, "docs/gone.md"),
    ]  # fmt: skip


def test_path_beside_the_file_is_known(tree: Tree) -> None:
    (tree.root / "apps/local/console").mkdir(parents=True)
    assert found(tree, "apps/local/main.py", '"""Main: the page is in console/."""\n') == []


def test_missing_module_and_decision_are_found(tree: Tree) -> None:
    text = "Run `python -m apps.bench` or `python -m apps.cli.main` (`ADR 3`)."
    assert found(tree, "README.md", text) == []
    assert found(tree, "README.md", "Run `python -m apps.gone`, `ADR 7`.") == [
        (1, "apps.gone"), (1, "ADR 7"),
    ]  # fmt: skip
