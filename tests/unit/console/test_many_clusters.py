"""The reads of each query in a large account: a page has a bound, and a sweep is linear in the clusters."""

import pytest

from tests.support.counting_dynamodb import Reads
from tests.support.large_account import LargeAccount

# Services; each has two clusters of forty hosts.
FEW, MANY = 10, 60


@pytest.fixture(scope="module")
def reads() -> dict[int, dict[str, Reads]]:
    return {services: dict(LargeAccount(services).measured()) for services in (FEW, MANY)}


def test_services_on_one_screen_read_no_host(reads: dict[int, dict[str, Reads]]) -> None:
    few, many = reads[FEW]["clusters page"], reads[MANY]["clusters page"]
    # A page has fifty services; the leases and queues are those of all, because the busy ones come first.
    assert many.bytes < 50 / FEW * 1.3 * few.bytes
    assert many.bytes < 600_000
    assert many.calls < 2 * 50 + 70


@pytest.mark.parametrize("view", ["one cluster", "history page", "dora page"])
def test_page_reads_as_much_in_a_large_account(reads: dict[int, dict[str, Reads]], view: str) -> None:
    few, many = reads[FEW][view], reads[MANY][view]
    # Which ten clusters are on the page differs, and so does how many of them deploy.
    assert many.bytes < 1.3 * few.bytes
    assert many.bytes < 400_000


@pytest.mark.parametrize("view", ["decisions", "deployment"])
def test_view_of_what_runs_reads_the_busy_clusters_only(reads: dict[int, dict[str, Reads]], view: str) -> None:
    busy = 2 * MANY // 10
    # One deployment is shown whole: what a rollback of it would bring is in its cluster's history.
    assert reads[MANY][view].bytes < 125_000 + busy * 20_500


@pytest.mark.parametrize("sweep", ["watch, all alarms ring", "converge, all clusters"])
def test_sweep_reads_as_much_for_each_cluster_of_a_large_account(
    reads: dict[int, dict[str, Reads]], sweep: str
) -> None:
    few, many = reads[FEW][sweep], reads[MANY][sweep]
    assert many.calls / MANY == pytest.approx(few.calls / FEW, rel=0.1)
    assert many.bytes / MANY == pytest.approx(few.bytes / FEW, rel=0.1)
