"""The names of executions: only the number at the end counts them."""

import pytest

from lifecycle.domain.rollout.execution import execution_number, next_execution, nth_execution

COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    ("execution", "number", "after"),
    [
        ("hello-production-20261123014630-ab12", 1, "hello-production-20261123014630-ab12_2"),
        ("hello-production-20261123014630-1234", 1, "hello-production-20261123014630-1234_2"),
        ("hello-production-20261123014630-ab12_9", 9, "hello-production-20261123014630-ab12_10"),
        (f"my_repo-{COMMIT}", 1, f"my_repo-{COMMIT}_2"),
        (f"my_2-{COMMIT}_2", 2, f"my_2-{COMMIT}_3"),
        ("", 1, "_2"),
    ],
)
def test_number_at_the_end_is_read_and_raised(execution: str, number: int, after: str) -> None:
    assert execution_number(execution) == number
    assert next_execution(execution) == after


def test_first_execution_has_no_number() -> None:
    assert [nth_execution("a_b", number) for number in (1, 2)] == ["a_b", "a_b_2"]
