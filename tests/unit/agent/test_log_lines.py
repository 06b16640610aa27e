"""The output of a service, as events within the limits of CloudWatch Logs."""

import json

import pytest

from apps.agent.log_lines import (
    AS_TEXT,
    EVENT_OVERHEAD_BYTES,
    MAXIMUM_BATCH_BYTES,
    MAXIMUM_BATCH_EVENTS,
    MAXIMUM_EVENT_BYTES,
    batches,
    texts,
    whole_lines,
)


@pytest.mark.parametrize(
    ("chunk", "ended", "size"),
    [
        (b"", False, 0),
        (b"one\ntw", False, 4),
        (b"one\ntw", True, 6),
        (b"tw", False, 0),
        (b"x" * MAXIMUM_EVENT_BYTES, False, MAXIMUM_EVENT_BYTES),
        (b"x" * MAXIMUM_EVENT_BYTES + "\u20ac".encode()[:2], False, MAXIMUM_EVENT_BYTES),
        (b"x" * MAXIMUM_EVENT_BYTES + "\u20ac".encode(), False, MAXIMUM_EVENT_BYTES + 3),
        (b"\xff" * MAXIMUM_EVENT_BYTES, False, MAXIMUM_EVENT_BYTES - 1),
        (b"\x80" * MAXIMUM_EVENT_BYTES, False, MAXIMUM_EVENT_BYTES),
    ],
)
def test_unfinished_line_waits_for_its_end(chunk: bytes, *, ended: bool, size: int) -> None:
    assert whole_lines(chunk, ended=ended) == size


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\ntwo", ["one", "two"]),
        (b"\n\n", [" ", " "]),
        (b"\xff\xfe\n", ["\ufffd\ufffd"]),
        (b"\x1b[31mred\x00\n", ["\x1b[31mred\x00"]),
    ],
)
def test_every_byte_sequence_has_texts(sent: bytes, expected: list[str]) -> None:
    assert texts(sent) == expected


@pytest.mark.parametrize("character", [b"a", "\u00e9".encode(), "\u20ac".encode(), "\U0001f600".encode(), b"\xff"])
def test_long_line_is_split_between_characters_and_loses_nothing(character: bytes) -> None:
    line = b"-" + character * 300_000
    parts = texts(line + b"\n")
    assert len(parts) > 1
    assert max(len(part.encode()) for part in parts) <= MAXIMUM_EVENT_BYTES
    assert "".join(parts) == line.decode(errors="replace")


@pytest.mark.parametrize("found", [["x"] * 25_000, ["\u20ac" * 80_000] * 9, ["a" * MAXIMUM_EVENT_BYTES] * 9, []])
def test_batch_is_within_the_limits_of_one_call(found: list[str]) -> None:
    made = list(batches(found))
    assert [text for batch in made for text in batch] == found
    for batch in made:
        assert 0 < len(batch) <= MAXIMUM_BATCH_EVENTS
        assert sum(len(text.encode()) + EVENT_OVERHEAD_BYTES for text in batch) <= MAXIMUM_BATCH_BYTES


METRICS = '{"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "Lifecycle/production/billing"}]}, "m": 1}'


@pytest.mark.parametrize(
    "line",
    [
        METRICS,
        f" \t\r{METRICS}\r ",
        f"\ufeff{METRICS}",
        f"\x00{METRICS}",
        f"[{METRICS}]",
        METRICS.replace("_aws", "\\u005faws"),
        METRICS.replace("_aws", "_\\u0061\\u0077\\u0073"),
        METRICS.replace("_aws", "\\u005F\\u0061ws"),
        METRICS.replace("_aws", "\\_aws"),
        METRICS.replace("_aws", "\\x5faws"),
        METRICS.replace("_aws", "_AWS"),
        METRICS.replace('"_aws"', "'_aws'"),
        METRICS.replace('"_aws"', "_aws"),
        METRICS.replace(" ", ""),
        METRICS.encode("utf-16-le").decode(),
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + f", {METRICS[1:]}",
        f'{{"_aws": 1, {METRICS[1:]}',
    ],
    ids=lambda line: line[:40],
)
def test_line_that_would_be_metrics_is_sent_as_text(line: str) -> None:
    (sent,) = texts(f"{line}\n".encode())
    assert sent == f"{AS_TEXT}{line}".removesuffix("\r")
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(sent)


@pytest.mark.parametrize(
    "line",
    [
        '{"level": "info", "message": "ready"}',
        '{"MY_AWS_REGION": "eu-central-1", "path": "C:\\\\new"}',
        f"done: {METRICS}",
        "_aws",
        '{"aws": {}}',
        "}{",
    ],
)
def test_other_line_stays_as_it_is(line: str) -> None:
    assert texts(f"{line}\n".encode()) == [line]


def test_part_of_a_long_line_is_not_metrics_either() -> None:
    line = "x" * (MAXIMUM_EVENT_BYTES - len(AS_TEXT)) + METRICS
    assert texts(f"{line}\n".encode())[1] == f"{AS_TEXT}{METRICS}"
    assert texts(f"{METRICS}\n".encode(), begun=True) == [f"{AS_TEXT}{METRICS}"]
    full = METRICS[:-1] + " " * MAXIMUM_EVENT_BYTES
    assert max(len(part) for part in texts(full.encode())) == MAXIMUM_EVENT_BYTES


def test_masked_line_is_not_metrics_either() -> None:
    def mask(text: str, *, part: bool = False) -> str:
        del part
        return text.replace("secret", "")

    assert texts(f"secret{METRICS}\n".encode(), mask) == [f"{AS_TEXT}{METRICS}"]
