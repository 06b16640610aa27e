"""The floor: how many hosts must serve, and which drain is the first that would break it."""

import pytest

from lifecycle.domain.fleet.target_group import Rotation, TargetState
from lifecycle.domain.rollout.capacity import Floor, first_refusal, refuse_drain
from lifecycle.domain.service.policy import Policy

HOSTS = ("h1", "h2", "h3", "h4")
MEMBERS = frozenset(HOSTS)


def rotation(**changed: TargetState) -> Rotation:
    return dict.fromkeys(HOSTS, TargetState.HEALTHY) | changed


@pytest.mark.parametrize(
    ("policy", "left_out", "must_serve"),
    [
        (Policy(), frozenset(), 3),
        (Policy(max_unavailable=2), frozenset(), 2),
        (Policy(max_unavailable="50%"), frozenset(), 2),
        (Policy(max_unavailable=9), frozenset(), 0),
        (Policy(min_healthy=4), frozenset(), 4),
        (Policy(min_healthy="30%", max_unavailable=4), frozenset(), 2),
        (Policy(), frozenset({"h1", "h2"}), 1),
        (Policy(min_healthy=3), frozenset({"h1", "h2"}), 3),
        (Policy(), frozenset({"another"}), 3),
    ],
)
def test_all_but_those_that_may_be_out_must_serve(policy: Policy, left_out: frozenset[str], must_serve: int) -> None:
    assert Floor.of(policy, MEMBERS, left_out).healthy_hosts == must_serve


def test_floor_is_never_below_nothing() -> None:
    assert Floor(MEMBERS, max_unavailable=9).healthy_hosts == 0


def test_drain_at_the_floor_is_allowed_and_below_it_refused() -> None:
    floor = Floor(MEMBERS, max_unavailable=2)
    assert refuse_drain("h1", rotation(h2=TargetState.UNHEALTHY), floor) is None
    assert refuse_drain("h1", rotation(h2=TargetState.UNHEALTHY, h3=TargetState.DRAINING), floor) == (
        "draining h1 would leave 1 healthy of 4 hosts, but at least 2 must serve (h2 is unhealthy, h3 is draining)"
    )


@pytest.mark.parametrize("state", [TargetState.UNHEALTHY, TargetState.ABSENT, TargetState.DRAINING])
def test_host_that_serves_nothing_may_always_be_drained(state: TargetState) -> None:
    assert refuse_drain("h1", rotation(h1=state, h2=TargetState.UNHEALTHY), Floor(MEMBERS, 0)) is None


def test_host_in_its_first_checks_counts_as_serving() -> None:
    down = rotation(h1=TargetState.INITIAL, h2=TargetState.UNHEALTHY)
    assert refuse_drain("h1", down, Floor(MEMBERS, 1)) is not None
    assert first_refusal(["h1"], down, Floor(MEMBERS, 1)) == refuse_drain("h1", down, Floor(MEMBERS, 1))


def test_order_with_every_host_up_is_never_refused() -> None:
    assert first_refusal(HOSTS, rotation(), Floor(MEMBERS, 1)) is None


def test_host_that_is_down_comes_back_before_the_next_drain() -> None:
    down = rotation(h3=TargetState.UNHEALTHY)
    assert first_refusal(["h3", "h1", "h2", "h4"], down, Floor(MEMBERS, 1)) is None
    assert first_refusal(["h1", "h3"], down, Floor(MEMBERS, 1)) == refuse_drain("h1", down, Floor(MEMBERS, 1))


def test_refusal_of_a_later_host_counts_the_updated_ones_as_healthy() -> None:
    down = rotation(h1=TargetState.UNHEALTHY, h3=TargetState.UNHEALTHY, h4=TargetState.UNHEALTHY)
    floor = Floor(MEMBERS, 1)
    expected = refuse_drain("h2", {**down, "h1": TargetState.HEALTHY}, floor)
    assert expected is not None
    assert first_refusal(["h1", "h2"], down, floor) == expected
