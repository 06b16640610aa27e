from tools.bench.figures import by_name, summary


def test_a_summary_has_median_extremes_and_count() -> None:
    assert summary([0.3, 0.1, 0.2]) == {"median": 0.2, "min": 0.1, "max": 0.3, "n": 3}


def test_no_values_have_no_figures() -> None:
    assert summary([]) == {}


def test_each_name_has_figures_of_the_rows_that_have_it() -> None:
    found = by_name([{"start": 1.0, "stop": 2.0}, {"start": 3.0}])
    assert found["start"]["median"] == 2.0
    assert found["stop"]["n"] == 1
