"""Untrusted text for people: what cannot be seen, or hides what is written, is removed.

Used by the console's pages and by the command line.
"""

import re

# Controls other than tab and line feed.
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f"
# What has no width, or changes where other characters appear: signs that reverse the direction of text, joiners,
# variation selectors, tags, and other characters that Unicode lets a program ignore. Two line breaks that no terminal
# shows. The controls that some terminals execute, and lone surrogates, which no page and no terminal can take.
_UNSEEN = (
    "\x80-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_ANY = re.compile(f"[{_CONTROLS}{_UNSEEN}]")
_INVISIBLE = re.compile(f"[{_UNSEEN}]")


def visible(text: str, instead: str = "") -> str:
    """Replace the characters that a reader cannot see, or that change where the others appear."""
    return _ANY.sub(instead, text)


def with_controls(text: str) -> str:
    """Remove what `visible` removes, but keep the controls by which a program colours its own text."""
    return _INVISIBLE.sub("", text)
