"""The marks of a peer's rollout: when each host's round began and ended. Pure."""

from collections.abc import Iterable
from itertools import pairwise

from apps.local.errors import LaptopError


def round_seconds(text: str, hosts: Iterable[str]) -> list[float]:
    """Return the seconds of each host's round: until the next one begins, or until the last one is healthy.

    Raises LaptopError unless every host has its two marks, and one host's round ended before the next began.
    The order of the hosts is the tool's: pyinfra's is that of a set.
    """
    rows = [line.split() for line in text.splitlines()]
    found = [(name, event) for name, event, _ in rows]
    order = [name for name, event in found if event == "began"]
    if found != [(name, event) for name in order for event in ("began", "ended")] or sorted(order) != sorted(hosts):
        raise LaptopError(f"expected one round for each of {', '.join(hosts)}, one after the other; found {found}")
    times = [float(at) for _, _, at in rows]
    return [after - before for before, after in pairwise((*times[::2], times[-1]))]
