"""A head commit's message may ask for no build."""

import pytest

from lifecycle.domain.delivery.skip_marker import skip_marker


@pytest.mark.parametrize(
    ("message", "marker"),
    [
        ("Fix a typo [skip ci]", "[skip ci]"),
        ("[ci skip] Fix a typo", "[ci skip]"),
        ("Fix a typo\n\nNothing to build.\n[Skip CI]\n", "[Skip CI]"),
        ("Skip ci", ""),
        ("[skip  ci]", ""),
        ("[skip cis]", ""),
        ("", ""),
    ],
)
def test_marker_is_found_anywhere_in_any_case(message: str, marker: str) -> None:
    assert skip_marker(message) == marker
