"""The stylesheet: readable in both themes, and nothing that CloudWatch removes."""

import re

import pytest

from lifecycle.application.queries.state_words import Tone
from lifecycle.console.theme import PAIRS, PALETTES, SIGNS, Theme, sheet

# WCAG 2.2, success criterion 1.4.3, level AA, for text of normal size.
LEAST = 4.5


def luminance(colour: str) -> float:
    """Return the relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_in_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", Theme)
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_is_readable_on_its_background(theme: Theme, ink: str, ground: str) -> None:
    palette = PALETTES[theme]
    assert contrast(palette[ink], palette[ground]) >= LEAST


def test_both_themes_define_every_colour_in_use() -> None:
    light, dark = PALETTES[Theme.LIGHT], PALETTES[Theme.DARK]
    assert light.keys() == dark.keys()
    used = set(re.findall(r"var\(--lc-([a-z-]+)\)", str(sheet(Theme.LIGHT))))
    assert used <= light.keys()


def test_every_tone_has_its_own_sign() -> None:
    assert len({SIGNS[tone] for tone in Tone}) == len(Tone)


@pytest.mark.parametrize("theme", Theme)
def test_rules_apply_to_widgets_only_and_load_nothing(theme: Theme) -> None:
    text = str(sheet(theme)).removeprefix("<style>").removesuffix("</style>")
    rules = re.findall(r"([^{}]+)\{[^{}]*\}", text)
    selectors = [each.strip() for rule in rules for each in rule.split(",")]
    assert selectors
    assert all(each == ".lc" or each.startswith((".lc ", ".lc.lc-")) for each in selectors)
    assert not re.search(r"@import|url\(|position\s*:\s*(fixed|sticky)|expression|javascript", text)
    assert len(text) < 8_000
