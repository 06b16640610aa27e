"""The figure that the benchmark of a configuration gives."""

from tools.bench.configuration import milliseconds


def test_each_repetition_is_timed_alone_in_milliseconds() -> None:
    times = iter([0.0, 0.002, 0.5, 0.501, 0.9, 0.906])
    acted: list[int] = []
    found = milliseconds(lambda: acted.append(1), 3, lambda: next(times))
    assert (found, len(acted)) == ({"median": 2.0, "min": 1.0, "max": 6.0, "n": 3}, 3)
