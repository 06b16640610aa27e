"""A target group without a healthy target, and the reasons of failed checks, with a real Envoy."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from apps.local.dispatcher import inotify
from tests.integration.dispatcher import harness
from tests.integration.dispatcher.harness import Harness, Service
from tests.support.polling import PATIENCE_SECONDS, until

INOTIFY = "anon_inode:inotify"
pytestmark = [pytest.mark.emulator, pytest.mark.timeout(120)]


@pytest.fixture
def services() -> Iterator[list[Service]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Service(f"127.0.0.{number}").running()) for number in (11, 12)]


def all_are(lab: Harness, state: str, *services: Service) -> bool:
    return lab.health() == {service.address: state for service in services}


def fails_open(lab: Harness) -> bool:
    return next(bool(each["fails_open"]) for each in lab.state()["target_groups"] if each["arn"] == lab.group)


def all_unhealthy(lab: Harness, *services: Service) -> None:
    lab.register(*services)
    until(lambda: all_are(lab, "healthy", *services))
    until(lambda: lab.get()[0] == 200)
    for service in services:
        service.healthy = False
    until(lambda: all_are(lab, "unhealthy", *services))
    until(lambda: fails_open(lab) and lab.get()[0] == 200)


def test_all_targets_get_requests_while_none_is_healthy(harness_: Harness, services: list[Service]) -> None:
    first, second = services
    all_unhealthy(harness_, *services)
    answers = [harness_.get() for _ in range(20)]
    assert set(answers) == {(200, first.address), (200, second.address)}
    first.healthy = True
    until(lambda: not fails_open(harness_))
    until(lambda: {harness_.get()[1] for _ in range(10)} == {first.address})
    second.healthy = True
    until(lambda: all_are(harness_, "healthy", *services))
    until(lambda: {harness_.get()[1] for _ in range(10)} == {first.address, second.address})


def test_no_request_fails_when_the_checks_pass_again(harness_: Harness, services: list[Service]) -> None:
    all_unhealthy(harness_, *services)
    stop, failures = threading.Event(), list[tuple[int, str]]()

    def ask() -> None:
        while not stop.is_set():
            if (found := harness_.get())[0] != 200:
                failures.append(found)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(ask)
        for service in services:
            service.healthy = True
        until(lambda: all_are(harness_, "healthy", *services) and not fails_open(harness_))
        stop.set()
    assert failures == []


def test_target_that_was_never_healthy_gets_no_request(harness_: Harness, services: list[Service]) -> None:
    first, second = services
    second.healthy = False
    harness_.register(first)
    until(lambda: all_are(harness_, "healthy", first))
    harness_.register(second)
    first.healthy = False
    until(lambda: all_are(harness_, "unhealthy", first, second))
    until(lambda: fails_open(harness_) and harness_.get()[0] == 200)
    assert {harness_.get() for _ in range(10)} == {(200, first.address)}
    assert second.served == 0


def test_draining_while_no_target_is_healthy_waits_for_requests(harness_: Harness, services: list[Service]) -> None:
    first, second = services
    all_unhealthy(harness_, *services)
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(harness_.get, "/slow") for _ in services]
        assert all(service.entered.wait(PATIENCE_SECONDS) for service in services)
        harness_.deregister(first)
        assert harness_.health()[first.address] == "draining"
        until(lambda: {harness_.get()[1] for _ in range(5)} == {second.address})
        served = first.served
        assert {harness_.get() for _ in range(20)} == {(200, second.address)}
        assert (first.served, harness_.health()[first.address]) == (served, "draining")
        first.release.set()
        second.release.set()
        assert {each.result()[0] for each in slow} == {200}
    until(lambda: first.address not in harness_.health())


def test_no_request_fails_while_the_health_path_changes_to_one_that_all_answer(
    harness_: Harness, services: list[Service]
) -> None:
    harness_.register(*services)
    until(lambda: all_are(harness_, "healthy", *services))
    stop, failures = threading.Event(), list[tuple[int, str]]()

    def ask() -> None:
        while not stop.is_set():
            if (found := harness_.get())[0] != 200:
                failures.append(found)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(ask)
        harness_.elb.modify_target_group(TargetGroupArn=harness_.group, HealthCheckPath="/healthz")
        for service in services:
            service.healthy = False  # /is_alive is not answered any more
        checks = services[0].checks
        until(lambda: services[0].served > 200)
        until(lambda: all_are(harness_, "healthy", *services) and not fails_open(harness_))
        stop.set()
    assert (failures, services[0].checks <= checks + 2) == ([], True)


def described(lab: Harness, address: str, port: int) -> tuple[str, str]:
    target = {"Id": address, "Port": port}
    found = lab.elb.describe_target_health(TargetGroupArn=lab.group, Targets=[target])["TargetHealthDescriptions"]
    health = found[0]["TargetHealth"]
    return str(health.get("Reason", "")), str(health.get("Description", ""))


def test_failed_check_is_reported_with_its_status_code(harness_: Harness, services: list[Service]) -> None:
    all_unhealthy(harness_, *services)
    found = described(harness_, services[0].address, services[0].port)
    assert found == ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]")


def test_refused_connection_and_an_answer_that_is_no_http_are_reported(harness_: Harness) -> None:
    port = harness.free_port()
    targets = [{"Id": "127.0.0.14", "Port": port}]
    harness_.elb.register_targets(TargetGroupArn=harness_.group, Targets=targets)
    until(lambda: harness_.health() == {"127.0.0.14": "unhealthy"})
    reason = ("Target.FailedHealthChecks", "Health checks failed: Connection refused")
    assert described(harness_, "127.0.0.14", port) == reason
    with closing(socket.create_server(("127.0.0.14", port))) as server:
        server.settimeout(0.2)

        def answer(stop: threading.Event) -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00")  # an HTTP/2 SETTINGS frame: gRPC

        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(answer, stop)
            until(lambda: "not HTTP/1.1" in described(harness_, "127.0.0.14", port)[1])
            stop.set()


def test_check_without_an_answer_is_reported_as_a_time_out(harness_: Harness, services: list[Service]) -> None:
    services[0].hold_checks = True
    harness_.register(services[0])
    until(lambda: described(harness_, services[0].address, services[0].port)[0] == "Target.Timeout")


def test_envoy_takes_no_more_inotify_instances_than_are_required_before_its_start(
    harness_: Harness, services: list[Service]
) -> None:
    all_unhealthy(harness_, *services)
    state = harness_.state()
    listeners = sum(len(each["listeners"]) for each in state["load_balancers"])
    opened = len(state["target_groups"])  # at most: each that fails or failed open has one more
    most = inotify.FOR_ENVOY + listeners + len(state["target_groups"]) + opened
    # Those of a test before are freed when their listener has been drained.
    until(lambda: 0 < _instances(state["envoy"]["pid"]) <= most, every=0.5)


def _instances(pid: int) -> int:
    return sum(_opened(each) == INOTIFY for each in Path(f"/proc/{pid}/fd").iterdir())


def _opened(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:  # closed since it was listed
        return ""


def test_missing_inotify_instances_are_reported_with_what_to_do() -> None:
    # Too few file descriptors give the same error as too few instances, and disturb no other program.
    script = """
import os, resource
from apps.local.dispatcher import inotify
from apps.local.errors import LaptopError
descriptors = max(int(each) for each in os.listdir("/proc/self/fd"))
resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors + 3, descriptors + 3))
inotify.require(1)
try:
    inotify.require(10)
except LaptopError as error:
    print(error)
inotify.require(1)
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=harness.ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("expected 10 free inotify instances for the load balancer, found ")
    assert "sudo sysctl fs.inotify.max_user_instances=1024" in ran.stdout
