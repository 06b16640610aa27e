"""Values that a load balancer takes, and those that are refused and named."""

import pytest

from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.target_group import Group, TargetState, check_target, check_weights, state_of


@pytest.mark.parametrize("address", ["10.0.1.7", "::1"])
@pytest.mark.parametrize("port", [1, 8080, 65_535])
def test_target_is_an_address_and_a_port(address: str, port: int) -> None:
    check_target(address, port)


@pytest.mark.parametrize(
    ("address", "port", "named"),
    [("host-1", 8080, "host-1"), ("", 8080, "address"), ("10.0.1.7", 0, "0"), ("10.0.1.7", 65_536, "65536")],
)
def test_other_targets_are_refused_and_named(address: str, port: int, named: str) -> None:
    with pytest.raises(InvalidValue, match=named):
        check_target(address, port)


def test_traffic_weights_are_from_0_to_999() -> None:
    check_weights({Group.MAIN: 999, Group.TEST_BED: 0})
    for weight in (-1, 1000):
        with pytest.raises(InvalidValue, match=f"'?{weight}"):
            check_weights({Group.MAIN: 1, Group.CONTROL: weight})


def test_host_that_is_not_registered_is_absent() -> None:
    assert state_of({"host-1": TargetState.HEALTHY}, "host-1") is TargetState.HEALTHY
    assert state_of({"host-1": TargetState.HEALTHY}, "host-2") is TargetState.ABSENT
