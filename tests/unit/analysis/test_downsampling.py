"""Downsampled series: few points of few digits, in a record that fits into its store."""

import random
from datetime import UTC, datetime

import pytest

from lifecycle.domain.analysis.built_in_metrics import ERROR_RATE
from lifecycle.domain.analysis.downsampling import MOST_POINTS, downsample
from lifecycle.domain.analysis.judge import judge
from lifecycle.domain.analysis.model import Measurements, Rules, Series
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.gateways.serialization import to_json
from tests.unit.analysis.bakes import QUEUE, measurements, series, wobbling

# DynamoDB's item is at most 400 KB, keys included. Half of it leaves room for the rest.
LARGEST_ITEM = 200 * 1024
DAY = 1440


def a_long_bake(minutes: int, metrics: int) -> Measurements:
    chance = random.Random(minutes)  # noqa: S311 - a sample

    def side() -> tuple[float, ...]:
        return tuple(-chance.lognormvariate(-9.0, 1.0) for _ in range(minutes))

    return measurements(*(Series(QUEUE, side(), side()) for _ in range(metrics)))


def test_short_bake_has_a_point_a_minute() -> None:
    values = [*wobbling(0.02, MOST_POINTS - 1), None]
    (found,) = downsample([series(ERROR_RATE, values, [1 / 3] * MOST_POINTS)])
    assert found.control[:-1] == pytest.approx(values[:-1], rel=1e-5)
    assert found.control[-1] is None
    assert found.test_bed == (0.333333,) * MOST_POINTS


def test_longer_bake_has_means_of_minutes() -> None:
    values = [1.0, 2.0, None, 4.0, 5.0, None, *[3.0] * (3 * MOST_POINTS - 7)]
    (found,) = downsample([series(QUEUE, values, values)])
    assert found.control[:3] == (1.5, 4.5, 3.0)
    assert len(found.control) == len(found.test_bed) == MOST_POINTS
    (gap,) = downsample([series(QUEUE, [None] * DAY, [0.0] * DAY)])
    assert (set(gap.control), set(gap.test_bed)) == ({None}, {0.0})


@pytest.mark.parametrize("minutes", [0, 1, MOST_POINTS, MOST_POINTS + 1, 479, 480, 481, DAY, 4 * DAY])
def test_points_are_never_more_than_a_chart_shows(minutes: int) -> None:
    (found,) = downsample([series(QUEUE, [0.5] * minutes, [0.5] * minutes)])
    assert len(found.control) == min(minutes, len(found.control)) <= MOST_POINTS
    assert set(found.control) <= {0.5}


@pytest.mark.parametrize("minutes", [MOST_POINTS, 480, DAY, 4 * DAY])
def test_record_of_any_bake_fits_into_its_store(minutes: int) -> None:
    bake = a_long_bake(minutes, metrics=23)
    judged = judge(Measurements(bake.series, 60, 1000, 1000), Rules(60))
    bed = TestBed("d", 1, "host-1", 1, "host-2", 1, datetime.now(UTC), minutes, judgement=judged)
    record = TestBed(**{name: getattr(bed, name) for name in bed.__slots__} | {"series": downsample(bake.series)})
    assert len(to_json(record)) < LARGEST_ITEM
