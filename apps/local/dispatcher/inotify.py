"""Counts the free inotify instances: Envoy watches each of its files with one, and aborts when there is none left."""

import ctypes
import os

from apps.local.errors import LaptopError

LIMIT = "fs.inotify.max_user_instances"
# Envoy's own: its listeners, its clusters, and some for its event loops.
FOR_ENVOY = 4
# One for the routes of a listener, one for the endpoints of each of its three target groups, and one more for each
# whose targets have all failed.
FOR_A_CLUSTER = 1 + 2 * 3
_PATH = f"/proc/sys/{LIMIT.replace('.', '/')}"


class NoInotify(LaptopError):
    """This user has too few inotify instances left for the load balancer."""

    def __init__(self, wanted: int, free: int, limit: str) -> None:
        super().__init__(
            f"expected {wanted} free inotify instances for the load balancer, found {free}: {LIMIT} is {limit}, and "
            f"other programs of this user have the rest. Raise it: sudo sysctl {LIMIT}=1024 (or end other programs "
            "that watch files, such as editors), then try again"
        )


def require(wanted: int) -> None:
    """Raise NoInotify unless so many instances are free now; another program may take them afterwards."""
    if (free := available(wanted)) < wanted:
        try:
            with open(_PATH, encoding="ascii") as file:  # noqa: PTH123 - no folder to speak of
                limit = file.read().strip()
        except OSError:
            limit = "unknown"
        raise NoInotify(wanted, free, limit)


def available(wanted: int) -> int:
    """Return how many of so many instances could be opened; they are closed again. All of them without inotify."""
    create = getattr(ctypes.CDLL(None, use_errno=True), "inotify_init1", None)
    if create is None:
        return wanted
    opened: list[int] = []
    try:
        while len(opened) < wanted and (descriptor := create(os.O_CLOEXEC)) >= 0:
            opened.append(descriptor)
    finally:
        for each in opened:
            os.close(each)
    return len(opened)
