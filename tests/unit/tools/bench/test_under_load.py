import pytest

from tools.bench.replies import Reply
from tools.bench.under_load import Timeline, judged, p99_by_stage

ONCE = {"each_once": True}


def replies(second: int, milliseconds: float, count: int = 100) -> list[Reply]:
    """Return replies that were due within one second, all equally slow."""
    due = [second + each / count for each in range(count)]
    return [Reply(at, at, at + milliseconds / 1000, 200, "", "1.0.0", "a") for at in due]


def timeline() -> Timeline:
    return Timeline(quiet=[(0.0, 1.0)], rolling=[(1.0, 2.0), (2.0, 3.0)], deployments=["d1", "d2"])


def judge(baseline: float, rollouts: float) -> dict[str, object]:
    quick = [*replies(0, baseline), *replies(1, rollouts), *replies(2, rollouts), *replies(3, 900)]
    return judged({"quick": quick, "slow": []}, timeline(), ONCE)


@pytest.mark.parametrize(("rollouts", "within"), [(13.0, True), (13.1, False), (5.0, True)])
def test_the_rollouts_p99_may_be_1_3_times_the_baseline(rollouts: float, within: bool) -> None:  # noqa: FBT001
    found = judge(10.0, rollouts)
    assert found["p99_within_1.3"] is within
    assert found["p99_ratio"] == pytest.approx(rollouts / 10, abs=0.001)


def test_a_request_between_the_stretches_counts_only_if_it_failed() -> None:
    late = Reply(3.5, 3.5, 3.6, 503, "HTTP 503", "", "")
    found = judged({"quick": [*replies(0, 1), *replies(1, 1), late], "slow": []}, timeline(), ONCE)
    assert found["failed"] == 1
    assert found["baseline"]["requests"]["requests"] == found["during_rollouts"]["requests"]["requests"] == 100
    assert found["during_rollouts"]["requests"]["failed"] == 0


def test_a_slow_request_that_fails_counts() -> None:
    slow = Reply(1.5, 1.5, 2.5, 503, "HTTP 503", "", "")
    found = judged({"quick": replies(0, 1), "slow": [slow]}, timeline(), ONCE)
    assert found["failed"] == found["during_rollouts"]["slow_requests"]["failed"] == 1


def test_without_a_baseline_the_limit_is_not_met() -> None:
    assert judged({"quick": replies(1, 1), "slow": []}, timeline(), ONCE)["p99_within_1.3"] is False


def test_each_stage_has_the_latency_of_the_requests_due_in_it() -> None:
    quick = [*replies(0, 2), *replies(1, 8), *replies(2, 2)]
    found = p99_by_stage(quick, [("drain", 0.0, 1.0), ("install", 1.0, 2.0), ("drain", 2.0, 3.0), ("none", 9.0, 9.5)])
    assert {name: (each["requests"], each["p99_ms"]) for name, each in found.items()} == {
        "drain": (200, 2.0),
        "install": (100, 8.0),
    }
