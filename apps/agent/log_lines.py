"""The output of a service, as events within the limits of CloudWatch Logs; pure. Used by log_shipping.py.

PutLogEvents takes at most 10,000 events and 1,048,576 bytes in one call, with 26 bytes counted more for each event.
Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

MAXIMUM_BATCH_BYTES = 1_048_576
MAXIMUM_BATCH_EVENTS = 10_000
EVENT_OVERHEAD_BYTES = 26
MAXIMUM_EVENT_BYTES = 256 * 1024 - EVENT_OVERHEAD_BYTES


class Mask(Protocol):
    """Takes the values of the configuration out of a text, which may be only a `part` of a line."""

    def __call__(self, text: str, *, part: bool = False) -> str: ...


def unmasked(text: str, *, part: bool = False) -> str:
    """Return the text as it is."""
    del part
    return text


def whole_lines(chunk: bytes, *, ended: bool) -> int:
    """Return the number of bytes at the start of `chunk` that can be sent now.

    They end with a line. An unfinished line waits for its end, unless its file has `ended`, or it is too long.
    """
    if ended:
        return len(chunk)
    found = chunk.rfind(b"\n") + 1
    return _whole_characters(chunk) if not found and len(chunk) >= MAXIMUM_EVENT_BYTES else found


def _whole_characters(chunk: bytes) -> int:
    """Return the length without the bytes of a UTF-8 character that is cut at the end."""
    for back in (1, 2, 3):
        first = chunk[-back]
        if first >= 0xC0:
            size = 4 if first >= 0xF0 else 3 if first >= 0xE0 else 2
            return len(chunk) - back if size > back else len(chunk)
    return len(chunk)


def texts(sent: bytes, mask: Mask = unmasked, *, begun: bool = False) -> list[str]:
    """Return the lines, each in as many texts as the limit of an event needs.

    Bytes that are no UTF-8 become U+FFFD. An empty line becomes a space, since an event must not be empty. Each line
    is masked before it is split. The first one is a part of a line if that had `begun` before, and the last one
    where it has no end.
    """
    lines, ended = sent.split(b"\n"), sent.endswith(b"\n")
    if not lines[-1]:
        lines.pop()
    cut = {0: begun, len(lines) - 1: not ended} if begun or not ended else {}
    return [
        part
        for number, line in enumerate(lines)
        for part in _parts(mask(_decoded(line), part=cut.get(number, False)))
    ]


def _decoded(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")


def _parts(masked: str) -> list[str]:
    text = masked or " "
    if len(text) * 4 <= MAXIMUM_EVENT_BYTES:  # a character has at most four bytes
        return [text]
    encoded = text.encode()
    parts: list[str] = []
    begin = 0
    while begin < len(encoded):
        end = min(begin + MAXIMUM_EVENT_BYTES, len(encoded))
        while end < len(encoded) and encoded[end] & 0xC0 == 0x80:  # never within a character
            end -= 1
        parts.append(encoded[begin:end].decode())
        begin = end
    return parts


def batches(found: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in groups that one call may carry."""
    batch: list[str] = []
    size = 0
    for text in found:
        weight = (len(text) if text.isascii() else len(text.encode())) + EVENT_OVERHEAD_BYTES
        if batch and (size + weight > MAXIMUM_BATCH_BYTES or len(batch) == MAXIMUM_BATCH_EVENTS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += weight
    if batch:
        yield batch
