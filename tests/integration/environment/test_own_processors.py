"""The processors of each process while the load is measured."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apps.local.dispatcher.envoy_configuration import Check, discovery, endpoints
from apps.local.dispatcher.targets import Address
from apps.local.paths import Layout, write_json
from apps.local.services.hosts import Host
from tests.support.polling import wait_for
from tools.bench.cpu_pinning import halves, in_rotation, pinned_cpus

HOST = Host("production-hello-1", "hello", "production", "127.0.0.2", 18081, "a")
CHECK = Check()

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to some processors")


def test_the_processors_are_split_in_halves() -> None:
    assert (halves({0, 1}).serving, halves({0, 1}).working) == ({0}, {1})
    assert (halves({0, 2, 5}).serving, halves({0, 2, 5}).working) == ({0, 2}, {5})
    assert halves(set(range(8))).working == {4, 5, 6, 7}


def test_a_single_processor_is_for_everything() -> None:
    assert halves({3}).serving == halves({3}).working == {3}


def listed(layout: Layout, *, drains: bool) -> None:
    """Write Envoy's file as the dispatcher does."""
    found = endpoints("hello", CHECK, [(Address(HOST.address, HOST.port), drains)])
    write_json(layout.dispatcher / "endpoints-hello.json", discovery([found]))


def test_draining_host_is_not_in_rotation(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert in_rotation(layout.dispatcher) == set()
    listed(layout, drains=False)
    assert in_rotation(layout.dispatcher) == {(HOST.address, HOST.port)}
    listed(layout, drains=True)
    assert in_rotation(layout.dispatcher) == set()


@pytest.fixture
def sleeper() -> Iterator[Callable[[], int]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        started.append(subprocess.Popen(["sleep", "60"], start_new_session=True))
        return started[-1].pid

    yield start
    for each in started:
        each.kill()
        each.wait()


def comes_to_run_on(pid: int, processors: object) -> None:
    wait_for(f"{pid} to run on {processors}", lambda: os.sched_getaffinity(pid) == processors)


@linux
def test_a_service_runs_with_what_serves_while_its_host_is_in_rotation(
    tmp_path: Path, sleeper: Callable[[], int]
) -> None:
    layout, every = Layout(tmp_path), os.sched_getaffinity(0)
    split, generator, service = halves(every), sleeper(), sleeper()
    listed(layout, drains=False)
    write_json(layout.hosts / HOST.name / "service.json", {"pid": service})
    with pinned_cpus(layout, (HOST,), generator):
        assert os.sched_getaffinity(0) == split.working
        assert os.sched_getaffinity(generator) == split.serving
        comes_to_run_on(service, split.serving)
        listed(layout, drains=True)
        comes_to_run_on(service, split.working)
        service = sleeper()
        write_json(layout.hosts / HOST.name / "service.json", {"pid": service})
        comes_to_run_on(service, split.working)
        listed(layout, drains=False)
        comes_to_run_on(service, split.serving)
    for pid in (0, generator, service):
        assert os.sched_getaffinity(pid) == every
