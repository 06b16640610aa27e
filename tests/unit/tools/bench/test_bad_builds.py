import tomllib
from typing import Any

import pytest

from apps.local.errors import LaptopError
from tools.bench.bad_builds import EVERYWHERE, BadBuildRun, judged, summary, with_failing_self_test
from tools.bench.replies import Reply


def answers(host: str, count: int, version: str = "2.0.0") -> list[Reply]:
    return [Reply(0.0, 0.0, 0.1, 200, "", version, host)] * count


def bad_build(halted_at: str = "h2", passed: tuple[str, ...] = ("h1",)) -> BadBuildRun:
    return BadBuildRun("2.0.0", halted_at, "VERSION", passed, rolled_back=True)


def judge(quick: list[Reply], of: BadBuildRun | None = None, fails_on: str = "h2") -> dict[str, Any]:
    found = judged(of or bad_build(), "h2", {"quick": quick, "slow": []})
    return {"self_test_fails_on": fails_on, **found}


def test_hosts_that_passed_serve_the_build_and_the_one_that_failed_serves_the_other() -> None:
    found = judge([*answers("h1", 3), *answers("h2", 5, "1.0.0"), *answers("h3", 5, "1.0.0")])
    assert found["answers_by_hosts_that_passed"] == {"h1": 3}
    assert found["answers_by_other_hosts"] == 0
    assert found["halted_where_expected"]


def test_an_answer_of_the_build_from_any_other_host_is_counted() -> None:
    found = judge([*answers("h1", 3), *answers("h2", 1), *answers("h3", 2)])
    assert found["answers_by_other_hosts"] == 3
    assert summary([found])["answers_of_a_bad_build_by_a_host_where_it_failed"] == 3


def test_a_halt_elsewhere_is_not_the_expected_one() -> None:
    assert summary([judge([]), judge([], bad_build("h3"))])["halted_each_time"] is False


def test_a_build_that_is_bad_everywhere_must_not_answer_at_all() -> None:
    found = judge(answers("h1", 2), fails_on=EVERYWHERE)
    assert summary([judge(answers("h1", 9)), found])["answers_of_the_build_that_is_bad_everywhere"] == 2


def test_failed_requests_of_all_builds_are_added_up() -> None:
    failed = [Reply(0.0, 0.0, 0.1, 503, "HTTP 503", "", "")]
    assert summary([judge(failed), judge(failed)])["failed"] == 2


def test_the_self_test_alone_is_replaced() -> None:
    file = 'name = "hello"\nself_test = { path = "/self_test" }  # or\n[environments.staging]\n'
    changed = tomllib.loads(with_failing_self_test(file, "production-*"))
    assert changed["name"] == "hello"
    assert "production-*" in changed["self_test"]["command"]
    assert changed["environments"] == {"staging": {}}


def test_a_service_file_without_a_self_test_is_refused() -> None:
    with pytest.raises(LaptopError, match="has no line that starts with"):
        with_failing_self_test('name = "hello"\n', "production-*")
