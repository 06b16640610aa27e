"""A service of several processes, with a scheduled command: deployed, healed, logged and run by one host."""

import json
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import add_service
from tests.end_to_end.service import Service
from tests.support.polling import wait_for

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def crew(operator: Operator, laptop: Laptop) -> Service:
    """A service with a worker and a schedule on two hosts in production."""
    added = add_service(operator, laptop, Path(__file__).parent / "crew", 2)
    release = added.promoted(added.built(added.push("As it came")))
    assert added.deploy(release).end["state"] == "DONE"
    return added


def lines(service: Service, process: str, *options: str) -> list[dict[str, Any]]:
    found = service.operator.read("logs", service.name, "--since", "1d", *options).events
    return [each for each in found if each.get("process", "") == process]


def hosts_of(found: Iterable[dict[str, Any]]) -> set[str]:
    return {each["host"] for each in found}


def worker(service: Service, host: str) -> int:
    record = json.loads((service.laptop.layout.hosts / host / "service.json").read_text())
    (found,) = record["processes"]
    return int(found["pid"])


def started_again(service: Service, host: str, before: tuple[int, int]) -> bool:
    """Return whether both processes run as others than before; while they are stopped there is no record."""
    with suppress(FileNotFoundError):
        return not {service.pid(host), worker(service, host)} & set(before)
    return False


def test_each_process_is_logged_by_its_name(crew: Service) -> None:
    names = {host.name for host in crew.production.hosts}
    wait_for("every worker's line", lambda: hosts_of(lines(crew, "worker")) == names)
    one = min(names)
    assert hosts_of(lines(crew, "worker", "--host", one)) == {one}
    assert {each["text"] for each in lines(crew, "worker")} == {"the worker runs"}


def test_worker_that_is_killed_is_named_and_all_processes_start_again(crew: Service) -> None:
    host = min(each.name for each in crew.production.hosts)
    before = crew.pid(host), worker(crew, host)
    os.kill(before[1], signal.SIGKILL)
    wait_for("both processes to start again", lambda: started_again(crew, host, before))
    wait_for("the repair to end", lambda: crew.status()["lease"] is None)
    repair = crew.newest_deployment()
    assert (repair["kind"], repair["state"]) == ("CONVERGE", "DONE")
    assert f"{host} runs nothing: its process worker ended with SIGKILL" in repair["reason"]


def test_one_host_runs_the_schedule_and_status_says_so(crew: Service) -> None:
    def done() -> dict[str, Any] | None:
        (found,) = crew.status()["schedules"]
        return found if found["state"] == "DONE" else None

    found = wait_for("a run of the schedule", done)
    assert found["name"] == "report"
    assert "succeeded; next at" in found["detail"]
    wait_for("the run's output", lambda: lines(crew, "report"))
    texts = lines(crew, "report")
    assert {each["text"] for each in texts} == {f"the report of {found['version']}"}
