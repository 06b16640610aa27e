"""Narrow widgets: rows of many columns are cards, and say the same as the table."""

import pytest

from tests.unit.console.desk import Desk, draw
from tests.unit.console.read_widget import ReadWidget, read_widget


def seen(desk: Desk, view: str, width: int) -> ReadWidget:
    return read_widget(draw(desk.query, view, desk.context(width=width)))


@pytest.mark.parametrize("view", ["history", "deployment"])
def test_table_is_cards_below_700_pixels(desk: Desk, view: str) -> None:
    desk.halted()
    narrow, wide = seen(desk, view, 699), seen(desk, view, 900)
    assert ("table",) not in narrow.shape
    assert ("table",) in wide.shape
    assert "failed while self-testing: scripted" in narrow.text
    assert "failed while self-testing: scripted" in wide.text


def test_card_names_each_of_its_cells(desk: Desk) -> None:
    desk.halted()
    card = seen(desk, "history", 400).text
    for name in ("began (UTC)", "cluster production/hello", "version 1.0.1", "state", "by", "why"):
        assert name in card
