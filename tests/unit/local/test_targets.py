from apps.local.dispatcher import targets
from apps.local.dispatcher.targets import Address, Health, HostView, Rotation

A, B = Address("127.0.0.11", 8001), Address("127.0.0.12", 8002)
GOOD = HostView()


def serving(*addresses: Address) -> Rotation:
    made = Rotation()
    for address in addresses:
        made.register(address)
    made.written(0.0)
    return made


def health(made: Rotation, address: Address, host: HostView | None, observed_at: float = 1.0) -> Health:
    view = {} if host is None else {address: host}
    return made.health(address, view, observed_at, used=True)


def test_new_target_is_initial_until_envoy_has_checked_it() -> None:
    made = serving(A)
    assert health(made, A, None) == targets.REGISTERING
    assert health(made, A, HostView(pending_check=True, failed_check=True)) == targets.CHECKING
    assert health(made, A, GOOD) == targets.HEALTHY


def test_observation_from_before_the_registration_is_ignored() -> None:
    made = serving()
    made.register(A)
    assert health(made, A, GOOD, 5.0) == targets.REGISTERING
    made.written(5.0)
    assert health(made, A, GOOD, 5.0) == targets.REGISTERING
    assert health(made, A, GOOD, 5.1) == targets.HEALTHY


def test_failed_check_is_unhealthy_with_its_reason() -> None:
    made = serving(A)
    assert health(made, A, HostView(failed_check=True)) == targets.FAILED
    assert health(made, A, HostView(failed_check=True, check_timed_out=True)) == targets.TIMED_OUT
    assert made.health(A, None, 1.0, used=True) == targets.UNKNOWN


def test_group_without_a_listener_has_no_health() -> None:
    assert serving(A).health(A, {A: GOOD}, 1.0, used=False) == targets.NOT_IN_USE


def test_draining_needs_two_observations_without_requests_in_flight() -> None:
    made = serving(A, B)
    made.deregister(A, deadline=100.0)
    assert made.listed() == [(A, True), (B, False)]
    assert not made.advance({A: HostView(total=5)}, 1.0)
    assert not made.advance({A: HostView(total=6, active=1, draining=True)}, 1.1)
    assert not made.advance({A: HostView(total=6, draining=True)}, 1.2)
    assert not made.advance({A: HostView(total=7, draining=True)}, 1.3)
    assert health(made, A, GOOD) == targets.DEREGISTERING
    assert made.advance({A: HostView(total=7, draining=True)}, 1.31)
    assert made.listed() == [(B, False)]
    assert made.reported() == [B]
    assert health(made, A, GOOD) == targets.NOT_REGISTERED


def test_draining_ends_at_its_deadline_despite_requests_in_flight() -> None:
    made = serving(A)
    made.deregister(A, deadline=2.0)
    assert not made.advance({A: HostView(active=1, draining=True)}, 1.9)
    assert made.advance({A: HostView(active=1, draining=True)}, 2.0)


def test_a_target_that_returns_while_draining_first_leaves_envoy() -> None:
    made = serving(A)
    made.deregister(A, deadline=100.0)
    made.register(A)
    assert made.listed() == []
    assert made.registered() == [A]
    assert health(made, A, GOOD) == targets.REGISTERING
    made.written(1.0)
    assert not made.advance({A: GOOD}, 1.1)
    assert not made.advance({}, 1.0)
    assert made.advance({}, 1.2)
    assert made.listed() == [(A, False)]
    assert health(made, A, GOOD, 1.3) == targets.REGISTERING


def test_removed_target_can_be_deregistered_again() -> None:
    made = serving(A)
    made.deregister(A, deadline=0.0)
    made.advance({A: HostView(draining=True)}, 1.0)
    made.register(A)
    made.deregister(A, deadline=5.0)
    assert made.reported() == []
    made.written(1.1)
    assert not made.advance({}, 1.2)
    assert made.targets == {}
    made.deregister(A, deadline=5.0)
    assert not made.has_transitions


def test_registering_a_serving_target_again_changes_nothing() -> None:
    made = serving(A)
    made.register(A)
    assert health(made, A, GOOD) == targets.HEALTHY


def test_next_drain_waits_for_requests_from_before_a_return() -> None:
    made, idle = serving(A), HostView(draining=True)
    made.deregister(A, deadline=60.0)
    made.advance({A: HostView(active=1, draining=True)}, 1.0)
    made.register(A)
    made.written(1.0)
    assert made.advance({}, 1.1)
    made.deregister(A, deadline=100.0)
    assert not made.advance({A: idle}, 2.0)
    assert not made.advance({A: idle}, 59.9)
    assert not made.advance({A: idle}, 60.0)
    assert made.advance({A: idle}, 60.1)


def test_busy_target_deregistered_while_returning_keeps_draining() -> None:
    made = serving(A)
    made.deregister(A, deadline=60.0)
    made.advance({A: HostView(active=1, draining=True)}, 1.0)
    made.register(A)
    made.deregister(A, deadline=60.0)
    assert made.reported() == [A]
    assert made.listed() == [(A, True)]
    made.advance({A: HostView(draining=True)}, 2.0)
    assert made.reported() == [A]
