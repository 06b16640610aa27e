"""The keys that the ledger takes, so that a fake refuses what DynamoDB would refuse."""

from lifecycle.domain.errors import InvalidValue

_LONGEST = 1024


def required(name: str) -> str:
    """Return the sort key of a record; raises InvalidValue for one that no item can have."""
    if not 0 < len(name.encode()) <= _LONGEST:
        raise InvalidValue("record's key", name[:300], f"1 to {_LONGEST} bytes")
    return name
