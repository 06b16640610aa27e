"""The snapshot of the head among those of a service: what an automatic staging wants, and `promote` takes.

Used by the command line and the console's pipeline. After a force-push back, the newest snapshot is another.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.domain.delivery.branch import Branch
from lifecycle.domain.delivery.removal import former_owner

_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Head:
    """The snapshot of the head, empty for none; `branches` say where each is, such as "main is at 4f2a9c1"."""

    snapshot: str = ""
    branches: tuple[str, ...] = ()


UNKNOWN = Head()


def head_of(catalogue: Catalogue, service: str, snapshots: Mapping[str, Mapping[str, str]]) -> Head:
    """Return the head of a service, as its owner's followed branch shows it; UNKNOWN if nobody knows it.

    `snapshots` are those that may be taken, with their facts by version. Raises UnreadableRecord.
    """
    if not (repository := former_owner(catalogue.owner(service) or "")):
        return UNKNOWN
    followed, known = catalogue.builds(repository).branch, dict[str, Branch]()
    heads, of_head = set[str](), list[str]()
    for version, facts in snapshots.items():
        name = facts.get("branch", "")
        if not name or followed not in ("", name):
            continue
        if name not in known:
            known[name] = catalogue.branch(repository, name)
        if wanted := known[name].wanted(service, facts.get("folder", "")):
            heads.add(f"{name} is at {wanted[:_DIGITS]}")
            of_head += [version] if wanted == facts.get("commit") else []
    newest = max(of_head, key=lambda each: (snapshots[each].get("built", ""), each), default="")
    return Head(newest, tuple(sorted(heads)))
