"""The lease: one holder per cluster, an epoch that only grows."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.domain.errors import LeaseHeld, StaleEpoch
from lifecycle.domain.rollout.lease import RUNNING_LEASE, Lease
from tests.contract.conftest import Gateways

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_free_lease_is_acquired_with_the_next_epoch(gateways: Gateways) -> None:
    assert gateways.leases.current(gateways.cluster) == Lease(0, "", None)
    assert gateways.leases.acquire(gateways.cluster, "first", NOW, 0) == Lease(1, "first", NOW, NOW + RUNNING_LEASE)
    assert gateways.leases.current(gateways.cluster) == Lease(1, "first", NOW, NOW + RUNNING_LEASE)


def test_the_holder_gets_its_lease_again(gateways: Gateways) -> None:
    first = gateways.leases.acquire(gateways.cluster, "first", NOW, 0)
    assert gateways.leases.acquire(gateways.cluster, "first", NOW, 0) == first


def test_another_deployment_is_refused_with_the_holder_and_its_start(gateways: Gateways) -> None:
    gateways.leases.acquire(gateways.cluster, "first", NOW, 0)
    with pytest.raises(LeaseHeld, match=r"first has been deploying .* since 2026-11-23 12:00:00"):
        gateways.leases.acquire(gateways.cluster, "second", NOW, 0)


def test_a_released_lease_keeps_its_epoch(gateways: Gateways) -> None:
    assert gateways.leases.release(gateways.cluster, gateways.leases.acquire(gateways.cluster, "first", NOW, 0))
    assert gateways.leases.current(gateways.cluster) == Lease(1, "", None)
    assert gateways.leases.acquire(gateways.cluster, "second", NOW, 0).epoch == 2


def test_a_new_epoch_is_higher_than_every_other_record_has(gateways: Gateways) -> None:
    first = gateways.leases.acquire(gateways.cluster, "first", NOW, 5)
    assert first.epoch == 6
    assert gateways.leases.acquire(gateways.cluster, "first", NOW, 6) == first, "its own records have its epoch"
    again = gateways.leases.acquire(gateways.cluster, "first", NOW, 8)
    assert (again.epoch, again.deployment) == (9, "first")
    passed = gateways.leases.hand_over(gateways.cluster, again, "second", NOW, 20)
    assert gateways.leases.current(gateways.cluster) == passed
    assert passed.epoch == 21


def test_a_fenced_deployment_releases_nothing(gateways: Gateways) -> None:
    first = gateways.leases.acquire(gateways.cluster, "first", NOW, 0)
    second = gateways.leases.hand_over(gateways.cluster, first, "second", NOW, 0)
    assert not gateways.leases.release(gateways.cluster, first)
    assert gateways.leases.current(gateways.cluster) == second


def test_a_lease_is_handed_over_without_a_gap_and_only_once(gateways: Gateways) -> None:
    first = gateways.leases.acquire(gateways.cluster, "first", NOW, 0)
    second = gateways.leases.hand_over(gateways.cluster, first, "second", NOW, 0)
    assert second == Lease(2, "second", NOW, NOW + RUNNING_LEASE)
    assert gateways.leases.hand_over(gateways.cluster, first, "second", NOW, 0) == second
    with pytest.raises(StaleEpoch):
        gateways.leases.hand_over(gateways.cluster, first, "third", NOW, 0)


def test_one_of_many_racing_deployments_gets_the_lease(gateways: Gateways) -> None:
    def race(name: str) -> bool:
        try:
            gateways.leases.acquire(gateways.cluster, name, NOW, 0)
        except LeaseHeld:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(race, [f"racer-{n}" for n in range(8)])) == 1
    assert replace(gateways.leases.current(gateways.cluster), deployment="").epoch == 1


def test_an_expired_lease_may_be_acquired_and_a_renewed_one_may_not(gateways: Gateways) -> None:
    first = gateways.leases.acquire(gateways.cluster, "first", NOW, 0)
    renewed = gateways.leases.renew(gateways.cluster, first, NOW + timedelta(hours=9))
    assert gateways.leases.current(gateways.cluster) == renewed
    with pytest.raises(LeaseHeld):
        gateways.leases.acquire(gateways.cluster, "second", NOW + RUNNING_LEASE, 0)
    second = gateways.leases.acquire(gateways.cluster, "second", NOW + timedelta(hours=9), 0)
    assert (second.epoch, second.deployment) == (2, "second")
    with pytest.raises(StaleEpoch):
        gateways.leases.renew(gateways.cluster, renewed, NOW + timedelta(hours=20))
