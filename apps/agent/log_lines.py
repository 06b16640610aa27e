"""The output of a service, as events within the limits of CloudWatch Logs; pure. Used by log_shipping.py.

PutLogEvents takes at most 10,000 events and 1,048,576 bytes in one call, with 26 bytes counted more for each event.
Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from collections.abc import Iterator, Sequence

MAXIMUM_BATCH_BYTES = 1_048_576
MAXIMUM_BATCH_EVENTS = 10_000
EVENT_OVERHEAD_BYTES = 26
MAXIMUM_EVENT_BYTES = 256 * 1024 - EVENT_OVERHEAD_BYTES


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


def texts(sent: bytes) -> list[str]:
    """Return the lines, each in as many texts as the limit of an event needs.

    Bytes that are no UTF-8 become U+FFFD. An empty line becomes a space, since an event must not be empty.
    """
    lines = sent.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [part for line in lines for part in _parts(line.removesuffix(b"\r"))]


def _parts(line: bytes) -> list[str]:
    text = line.decode(errors="replace") or " "
    if len(line) * 3 <= MAXIMUM_EVENT_BYTES:  # a byte becomes at most three
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
