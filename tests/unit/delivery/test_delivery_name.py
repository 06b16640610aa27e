"""A delivery is named after its repository and commit; a repeat gets a number that always fits."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lifecycle.application.delivery.receive_push import Push, start
from lifecycle.domain.delivery.delivery_name import DeliveryName, next_delivery_name
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.executions import MemoryExecutions

COMMIT = "0123456789" * 4
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONGEST = 80  # of an execution's name


def push(repository: str, commit: str = COMMIT) -> Push:
    return Push(f"https://example.test/{repository}.git", repository, commit, "main", "ada", "1")


def failed_runs(pushed: Push, count: int) -> list[str]:
    """Deliver it, and again each time that its execution has failed."""
    executions = MemoryExecutions()
    runs = [start(pushed, executions, MemoryCatalogue(), NOW).body["run"]]
    for number in range(2, count + 1):
        executions.failed.add(runs[-1])
        again = replace(pushed, delivery=str(number))
        runs.append(start(again, executions, MemoryCatalogue(), NOW).body["run"])
    assert list(executions.deliveries) == runs
    return runs


@pytest.mark.parametrize("repository", ["my_repo", "my_2", "_", "a_b-c_3"])
def test_repository_with_underscores_is_delivered_again(repository: str) -> None:
    first = f"{repository}-{COMMIT}"
    assert failed_runs(push(repository), 3) == [first, f"{first}_2", f"{first}_3"]


@pytest.mark.parametrize("length", [33, 34, 35, 38, 39, 100])
def test_long_name_leaves_room_for_the_number_of_a_repeat(length: int) -> None:
    first, second = failed_runs(push("r" * length), 2)
    assert first.endswith(f"-{COMMIT}")
    assert second == f"{first}_2"
    assert len(f"{first}_9999") <= LONGEST


def test_long_name_is_cut_and_differs_by_commit() -> None:
    repository = "a-repository.whose_name-is-longer-than-any-execution"
    assert push(repository).execution == push(repository).execution
    assert push(repository).execution != push(repository, COMMIT[::-1]).execution
    assert DeliveryName.parse(push(repository).execution) == DeliveryName.of(repository, COMMIT)


@pytest.mark.parametrize("written", ["{}_2", "{}-2"])
def test_both_forms_of_a_repeat_are_read_and_one_is_written(written: str) -> None:
    first = f"my-repo-{COMMIT}"
    found = DeliveryName.parse(written.format(first))
    assert found == DeliveryName("my-repo", COMMIT, 2)
    assert str(found) == f"{first}_2"
    assert next_delivery_name(written.format(first)) == f"{first}_3"


def test_name_cut_at_a_greater_length_gets_a_number_that_fits() -> None:
    assert next_delivery_name(f"{'r' * 38}-{COMMIT}") == f"{'r' * 34}-{COMMIT}_2"


@pytest.mark.parametrize(
    "text",
    ["", "hello", COMMIT, f"-{COMMIT}", f"hello-{COMMIT[1:]}", f"hello-{COMMIT}_", f"hello-{COMMIT}_0"],
)
def test_other_text_is_no_delivery_name(text: str) -> None:
    assert DeliveryName.parse(text) is None


def test_delivery_input_has_the_full_repository_name() -> None:
    executions = MemoryExecutions()
    start(push("r" * 60), executions, MemoryCatalogue(), NOW)
    (payload,) = executions.deliveries.values()
    assert payload["name"] == "r" * 60
