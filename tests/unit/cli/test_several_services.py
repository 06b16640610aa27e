"""The run of a push to a repository with several services, as `watch --run` and `build --again` show it."""

import json
from typing import Any

from apps.cli.ports import Run
from tests.unit.cli.conftest import Desk

COMMIT = "ab12" * 10
SNAPSHOT = "1.1.0-20261123113000-ccccccc"


def run(desk: Desk, name: str, output: dict[str, Any], status: str = "SUCCEEDED", **given: Any) -> str:
    """Record a run that has ended."""
    now = desk.machine.now
    desk.runs.pushes[name] = Run(name, status, now, now, input={"name": "shop", **given}, output=output)
    return name


def built(service: str, **more: str) -> dict[str, Any]:
    return {"service": service, "version": SNAPSHOT, "staging": None, "folder": "", "unchanged": "", **more}


def test_run_that_built_one_service_says_which_ones_it_left_alone(desk: Desk) -> None:
    name = run(desk, f"shop-{COMMIT}", built("api", folder="api", unchanged="docs, web"))
    done = desk.type(f"watch --run {name}")
    assert "unchanged since the newest snapshot, not built: docs, web" in done.stdout
    assert f"snapshot: api {SNAPSHOT}" in done.stdout
    events = [json.loads(line) for line in desk.type(f"watch --run {name} --json").stdout.splitlines()]
    assert events[0] == {"event": "unchanged", "run": name, "services": ["docs", "web"]}


def test_run_of_one_service_alone_says_nothing_of_others(desk: Desk) -> None:
    name = run(desk, f"hello-{COMMIT}", {"service": "hello", "version": SNAPSHOT, "staging": None})
    assert "unchanged" not in desk.type(f"watch --run {name}").stdout


def test_run_without_a_build_ends_well_and_says_why(desk: Desk) -> None:
    name = run(desk, f"shop-{COMMIT}", {"nothing": "no build: unchanged", "unchanged": "api, web"})
    done = desk.type(f"watch --run {name}")
    assert done.exit_code == 0
    assert "no build: unchanged" in done.stdout
    assert "snapshot:" not in done.stdout


def test_run_of_several_services_follows_each_and_fails_with_the_worst(desk: Desk) -> None:
    api = run(desk, f"api--{COMMIT}", built("api", folder="api"))
    web = run(desk, f"web--{COMMIT}", {}, "FAILED")
    name = run(desk, f"shop-{COMMIT}", {"runs": {"web": web, "api": api}, "unchanged": ""})
    done = desk.type(f"watch --run {name}")
    assert done.exit_code == 1
    assert f"web: changed, built in run {web}" in done.stdout
    assert f"snapshot: api {SNAPSHOT}" in done.stdout


def test_run_is_found_by_its_service_and_by_its_repository(desk: Desk) -> None:
    name = run(desk, f"api--{COMMIT}", built("api", folder="api"))
    assert f"snapshot: api {SNAPSHOT}" in desk.type("watch --run api").stdout
    assert desk.facts("build --again api")["again"] == name


def test_repeated_build_is_of_the_service_that_was_built(desk: Desk) -> None:
    run(desk, f"shop-{COMMIT}", built("api", folder="services/api", unchanged="web"))
    again = desk.facts("build --again shop")
    assert (again["run"], again["input"]) == (f"shop-{COMMIT}_2", {"name": "shop", "folder": "services/api"})


def test_repeated_run_of_one_service_gets_a_time_of_its_own(desk: Desk) -> None:
    run(desk, f"api--{COMMIT}", {}, "FAILED", folder="api", pushed="2026-11-23T10:59:00Z")
    assert desk.facts("build --again api")["input"] == {"name": "shop", "folder": "api"}


def test_repeated_build_of_a_skipped_push_is_wanted(desk: Desk) -> None:
    run(desk, f"shop-{COMMIT}", {"nothing": "no build: [skip ci]", "unchanged": ""}, skip="[skip ci]")
    assert desk.facts("build --again shop")["input"] == {"name": "shop", "skip": "[skip ci]", "again": True}
