"""The place that an agent reports for its service: where it was started, until the next start."""

from dataclasses import replace
from pathlib import Path

import pytest

from apps.agent.place import Place, place_of
from apps.agent.service import StartRecord
from apps.agent.settings import Settings
from lifecycle.domain.fleet.cluster import Cluster

SETTINGS = Settings("host-1", Cluster("production", "hello"), "10.0.0.7", 9090, Path("/home"), "a")
STARTED = StartRecord(41, 7, "kernel", "boot-1", "1.0.0", "d", 10.0, address="10.0.0.7", port=8080)


def test_agent_with_another_port_reports_where_its_service_was_started() -> None:
    assert place_of(SETTINGS, STARTED, runs=True) == Place("10.0.0.7", 8080, "10.0.0.7:9090")
    assert place_of(SETTINGS, STARTED, runs=False) == Place("10.0.0.7", 8080, "10.0.0.7:9090")


def test_service_that_runs_serves_at_the_address_of_its_start() -> None:
    started = replace(STARTED, address="10.0.0.3")
    assert place_of(SETTINGS, started, runs=True) == Place("10.0.0.3", 8080, "10.0.0.7:9090")


def test_machine_that_came_back_with_another_address_is_only_there() -> None:
    assert place_of(SETTINGS, replace(STARTED, address="10.0.0.3"), runs=False) == Place("10.0.0.7", 9090)


@pytest.mark.parametrize("started", [None, replace(STARTED, address="", port=0), replace(STARTED, port=9090)])
def test_agent_reports_its_settings_otherwise(started: StartRecord | None) -> None:
    assert place_of(SETTINGS, started, runs=started is not None) == Place("10.0.0.7", 9090)
