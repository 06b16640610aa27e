"""The figure that the benchmark of a configuration gives."""

from tools.bench.configuration import added


def test_added_time_is_the_difference_of_the_medians_in_milliseconds() -> None:
    found = added([0.20, 0.21, 0.90], [0.22, 0.225, 0.23])
    assert found["added_milliseconds"] == 15.0
    assert (found["without_seconds"]["n"], found["with_seconds"]["median"]) == (3, 0.225)
