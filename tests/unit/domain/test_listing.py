"""A list in a sentence has ten names and the number of the rest."""

import pytest

from lifecycle.domain.listing import listed

NAMES = [f"h{number}" for number in range(1, 13)]
TEN = "h1, h2, h3, h4, h5, h6, h7, h8, h9, h10"


@pytest.mark.parametrize(
    ("count", "written"),
    [(0, ""), (1, "h1"), (2, "h1, h2"), (10, TEN), (11, f"{TEN} and 1 more"), (12, f"{TEN} and 2 more")],
)
def test_ten_names_are_listed(count: int, written: str) -> None:
    assert listed(NAMES[:count]) == written


def test_number_of_names_and_their_separator_may_be_chosen() -> None:
    assert listed(NAMES, 2, "; ") == "h1; h2 and 10 more"
