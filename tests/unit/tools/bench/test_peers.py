import json
from pathlib import Path
from typing import Any

import pytest

from apps.local.errors import LaptopError
from tools.bench.peers.marks import round_seconds
from tools.bench.peers.steps import read_plan
from tools.bench.peers.table import markdown, processor, ratios

MACHINE = {"cpus": 2, "cpu_model": "a CPU", "python": "3.11.7"}


def spread(median: float) -> dict[str, float]:
    return {"median": median, "min": median - 0.1, "max": median + 0.1, "n": 4}


def measured(wall: float, whole: float, failed: int = 0, p99_ratio: float | None = 1.1) -> dict[str, Any]:
    return {
        "wall_seconds": spread(wall),
        "orchestration_seconds": spread(wall - 0.2),
        "whole_seconds": spread(whole),
        "processor_seconds": 0.25,
        "requests": 4000,
        "failed": failed,
        "p99_ratio": p99_ratio,
    }


def found(**tools: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "date": "2026-11-28",
        "rate": 200.0,
        "service_own_seconds": spread(0.2),
        "tools": {name: {"version": "", "hosts": hosts} for name, hosts in tools.items()},
        "not_available": {},
        "not_measured": {},
    }
    return {**plain, "ratios": ratios(plain)}


def test_a_round_lasts_until_the_next_host_begins_and_the_last_one_until_it_is_healthy() -> None:
    text = "b began 1.0\nb ended 1.5\na began 1.75\na ended 2.0\n"
    assert round_seconds(text, ["a", "b"]) == [0.75, 0.25]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a began 1\na ended 2\n",
        "a began 1\nb began 2\na ended 3\nb ended 4\n",
        "a began 1\na ended 2\na began 3\na ended 4\nb began 5\nb ended 6\n",
        "a began 1\na ended 2\nb began 3\n",
    ],
)
def test_marks_of_a_rollout_that_was_not_host_by_host_are_refused(text: str) -> None:
    with pytest.raises(LaptopError, match="one after the other"):
        round_seconds(text, ["a", "b"])


def test_a_ratio_compares_what_is_left_without_the_services_own_time() -> None:
    both = found(lifecycle={"4": measured(0.6, 0.8)}, pyinfra={"4": measured(0.4, 0.5), "16": measured(0.4, 0.5)})
    assert both["ratios"] == {"pyinfra": {"4": {"a_host": 2.0, "whole_rollout": 2.0}}}


def test_a_peer_that_is_no_slower_than_the_service_itself_gives_no_finite_ratio() -> None:
    both = found(lifecycle={"4": measured(0.6, 0.8)}, script={"4": measured(0.2, 0.5)})
    assert both["ratios"]["script"]["4"]["a_host"] == float("inf")


def test_without_lifecycle_there_are_no_ratios() -> None:
    assert found(pyinfra={"4": measured(0.4, 0.5)})["ratios"] == {"pyinfra": {}}


def test_a_peers_processor_time_is_its_own_and_that_of_its_ssh_server() -> None:
    cpu = {"tool": spread(0.5), "sshd": spread(0.25), "emulator": spread(1.0), "services": spread(1.0)}
    assert processor("pyinfra-ssh", cpu) == 0.75


def test_lifecycles_processor_time_is_that_of_the_control_plane_and_the_agents() -> None:
    parts = ("emulator", "lambda workers", "agents", "dispatcher", "services", "envoy", "console")
    assert processor("lifecycle", {part: spread(0.25) for part in parts}) == 1.0


def test_the_table_has_a_row_for_each_tool_and_size() -> None:
    both = found(lifecycle={"4": measured(0.6, 0.8, failed=3)}, pyinfra={"4": measured(0.4, 0.5, p99_ratio=None)})
    lines = markdown(both, MACHINE).splitlines()
    assert "| lifecycle | 4 | 0.60 (0.50 to 0.70) | 0.40 | 0.80 | 0.25 | 3 of 4000 | 1.10 |" in lines
    assert "| pyinfra | 4 | 0.40 (0.30 to 0.50) | 0.20 | 0.50 | 0.25 | 0 of 4000 | - |" in lines
    assert "| pyinfra | 4 | 2.00 | 2.00 |" in lines


def test_the_table_names_the_machine_and_the_tools_that_are_not_available() -> None:
    text = markdown({**found(), "not_available": {"capistrano": "no `cap` on the PATH"}}, MACHINE)
    assert "2 CPUs (a CPU), Python 3.11.7, 2026-11-28" in text
    assert "capistrano: not available: no `cap` on the PATH" in text


def test_the_table_names_what_could_not_be_measured() -> None:
    text = markdown({**found(), "not_measured": {"lifecycle with 64 hosts": "not DONE within 600 s"}}, MACHINE)
    assert "lifecycle with 64 hosts: not measured: not DONE within 600 s" in text


def test_a_plan_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"targets": [{"name": "peer-1"}]}))
    assert read_plan(str(file))["targets"][0]["name"] == "peer-1"
