"""Takes a removed service out of services.json, and moves its repository and working copy away.

Called by services/removal.py. Commits that were pushed, and changes that were not, may exist nowhere else.
"""

from contextlib import suppress
from itertools import count
from pathlib import Path

from apps.local.errors import LaptopError
from apps.local.git.repositories import REMOTE, bare_repository_of, git
from apps.local.own_files import read_json
from apps.local.paths import Layout, write_json


def forget(layout: Layout, service: str) -> Path | None:
    """Return the folder that the service's repository was moved to; None if other services are pushed with it."""
    known = read_json(layout.services, {})
    record = known.get(service)
    if record is None:
        return None
    bare, copy = bare_repository_of(layout, service, record), Path(record["copy"])
    others = {name: each for name, each in known.items() if name != service}
    moved = None
    if all(bare_repository_of(layout, name, each) != bare for name, each in others.items()):
        with suppress(LaptopError, OSError):  # the copy may be gone, or have another remote of that name
            if git(copy, "remote", "get-url", REMOTE).rstrip("\n") == str(bare):
                git(copy, "remote", "remove", REMOTE)
        moved = _moved(layout, service, [bare, *([copy] if copy.is_relative_to(layout.work) else [])])
    write_json(layout.services, others)
    return moved


def _moved(layout: Layout, service: str, folders: list[Path]) -> Path | None:
    present = [each for each in folders if each.exists()]
    if not present:
        return None
    wanted = (layout.removed / (service if number == 1 else f"{service}-{number}") for number in count(1))
    target = next(each for each in wanted if not each.exists())
    target.mkdir(parents=True)
    for each in present:
        each.rename(target / each.name)
    return target
