"""Lists in sentences, of bounded length: a cluster may have 2,000 hosts, but a record and a payload have limits."""

from collections.abc import Sequence

# The most names in one sentence.
SHOWN = 10


def listed(names: Sequence[str], shown: int = SHOWN, separator: str = ", ") -> str:
    """Return the first names, and the number of the rest."""
    rest = f" and {len(names) - shown} more" if len(names) > shown else ""
    return f"{separator.join(names[:shown])}{rest}"


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun, such as `1 host` and `4 hosts`; `many` is an irregular plural."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
