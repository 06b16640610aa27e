"""Sets the ledger back to a copy of it, as a point-in-time restore makes one (docs/operating.md, Restore).

    .venv/bin/python -m tools.restore_ledger lifecycle-ledger-copy            # what would change
    .venv/bin/python -m tools.restore_ledger lifecycle-ledger-copy --write    # change it

The table keeps its name, so its stream, its roles and its stack stay valid. Some records are only completed: no audit
entry, freeze, quarantine, snapshot, release or record of a configuration is forgotten. Reports and commands are left
as they are. Live agents have written theirs since, and a host that was removed since must not come back.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

from lifecycle.names import LEDGER, Partition

# Items of these partitions, and with these sort keys, are added where they are missing, else left as they are.
# The revisions of a configuration themselves are in SSM, and stay.
COMPLETED = (Partition.AUDIT_LOG, Partition.FREEZES, Partition.SERVICE, Partition.WITHDRAWALS, Partition.CONFIG)
# Items of these partitions are neither added, changed nor deleted.
LEFT = (Partition.REPORTS, Partition.TURNS, Partition.ROTATION)
QUARANTINES = ("QUARANTINE#", "BAD_HOST#")

Item = Mapping[str, Any]


@dataclass
class Changes:
    """The changes that make a table equal to its copy: items to write, and keys to delete."""

    writes: list[Item] = field(default_factory=list)
    deletes: list[Item] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return a line for each kind of partition that changes."""
        written, deleted = Counter(map(_kind, self.writes)), Counter(map(_kind, self.deletes))
        return [
            f"{kind}: {written[kind]} items to write, {deleted[kind]} to delete"
            for kind in sorted({*written, *deleted})
        ]


def compare(dynamodb: Any, ledger: str, copy: str) -> Changes:
    """Return what differs between the ledger and its copy; changes nothing."""
    wanted = {_key(each): each for each in _items(dynamodb, copy) if not _is_left(each)}
    found = {_key(each): each for each in _items(dynamodb, ledger) if not _is_left(each)}
    made = Changes()
    for key, item in wanted.items():
        if key not in found or (found[key] != item and not _is_completed(item)):
            made.writes.append(item)
    made.deletes += [each for key, each in found.items() if key not in wanted and not _is_completed(each)]
    return made


def write(dynamodb: Any, ledger: str, changes: Changes) -> None:
    """Write and delete the items, one by one; safe to repeat after `compare`."""
    for item in changes.writes:
        dynamodb.put_item(TableName=ledger, Item=item)
    for item in changes.deletes:
        dynamodb.delete_item(TableName=ledger, Key={name: item[name] for name in ("pk", "sk")})


def _items(dynamodb: Any, table: str) -> Iterator[Item]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _kind(item: Item) -> str:
    return str(item["pk"]["S"].partition("#")[0])


def _is_left(item: Item) -> bool:
    return str(item["pk"]["S"]).startswith(LEFT)


def _is_completed(item: Item) -> bool:
    return str(item["pk"]["S"]).startswith(COMPLETED) or str(item["sk"]["S"]).startswith(QUARANTINES)


def main() -> None:
    """Print what differs, and change the ledger with `--write`."""
    parser = argparse.ArgumentParser(description="Set the ledger back to a copy of it.")
    parser.add_argument("copy", help="the table that a restore made")
    parser.add_argument("--ledger", default=LEDGER, help=f"the table to change; {LEDGER} unless it is given")
    parser.add_argument("--write", action="store_true", help="change the ledger; without it, only compare")
    given = parser.parse_args()
    dynamodb = boto3.client("dynamodb")
    changes = compare(dynamodb, given.ledger, given.copy)
    print("\n".join(changes.lines()) or f"{given.ledger} is equal to {given.copy}")
    if given.write:
        write(dynamodb, given.ledger, changes)
        print(f"{len(changes.writes)} items written, {len(changes.deletes)} deleted in {given.ledger}")
    elif changes.lines():
        print("nothing was changed; use --write")


if __name__ == "__main__":
    main()
