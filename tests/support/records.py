"""Records from JSON, as a test reads them."""

import json
from typing import Any, TypeVar

from lifecycle.gateways.serialization import Source, from_json

T = TypeVar("T")

SOURCE = Source("a test", "Mend the test.")


def read(kind: type[T], text: str | bytes) -> T:
    """Return the record of a JSON text; raises UnreadableRecord."""
    return from_json(kind, text, SOURCE)


def read_plain(kind: type[T], plain: Any) -> T:
    """Return the record of plain values; raises UnreadableRecord."""
    return read(kind, json.dumps(plain))
