"""Untrusted text for people: what cannot be seen, or hides what is written, is removed.

Used by the console's pages and by the command line.
"""

import re

# Controls other than tab and line feed, signs that reverse the direction of text, and lone surrogates, which no
# page and no terminal can take.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def visible(text: str, instead: str = "") -> str:
    """Replace the characters that a reader cannot see, or that change where the others appear."""
    return _UNSEEN.sub(instead, text)
