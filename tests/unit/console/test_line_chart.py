"""The chart of a test bed against its control, and its verdict."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.console.line_chart import bounds, chart, figure
from lifecycle.domain.analysis.downsampling import limit_points
from lifecycle.domain.analysis.model import Better, Judgement, Measure, MetricResult, Scale, Series, Verdict
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from lifecycle.domain.service.policy import Policy
from tests.unit.console.desk import Desk
from tests.unit.console.read_widget import read_widget

ERRORS = Measure("errors", Better.LOWER, Scale.DIFFERENCE, 0.01, 0.01, "share")
SERIES = Series(ERRORS, control=(0.0, 0.0, None, 0.001), test_bed=(0.03, None, 0.028, 0.031))
SENTENCE = "errors of 3.0% against 0.0% on the control: FAIL"
JUDGED = Judgement(
    verdict=Verdict.FAIL,
    sentence=SENTENCE,
    metrics=(MetricResult("errors", Verdict.FAIL, SENTENCE, 0.03, 0.02, 0.04, 0.001, 0.0, 0.03),),
    minutes=4,
    requests_control=400,
    requests_test_bed=398,
    more_minutes=6,
)
BED = TestBed(
    deployment="d",
    number=1,
    host="host-1",
    attempt=1,
    control="host-2",
    control_attempt=1,
    began_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
    minutes=20,
    state=BedState.BAKING,
    judgement=JUDGED,
    series=(SERIES,),
    reason="it bakes",
)


def test_downsampled_bake_shows_its_full_length() -> None:
    assert "over 960 minutes" in str(chart(SERIES, 400, minutes=960))
    assert "over 4 minutes" in str(chart(SERIES, 400, minutes=2))


def test_chart_has_a_title_for_screen_readers() -> None:
    drawn = read_widget(chart(SERIES, 400))
    label = "errors in share, the test bed against its control, over 4 minutes"
    assert drawn.shape[0][0] == "svg"
    assert {("role", "img"), ("aria-label", label)} <= set(drawn.values)
    assert drawn.shape[1] == ("title",)
    assert label in drawn.text


def test_lines_differ_without_colour() -> None:
    lines = [each for each in read_widget(chart(SERIES, 400)).shape if each[0] == "polyline"]
    dashed = [each for each in lines if "stroke-dasharray" in each]
    assert 0 < len(dashed) < len(lines)


def test_minute_without_data_is_a_gap() -> None:
    html = str(chart(SERIES, 400))
    points = [each.count(",") for each in re.findall(r'points="([^"]*)"', html)]
    assert sorted(points) == [1, 1, 2, 2]


@pytest.mark.parametrize("values", [(), (None, None), (1.0,), (0.0, 0.0), (5.0, 5.0)])
def test_every_series_can_be_drawn(values: tuple[float | None, ...]) -> None:
    drawn = read_widget(chart(Series(ERRORS, values, values), 300))
    assert ("nothing was measured yet" in drawn.text) is not any(v is not None for v in values)
    assert "nan" not in str(drawn.html).lower()


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=400), st.integers(280, 460))
def test_points_are_within_the_picture(values: list[float | None], width: int) -> None:
    html = str(chart(Series(ERRORS, tuple(values), tuple(values)), width))
    for x, y in re.findall(r"([\d.-]+),([\d.-]+)", " ".join(re.findall(r'points="([^"]*)"', html))):
        assert 0 <= float(x) <= width
        assert 0 <= float(y) <= 150


def test_long_bake_is_drawn_with_means() -> None:
    long = tuple(float(minute) for minute in range(1440))
    short = limit_points(long)
    assert len(short) == 240
    assert short[0] == pytest.approx(2.5)
    assert len(str(chart(Series(ERRORS, long, long), 460))) < 12_000


def test_axis_begins_at_zero_unless_that_flattens_the_lines() -> None:
    assert bounds([0.01, 0.03]) == (0.0, 0.03)
    assert bounds([100.0, 101.0]) == (100.0, 101.0)
    assert bounds([]) == (0.0, 1.0)
    assert bounds([7.0]) == (0.0, 14.0)
    assert bounds([-7.0, -7.0]) == (-14.0, 0.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0312, "0.0312"),
        (12.345, "12.3"),
        (123456.0, "123,456"),
        (0.00001234, "0.000012"),
        (-1e-9, "0"),
    ],
)
def test_number_has_no_exponent(value: float, text: str) -> None:
    assert figure(value) == text


@pytest.fixture
def baking() -> Desk:
    desk = Desk.of(Policy(bake_minutes=20))
    name = desk.machine.deploy("1.0.0")
    desk.machine.memory.deployments.put_bed(replace(BED, deployment=name))
    return desk


def test_test_bed_has_a_verdict_and_a_row_for_each_metric(baking: Desk) -> None:
    shown = baking.see("test-bed").text
    for part in (
        "1.0.0 on host-1 against host-2",
        "BAKING it bakes",
        SENTENCE,
        "About 6 more minutes would decide it.",
        "398 requests on the test bed, 400 on the control",
        "test bed (solid)",
        "The verdict, metric by metric",
    ):
        assert part in shown


def test_effect_on_a_ratio_is_a_percentage(baking: Desk) -> None:
    deployments = baking.machine.memory.deployments
    [bed] = deployments._beds.values()
    latency = replace(SERIES, measure=replace(ERRORS, name="errors", scale=Scale.RATIO))
    unbounded = replace(JUDGED.metrics[0], effect=0.213, low=0.1, high=float("inf"), p=None)
    judged = replace(JUDGED, metrics=(unbounded,))
    deployments._beds[bed.deployment, 1] = replace(bed, series=(latency,), judgement=judged)
    shown = baking.see("test-bed").text
    assert "21.3%" in shown
    assert "10.0% and -" in shown


def test_test_bed_without_data_says_so(baking: Desk) -> None:
    deployments = baking.machine.memory.deployments
    [bed] = deployments._beds.values()
    deployments._beds[bed.deployment, 1] = replace(bed, judgement=None, series=(), control="")
    shown = baking.see("test-bed").text
    assert "There is no verdict yet" in shown
    assert "Nothing was measured yet" in shown
    assert "no control" in shown


def test_page_without_a_test_bed_names_the_setting(desk: Desk) -> None:
    assert "bake_minutes in lifecycle.toml" in desk.see("test-bed").text


def test_longest_label_of_the_axis_is_whole() -> None:
    values = (12_345_678.0, 23_456_789.0)
    drawn = read_widget(chart(Series(ERRORS, values, values), 400))
    places = [float(value) for name, value in drawn.values if name == "x"]
    assert "23,456,789" in drawn.text
    # Labels end where the lines begin; the first place is the title's.
    assert min(places[1:4]) >= 7 * len("23,456,789")
