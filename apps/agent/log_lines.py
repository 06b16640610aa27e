"""The output of a service, as events within the limits of CloudWatch Logs; pure. Used by log_shipping.py.

PutLogEvents takes at most 10,000 events and 1,048,576 bytes in one call, with 26 bytes counted more for each event.
Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html

CloudWatch makes metrics of an event that is a JSON object with a key `_aws`, in any namespace that it names: the
embedded metric format. A service must not write the metrics of another one, so such an event gets a word before it.
Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

MAXIMUM_BATCH_BYTES = 1_048_576
MAXIMUM_BATCH_EVENTS = 10_000
EVENT_OVERHEAD_BYTES = 26
MAXIMUM_EVENT_BYTES = 256 * 1024 - EVENT_OVERHEAD_BYTES
AS_TEXT = "(text) "
"""The word before an event that would be metrics: with anything before its brace, CloudWatch takes it as text."""
_PART_BYTES = MAXIMUM_EVENT_BYTES - len(AS_TEXT)
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")
_METRICS = re.compile(r"(?<![0-9A-Za-z_])_aws(?![0-9A-Za-z_])", re.IGNORECASE)


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
    """Return the lines, each in as many texts as the limit of an event needs; none of them is an embedded metric.

    Bytes that are no UTF-8 become U+FFFD. An empty line becomes a space, since an event must not be empty. Each line
    is masked before it is split. The first one is a part of a line if that had `begun` before, and the last one
    where it has no end.
    """
    lines, ended = sent.split(b"\n"), sent.endswith(b"\n")
    if not lines[-1]:
        lines.pop()
    cut = {0: begun, len(lines) - 1: not ended} if begun or not ended else {}
    return [
        f"{AS_TEXT}{part}" if _may_be_metrics(part) else part
        for number, line in enumerate(lines)
        for part in _parts(mask(_decoded(line), part=cut.get(number, False)))
    ]


def _decoded(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")


def _may_be_metrics(text: str) -> bool:
    """Return whether any reader of JSON, also a lenient one, may take a text for an object with the key `_aws`.

    It is not parsed: readers differ, and one text may be too deep for one of them.
    """
    before, brace, _ = text.partition("{")
    if not brace or any(map(str.isalnum, before)):
        return False
    plain = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text.replace("\0", ""))
    return _METRICS.search(plain.replace("\\", "")) is not None


def _parts(masked: str) -> list[str]:
    text = masked or " "
    if len(text) * 4 <= _PART_BYTES:  # a character has at most four bytes
        return [text]
    encoded = text.encode()
    parts: list[str] = []
    begin = 0
    while begin < len(encoded):
        end = min(begin + _PART_BYTES, len(encoded))
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
