"""The load balancer, with a real Envoy, a real emulator and real services."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.local.dispatcher import laboratory
from tests.local.dispatcher.laboratory import Laboratory, Service, until

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(120)]


@pytest.fixture
def services() -> Iterator[list[Service]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Service(f"127.0.0.{number}").running()) for number in (11, 12)]


def all_healthy(lab: Laboratory, *services: Service) -> bool:
    return lab.health() == {service.address: "healthy" for service in services}


def is_gone(lab: Laboratory, service: Service) -> bool:
    return service.address not in lab.health()


def test_registered_targets_become_healthy_and_share_the_requests(
    laboratory_: Laboratory, services: list[Service]
) -> None:
    assert laboratory_.get() == (503, "no healthy upstream")
    laboratory_.register(*services)
    until(lambda: all_healthy(laboratory_, *services))
    answers = {laboratory_.get()[1] for _ in range(8)}
    assert answers == {service.address for service in services}


def test_draining_waits_for_requests_in_flight_and_admits_no_new_one(
    laboratory_: Laboratory, services: list[Service]
) -> None:
    first, second = services
    laboratory_.register(first)
    until(lambda: all_healthy(laboratory_, first))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(laboratory_.get, "/slow")
        assert first.entered.wait(10)
        laboratory_.register(second)
        until(lambda: all_healthy(laboratory_, first, second))
        laboratory_.deregister(first)
        assert laboratory_.reason(first) == "Target.DeregistrationInProgress"
        until(lambda: all(laboratory_.get()[1] == second.address for _ in range(5)))
        served = first.served
        assert {laboratory_.get()[1] for _ in range(40)} == {second.address}
        assert first.served == served
        assert laboratory_.health()[first.address] == "draining"
        first.release.set()
        assert slow.result() == (200, first.address)
    until(lambda: first.address not in laboratory_.health())
    assert laboratory_.reason(first) == "Target.NotRegistered"


def test_returning_target_is_healthy_only_after_a_new_check(
    laboratory_: Laboratory, services: list[Service]
) -> None:
    first, second = services
    laboratory_.register(first, second)
    until(lambda: all_healthy(laboratory_, first, second))
    laboratory_.deregister(first)
    until(lambda: first.address not in laboratory_.health())
    first.hold_checks, checks = True, first.checks
    laboratory_.register(first)
    until(lambda: first.checks > checks)
    assert laboratory_.health() == {first.address: "initial", second.address: "healthy"}
    assert {laboratory_.get()[1] for _ in range(10)} == {second.address}
    first.hold_checks = False
    first.release.set()
    until(lambda: all_healthy(laboratory_, first, second))


def test_target_that_returns_while_draining_needs_a_new_check_too(
    laboratory_: Laboratory, services: list[Service]
) -> None:
    first, second = services
    laboratory_.register(first, second)
    until(lambda: all_healthy(laboratory_, first, second))
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(laboratory_.get, "/slow") for _ in services]
        assert all(service.entered.wait(10) for service in services)
        laboratory_.deregister(first)
        assert laboratory_.health()[first.address] == "draining"
        first.healthy = False
        laboratory_.register(first)
        until(lambda: laboratory_.health()[first.address] == "unhealthy")
        assert {laboratory_.get()[1] for _ in range(10)} == {second.address}
        first.healthy = True
        until(lambda: all_healthy(laboratory_, first, second))
        first.release.set()
        second.release.set()
        assert {each.result()[0] for each in slow} == {200}


def test_unhealthy_target_leaves_the_rotation_and_returns_when_healthy(
    laboratory_: Laboratory, services: list[Service]
) -> None:
    first, second = services
    laboratory_.register(first, second)
    until(lambda: all_healthy(laboratory_, first, second))
    first.healthy = False
    until(lambda: laboratory_.health()[first.address] == "unhealthy")
    assert laboratory_.reason(first) == "Target.FailedHealthChecks"
    assert {laboratory_.get()[1] for _ in range(10)} == {second.address}
    first.healthy = True
    until(lambda: all_healthy(laboratory_, first, second))


def test_role_without_the_action_is_denied_and_changes_nothing(
    laboratory_: Laboratory, services: list[Service]
) -> None:
    laboratory_.register(*services)
    until(lambda: all_healthy(laboratory_, *services))
    allowed = ["elasticloadbalancing:DescribeTargetHealth"]
    arn = laboratory.role(laboratory_.emulator, f"reader-{laboratory_.port}", {"AWS": "*"}, allowed)
    reader = laboratory.client("elbv2", laboratory_.endpoint, laboratory.session(laboratory_.emulator, arn))
    assert (
        len(reader.describe_target_health(TargetGroupArn=laboratory_.group)["TargetHealthDescriptions"]) == 2
    )
    target = {"Id": services[0].address, "Port": services[0].port}
    with pytest.raises(ClientError) as denied:
        reader.deregister_targets(TargetGroupArn=laboratory_.group, Targets=[target])
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError):
        reader.describe_listeners(LoadBalancerArn=laboratory_.load_balancer)
    assert all_healthy(laboratory_, *services)


def test_weights_divide_the_requests_and_are_described(
    laboratory_: Laboratory, services: list[Service]
) -> None:
    first, second = services
    bed = laboratory_.new_group(f"bed-{laboratory_.port}")
    laboratory_.register(first)
    laboratory_.register(second, group=bed)
    assert laboratory_.health(bed) == {second.address: "unused"}
    parts = [{"TargetGroupArn": laboratory_.group, "Weight": 3}, {"TargetGroupArn": bed, "Weight": 1}]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": parts}}
    laboratory_.elb.modify_listener(ListenerArn=laboratory_.listener, DefaultActions=[action])
    until(lambda: all_healthy(laboratory_, first) and laboratory_.health(bed) == {second.address: "healthy"})
    until(lambda: laboratory_.get()[1] == second.address)
    answers = [laboratory_.get()[1] for _ in range(200)]
    assert 20 <= answers.count(second.address) <= 85
    found = laboratory_.elb.describe_listeners(ListenerArns=[laboratory_.listener])["Listeners"][0]
    assert [part["Weight"] for part in found["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]] == [3, 1]


def test_two_ports_of_one_address_are_two_targets(laboratory_: Laboratory) -> None:
    with Service("127.0.0.13").running() as first, Service("127.0.0.13").running() as second:
        laboratory_.register(first, second)
        until(lambda: laboratory_.health() == {"127.0.0.13": "healthy"})
        laboratory_.deregister(first)
        until(lambda: laboratory_.reason(first) == "Target.NotRegistered")
        assert laboratory_.get() == (200, "127.0.0.13")
        assert laboratory_.reason(second) == ""


def test_targets_registered_at_the_emulator_are_adopted(
    laboratory_: Laboratory, services: list[Service]
) -> None:
    targets = [{"Id": each.address, "Port": each.port} for each in services]
    behind = laboratory.client("elbv2", laboratory_.emulator)
    behind.register_targets(TargetGroupArn=laboratory_.group, Targets=targets)
    until(lambda: all_healthy(laboratory_, *services))


def test_dead_envoy_is_restarted_with_its_configuration(
    laboratory_: Laboratory, services: list[Service]
) -> None:
    laboratory_.register(*services)
    until(lambda: all_healthy(laboratory_, *services))
    envoy = laboratory_.state()["envoy"]
    os.kill(envoy["pid"], signal.SIGKILL)
    until(lambda: laboratory_.state()["envoy"]["pid"] not in (None, envoy["pid"]))
    until(lambda: all_healthy(laboratory_, *services))
    assert laboratory_.get()[0] == 200


def test_taken_listener_port_is_reported_with_its_holder(laboratory_: Laboratory) -> None:
    with Service("127.0.0.1").running() as other:
        elb = laboratory_.elb
        elb.create_listener(
            LoadBalancerArn=laboratory_.load_balancer,
            Port=other.port,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": laboratory_.group}],
        )
        problem = next(each for each in laboratory_.state()["problems"] if str(other.port) in each)
        assert f"taken by pid {os.getpid()}" in problem
    until(lambda: not any(str(other.port) in each for each in laboratory_.state()["problems"]))
    until(lambda: laboratory.is_open(other.port))


def test_new_dispatcher_adopts_the_emulators_targets_and_leaves_no_process(
    laboratory_: Laboratory, services: list[Service], tmp_path: Path
) -> None:
    laboratory_.register(*services)
    until(lambda: all_healthy(laboratory_, *services))
    with laboratory.dispatcher(laboratory_.emulator, tmp_path) as (url, _):
        again = Laboratory(laboratory_.emulator, url, tmp_path, 0, laboratory_.group)
        until(lambda: all_healthy(again, *services))
        envoy = again.state()["envoy"]["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(envoy, 0)


def test_envoy_keeps_serving_while_the_emulator_is_down(services: list[Service], tmp_path: Path) -> None:
    with ExitStack() as stack:
        with laboratory.emulator(tmp_path) as url:
            endpoint, _ = stack.enter_context(laboratory.dispatcher(url, tmp_path, "--sync-interval", "0.1"))
            lab = Laboratory(url, endpoint, tmp_path, laboratory.free_port())
            lab.build("away")
            lab.register(*services)
            until(lambda: all_healthy(lab, *services))
        until(lambda: not lab.state()["emulator"]["reachable"])
        assert {lab.get()[1] for _ in range(8)} == {service.address for service in services}
        with pytest.raises(ClientError) as away:
            lab.health()
        assert away.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_no_request_fails_while_targets_are_registered_and_deregistered(
    laboratory_: Laboratory, services: list[Service]
) -> None:
    first, second = services
    laboratory_.register(first, second)
    until(lambda: all_healthy(laboratory_, first, second))
    stop = threading.Event()
    failures: list[tuple[int, str]] = []

    def ask() -> None:
        while not stop.is_set():
            if (found := laboratory_.get())[0] != 200:
                failures.append(found)

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(ask)
        for service in [first, second] * 3:
            laboratory_.deregister(service)
            until(partial(is_gone, laboratory_, service))
            laboratory_.register(service)
            until(lambda: all_healthy(laboratory_, first, second))
        stop.set()
    assert failures == []
