"""Replacements in the embedded AWS that make a call cost less."""

import time
from types import SimpleNamespace

import pytest

from apps.local.aws.embedded import evict_from_the_oldest, replace


def test_old_values_of_a_metric_are_evicted_and_an_empty_metric_is_removed() -> None:
    now = time.time()
    old, new = {"Timestamp": now - 61}, {"Timestamp": now - 1}
    metrics = {"mixed": [old, new], "new": [new], "old": [old], "empty": []}
    cloudwatch = SimpleNamespace(TWO_WEEKS_SECONDS=60, _metrics=metrics, _evict_old_metrics=None)
    evict_from_the_oldest(cloudwatch)
    cloudwatch._evict_old_metrics()
    assert cloudwatch._metrics == {"mixed": [new], "new": [new]}


def test_part_that_the_emulator_no_longer_has_is_not_replaced() -> None:
    with pytest.raises(RuntimeError, match="expected emulated to have gone"):
        replace(SimpleNamespace(__name__="emulated"), "gone", None)
