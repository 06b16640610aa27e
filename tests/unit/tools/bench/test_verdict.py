from copy import deepcopy
from typing import Any

import pytest

from tools.bench.verdict import problems

ENVOY = {"sent": 5, "from_clients": 5, "to_services": 5, "retries": 0, "each_once": True}
GOOD: dict[str, Any] = {
    "load": {"failed": 0, "envoy": ENVOY, "p99_ratio": 1.4, "p99_within_1.3": True},
    "under_traffic": {
        "rollout": {"failed": 0, "envoy": ENVOY},
        "rollback": {"failed": 0, "envoy": ENVOY},
        "control_without_drain": {"failed": 12, "envoy": {**ENVOY, "each_once": False}},
    },
    "heal": {"median": 9.9},
    "logs": {"failed": False, "processor_percent": 1.9},
    "bad_builds": {
        "failed": 0,
        "halted_each_time": True,
        "rolled_back_each_time": True,
        "answers_of_a_bad_build_by_a_host_where_it_failed": 0,
        "answers_of_the_build_that_is_bad_everywhere": 0,
        "builds": [{"envoy": ENVOY}],
    },
    "peers": {"not_measured": {}, "tools": {"pyinfra": {"hosts": {"4": {"failed": 0, "envoy": ENVOY}}}}},
}


def test_good_figures_have_no_problems() -> None:
    assert problems(GOOD) == []


def test_parts_that_were_not_measured_are_not_checked() -> None:
    assert problems({"per_host": {}}) == []
    assert problems({"under_traffic": {"control_without_drain": {"failed": 3}}}) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("load/failed", 1),
        ("load/envoy", {**ENVOY, "retries": 1, "each_once": False}),
        ("load/p99_within_1.3", False),
        ("under_traffic/rollout/failed", 1),
        ("under_traffic/rollback/failed", 1),
        ("under_traffic/control_without_drain/failed", 0),
        ("bad_builds/failed", 1),
        ("heal/median", 10.1),
        ("logs/processor_percent", 2.1),
        ("logs/failed", True),
        ("peers/tools/pyinfra/hosts/4/failed", 1),
        ("peers/not_measured", {"lifecycle with 64 hosts": "not DONE within 600 s"}),
        ("bad_builds/halted_each_time", False),
        ("bad_builds/rolled_back_each_time", False),
        ("bad_builds/answers_of_a_bad_build_by_a_host_where_it_failed", 1),
        ("bad_builds/answers_of_the_build_that_is_bad_everywhere", 1),
        ("bad_builds/builds", [{"envoy": ENVOY}, {"envoy": {**ENVOY, "each_once": False}}]),
    ],
)
def test_each_failed_check_is_a_problem(path: str, value: object) -> None:
    found = deepcopy(GOOD)
    *parents, last = path.split("/")
    part = found
    for name in parents:
        part = part[name]
    part[last] = value
    assert len(problems(found)) == 1
