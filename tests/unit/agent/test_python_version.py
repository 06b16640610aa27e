"""The agent says at its start that its Python lacks security fixes."""

import pytest

from apps.agent.python_version import outdated


@pytest.mark.parametrize("version", [(3, 11, 10), (3, 11, 14), (3, 12, 6), (3, 13, 0), (3, 14, 0)])
def test_python_with_the_fixes_is_not_mentioned(version: tuple[int, int, int]) -> None:
    assert outdated(version) == ""


@pytest.mark.parametrize(
    ("version", "found", "expected"), [((3, 11, 9), "3.11.9", "3.11.10"), ((3, 12, 5), "3.12.5", "3.12.6")]
)
def test_older_python_is_reported_with_the_patch_that_is_expected(
    version: tuple[int, int, int], found: str, expected: str
) -> None:
    said = outdated(version)
    assert f"Python {found} " in said
    assert f"expected {expected} or later" in said
