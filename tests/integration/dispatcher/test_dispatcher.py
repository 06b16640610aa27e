"""The load balancer, with a real Envoy, a real emulator and real services."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.integration.dispatcher import harness
from tests.integration.dispatcher.harness import Harness, Service
from tests.support.polling import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(120)]


@pytest.fixture
def services() -> Iterator[list[Service]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Service(f"127.0.0.{number}").running()) for number in (11, 12)]


def all_healthy(lab: Harness, *services: Service) -> bool:
    return lab.health() == {service.address: "healthy" for service in services}


def is_gone(lab: Harness, service: Service) -> bool:
    return service.address not in lab.health()


def test_registered_targets_become_healthy_and_share_the_requests(harness_: Harness, services: list[Service]) -> None:
    assert harness_.get() == (503, "no healthy upstream")
    harness_.register(*services)
    until(lambda: all_healthy(harness_, *services))
    answers = {harness_.get()[1] for _ in range(8)}
    assert answers == {service.address for service in services}


def test_new_listener_routes_only_to_clusters_that_envoy_serves(
    emulator: str, endpoint: tuple[str, int, Path], tmp_path: Path
) -> None:
    url, pid, _ = endpoint
    for number in range(5):
        made = Harness(emulator, url, tmp_path, harness.free_port(), pid=pid)
        # Whatever is written while it is suspended, Envoy reads in an order of its own.
        envoy = psutil.Process(made.state()["envoy"]["pid"])
        envoy.suspend()
        resumed = threading.Timer(0.6, envoy.resume)
        resumed.start()
        made.build(f"fresh{number}")
        until(partial(harness.is_open, made.port), every=0.0005)
        assert {made.get() for _ in range(20)} == {(503, "no healthy upstream")}
        resumed.join()
        made.remove()  # each takes inotify instances of this Envoy, and of the second one in another test


def test_draining_waits_for_requests_in_flight_and_admits_no_new_one(
    harness_: Harness, services: list[Service]
) -> None:
    first, second = services
    harness_.register(first)
    until(lambda: all_healthy(harness_, first))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(harness_.get, "/slow")
        assert first.entered.wait(PATIENCE_SECONDS)
        harness_.register(second)
        until(lambda: all_healthy(harness_, first, second))
        harness_.deregister(first)
        assert harness_.reason(first) == "Target.DeregistrationInProgress"
        until(lambda: all(harness_.get()[1] == second.address for _ in range(5)))
        served = first.served
        assert {harness_.get()[1] for _ in range(40)} == {second.address}
        assert first.served == served
        assert harness_.health()[first.address] == "draining"
        first.release.set()
        assert slow.result() == (200, first.address)
    until(lambda: first.address not in harness_.health())
    assert harness_.reason(first) == "Target.NotRegistered"


def test_returning_target_is_healthy_only_after_a_new_check(harness_: Harness, services: list[Service]) -> None:
    first, second = services
    harness_.register(first, second)
    until(lambda: all_healthy(harness_, first, second))
    harness_.deregister(first)
    until(lambda: first.address not in harness_.health())
    first.hold_checks, checks = True, first.checks
    harness_.register(first)
    until(lambda: first.checks > checks)
    assert harness_.health() == {first.address: "initial", second.address: "healthy"}
    assert {harness_.get()[1] for _ in range(10)} == {second.address}
    first.hold_checks = False
    first.release.set()
    until(lambda: all_healthy(harness_, first, second))


def test_target_that_returns_while_draining_needs_a_new_check_too(harness_: Harness, services: list[Service]) -> None:
    first, second = services
    harness_.register(first, second)
    until(lambda: all_healthy(harness_, first, second))
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(harness_.get, "/slow") for _ in services]
        assert all(service.entered.wait(PATIENCE_SECONDS) for service in services)
        harness_.deregister(first)
        assert harness_.health()[first.address] == "draining"
        first.healthy = False
        harness_.register(first)
        until(lambda: harness_.health()[first.address] == "unhealthy")
        assert {harness_.get()[1] for _ in range(10)} == {second.address}
        first.healthy = True
        until(lambda: all_healthy(harness_, first, second))
        first.release.set()
        second.release.set()
        assert {each.result()[0] for each in slow} == {200}


def test_unhealthy_target_leaves_the_rotation_and_returns_when_healthy(
    harness_: Harness, services: list[Service]
) -> None:
    first, second = services
    harness_.register(first, second)
    until(lambda: all_healthy(harness_, first, second))
    first.healthy = False
    until(lambda: harness_.health()[first.address] == "unhealthy")
    assert harness_.reason(first) == "Target.ResponseCodeMismatch"
    assert {harness_.get()[1] for _ in range(10)} == {second.address}
    first.healthy = True
    until(lambda: all_healthy(harness_, first, second))


def test_role_without_the_action_is_denied_and_changes_nothing(harness_: Harness, services: list[Service]) -> None:
    harness_.register(*services)
    until(lambda: all_healthy(harness_, *services))
    allowed = ["elasticloadbalancing:DescribeTargetHealth"]
    arn = harness.role(harness_.emulator, f"reader-{harness_.port}", {"AWS": "*"}, allowed)
    reader = harness.client("elbv2", harness_.endpoint, harness.session(harness_.emulator, arn))
    assert len(reader.describe_target_health(TargetGroupArn=harness_.group)["TargetHealthDescriptions"]) == 2
    target = {"Id": services[0].address, "Port": services[0].port}
    with pytest.raises(ClientError) as denied:
        reader.deregister_targets(TargetGroupArn=harness_.group, Targets=[target])
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError):
        reader.describe_listeners(LoadBalancerArn=harness_.load_balancer)
    assert all_healthy(harness_, *services)


def test_weights_divide_the_requests_and_are_described(harness_: Harness, services: list[Service]) -> None:
    first, second = services
    bed = harness_.new_group(f"bed-{harness_.port}")
    harness_.register(first)
    harness_.register(second, group=bed)
    assert harness_.health(bed) == {second.address: "unused"}
    parts = [{"TargetGroupArn": harness_.group, "Weight": 3}, {"TargetGroupArn": bed, "Weight": 1}]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": parts}}
    harness_.elb.modify_listener(ListenerArn=harness_.listener, DefaultActions=[action])
    until(lambda: all_healthy(harness_, first) and harness_.health(bed) == {second.address: "healthy"})
    until(lambda: harness_.get()[1] == second.address)
    answers = [harness_.get()[1] for _ in range(200)]
    assert 20 <= answers.count(second.address) <= 85
    found = harness_.elb.describe_listeners(ListenerArns=[harness_.listener])["Listeners"][0]
    assert [part["Weight"] for part in found["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]] == [3, 1]


def test_two_ports_of_one_address_are_two_targets(harness_: Harness) -> None:
    with Service("127.0.0.13").running() as first, Service("127.0.0.13").running() as second:
        harness_.register(first, second)
        until(lambda: harness_.health() == {"127.0.0.13": "healthy"})
        harness_.deregister(first)
        until(lambda: harness_.reason(first) == "Target.NotRegistered")
        assert harness_.get() == (200, "127.0.0.13")
        assert harness_.reason(second) == ""


def test_targets_registered_at_the_emulator_are_adopted(harness_: Harness, services: list[Service]) -> None:
    targets = [{"Id": each.address, "Port": each.port} for each in services]
    behind = harness.client("elbv2", harness_.emulator)
    behind.register_targets(TargetGroupArn=harness_.group, Targets=targets)
    until(lambda: all_healthy(harness_, *services))


def test_dead_envoy_is_restarted_with_its_configuration(harness_: Harness, services: list[Service]) -> None:
    harness_.register(*services)
    until(lambda: all_healthy(harness_, *services))
    envoy = harness_.state()["envoy"]
    os.kill(envoy["pid"], signal.SIGKILL)
    until(lambda: harness_.state()["envoy"]["pid"] not in (None, envoy["pid"]))
    until(lambda: all_healthy(harness_, *services))
    assert harness_.get()[0] == 200


def test_taken_listener_port_is_reported_with_its_holder(harness_: Harness) -> None:
    with Service("127.0.0.1").running() as other:
        elb = harness_.elb
        elb.create_listener(
            LoadBalancerArn=harness_.load_balancer,
            Port=other.port,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": harness_.group}],
        )
        problem = next(each for each in harness_.state()["problems"] if str(other.port) in each)
        assert f"taken by pid {os.getpid()}" in problem
    until(lambda: not any(str(other.port) in each for each in harness_.state()["problems"]))
    until(lambda: harness.is_open(other.port))


def test_new_dispatcher_adopts_the_emulators_targets_and_leaves_no_process(
    harness_: Harness, services: list[Service], tmp_path: Path
) -> None:
    harness_.register(*services)
    until(lambda: all_healthy(harness_, *services))
    with harness.dispatcher(harness_.emulator, tmp_path) as (url, _):
        again = Harness(harness_.emulator, url, tmp_path, 0, harness_.group)
        until(lambda: all_healthy(again, *services))
        envoy = again.state()["envoy"]["pid"]
    until(lambda: not psutil.pid_exists(envoy))


def test_envoy_keeps_serving_while_the_emulator_is_down(services: list[Service], tmp_path: Path) -> None:
    with ExitStack() as stack:
        with harness.emulator(tmp_path) as url:
            endpoint, _ = stack.enter_context(harness.dispatcher(url, tmp_path, "--sync-interval", "0.1"))
            lab = Harness(url, endpoint, tmp_path, harness.free_port())
            lab.build("away")
            lab.register(*services)
            until(lambda: all_healthy(lab, *services))
        until(lambda: not lab.state()["emulator"]["reachable"])
        assert {lab.get()[1] for _ in range(8)} == {service.address for service in services}
        with pytest.raises(ClientError) as away:
            lab.health()
        assert away.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_no_request_fails_while_targets_are_registered_and_deregistered(
    harness_: Harness, services: list[Service]
) -> None:
    first, second = services
    harness_.register(first, second)
    until(lambda: all_healthy(harness_, first, second))
    stop = threading.Event()
    failures: list[tuple[int, str]] = []

    def ask() -> None:
        while not stop.is_set():
            if (found := harness_.get())[0] != 200:
                failures.append(found)

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(ask)
        for service in [first, second] * 3:
            harness_.deregister(service)
            until(partial(is_gone, harness_, service))
            harness_.register(service)
            until(lambda: all_healthy(harness_, first, second))
        stop.set()
    assert failures == []
