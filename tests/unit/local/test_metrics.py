"""The metrics that are computed from Envoy's access log."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.local.dispatcher import metrics
from apps.local.dispatcher.access_log import Answered, parse
from apps.local.dispatcher.metrics import Hosts, Tally, condensed, tallies

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAMED = {"TargetGroup": "targetgroup/lc-p-hello/1", "LoadBalancer": "app/lc-p-hello/2"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("hello 200 1234 -", Answered("hello", 200, 0.001234)),
        ("hello 500 99 -", Answered("hello", 500, 0.000099)),
        ("hello 503 - UF", Answered("hello", 503, None, unreachable=True)),
        ("hello 503 - UC", Answered("hello", 503, None)),
        ("hello 0 - DC", Answered("hello", 0, None)),
        ("hello 503 - UH", None),
        ("- 404 - NR", None),
        ("- 200 - -", None),
        ("hello 200 12", None),
        ("", None),
    ],
)
def test_line_is_parsed_if_the_request_had_a_target(line: str, found: Answered | None) -> None:
    assert parse(line) == found


def test_zero_counts_are_not_published() -> None:
    tally = tallies([Answered("hello", 200, 0.001)])["hello"]
    data = metrics.of_requests(tally, NAMED, AT)
    assert [each["MetricName"] for each in data] == [
        "RequestCount",
        "HTTPCode_Target_2XX_Count",
        "TargetResponseTime",
    ]
    assert all(each["Timestamp"] == AT for each in data)
    assert data[0]["Dimensions"] == [{"Name": name, "Value": value} for name, value in NAMED.items()]
    assert metrics.of_requests(Tally(), NAMED, AT) == []


def test_answer_of_the_load_balancer_is_a_request_without_a_target_answer() -> None:
    answered = [Answered("a", 503, None, unreachable=True), Answered("a", 500, 0.1), Answered("b", 204, 0.1)]
    found = {each["MetricName"]: each.get("Value") for each in metrics.of_requests(tallies(answered)["a"], NAMED, AT)}
    assert found == {
        "RequestCount": 2.0,
        "TargetConnectionErrorCount": 1.0,
        "HTTPCode_Target_5XX_Count": 1.0,
        metrics.FAILED: 2.0,
        "TargetResponseTime": None,
    }


def test_request_without_a_good_answer_counts_as_failed() -> None:
    lines = ["a 200 9 -", "a 302 9 -", "a 404 9 -", "a 101 9 -", "a 500 9 -", "a 503 - UC", "a 0 - DC"]
    tally = tallies(found for line in lines if (found := parse(line)))["a"]
    data = {each["MetricName"]: each.get("Value") for each in metrics.of_requests(tally, NAMED, AT)}
    families = {f"HTTPCode_Target_{family}XX_Count": 1.0 for family in (2, 3, 4, 5)}
    assert data == {"RequestCount": 7.0, **families, metrics.FAILED: 4.0, "TargetResponseTime": None}


def test_tallies_of_several_periods_add_up() -> None:
    one = tallies([Answered("a", 200, 0.1), Answered("a", 404, 0.2)])["a"]
    one.join(tallies([Answered("a", 200, 0.3), Answered("a", 503, None, unreachable=True)])["a"])
    assert (one.requests, one.unreachable, one.answers, one.seconds) == (4, 1, {2: 2, 4: 1}, [0.1, 0.2, 0.3])


def test_host_counts_are_published_without_requests() -> None:
    data = metrics.of_hosts(Hosts(3, 1), NAMED, AT)
    assert {each["MetricName"]: each["Value"] for each in data} == {
        "HealthyHostCount": 3.0,
        "UnHealthyHostCount": 1.0,
    }


@given(st.lists(st.floats(0, 60), min_size=1, max_size=400))
def test_condensing_preserves_the_number_of_requests(seconds: list[float]) -> None:
    values, counts = condensed(seconds)
    assert len(values) == len(counts) <= metrics.MOST_VALUES
    assert sum(counts) == len(seconds)
    assert min(counts) >= 1
    assert sum(v * c for v, c in zip(values, counts, strict=True)) == pytest.approx(sum(seconds))
    tolerance = 1e-9
    assert min(seconds) - tolerance <= values[0] <= values[-1] <= max(seconds) + tolerance


@pytest.mark.parametrize("requests", [20, 200, 2_000, 20_000])
def test_percentiles_of_condensed_latencies_are_within_five_percent(requests: int) -> None:
    chance = random.Random(requests)  # noqa: S311 - a sample
    seconds = [chance.lognormvariate(-6.5, 0.3) for _ in range(requests)]
    values, counts = condensed(seconds)
    again = [value for value, count in zip(values, counts, strict=True) for _ in range(count)]
    for share in (0.5, 0.9, 0.99):
        place = round(share * (requests - 1))
        assert again[place] == pytest.approx(sorted(seconds)[place], rel=0.05)
