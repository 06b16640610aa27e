"""The lines of the keys in a TOML text."""

import tomllib

import pytest

from lifecycle.servicefile.lines import line_of, locate

TEXT = '''# a comment with [brackets] and "quotes"
a = 1
b.c = """
[not] = "a table"
""""
[d] # another
e = { f = 1, "g.h" = [
  1, # one
  [2, "]"],
  {i = '}'},
] }
[d . j]
'k l' = \'\'\'
x = 1\'\'\'
[[m]]
n = 1
[[m]]
n = 2020-01-01 00:00:00
[m.o]
p = """\\""" """
[q]
'''


def test_every_table_key_and_item_has_its_line() -> None:
    assert locate(TEXT) == {
        ("a",): 2,
        ("b",): 3,
        ("b", "c"): 3,
        ("d",): 6,
        ("d", "e"): 7,
        ("d", "e", "f"): 7,
        ("d", "e", "g.h"): 7,
        ("d", "e", "g.h", 0): 8,
        ("d", "e", "g.h", 1): 9,
        ("d", "e", "g.h", 2): 10,
        ("d", "j"): 12,
        ("d", "j", "k l"): 13,
        ("m",): 15,
        ("m", 0): 15,
        ("m", 0, "n"): 16,
        ("m", 1): 17,
        ("m", 1, "n"): 18,
        ("m", 1, "o"): 19,
        ("m", 1, "o", "p"): 20,
        ("q",): 21,
    }
    assert tomllib.loads(TEXT)["m"][1]["o"]["p"] == '""" '


@pytest.mark.parametrize(
    ("place", "line"), [(("a",), 2), (("d", "zz"), 6), (("m", 1, "zz", 3), 17), (("zz",), 1), ((), 1)]
)
def test_a_missing_place_has_the_line_of_its_enclosing_table(place: tuple[str | int, ...], line: int) -> None:
    assert line_of(locate(TEXT), place) == line


@pytest.mark.parametrize("text", ["[", "a = [}", "a = {]", '"""', "a = {,,", "[[a", "= 1", "]", "a.", "a = [=]"])
def test_locating_invalid_toml_ends(text: str) -> None:
    assert isinstance(locate(text), dict)
