"""Failures on a host: the rollout halts there with the reason, and the other host keeps serving."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from apps.local.ports import is_free
from lifecycle.domain.service.version import artifact_prefix
from tests.conftest import Laptop
from tests.end_to_end.command_line import Output
from tests.end_to_end.service import Service
from tests.support.polling import wait_for
from tools.demo.traffic import Traffic

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("brittle_healthy")]

RATE = 50.0


def deploy_until_halt(service: Service, version: str) -> tuple[dict[str, str], Output]:
    """Deploy a version that halts, under traffic that must not fail; return the question and the output."""
    with Traffic(service.url, RATE) as traffic:
        output = service.deploy(version, code=1)
    assert output.end["state"] == "HALTED", output
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert version not in traffic.tally.versions
    return output.end["question"], output


def assert_retry_succeeds(service: Service, question: dict[str, str]) -> None:
    """Decide RETRY after a repair; assert that the deployment ends DONE."""
    output = service.operator("decide", question["deployment"], "RETRY", "--why", "repaired", "--watch")
    assert output.end["state"] == "DONE", output


def test_a_service_that_never_starts(brittle: Service, moods: dict[str, str]) -> None:
    question, _ = deploy_until_halt(brittle, moods["never starts"])
    assert "failed while starting: the service ended while it started (exit code 1)" in question["reason"]
    assert "brittle: I never start" in question["evidence"]


def test_a_service_that_dies_in_its_self_test(brittle: Service, moods: dict[str, str]) -> None:
    question, _ = deploy_until_halt(brittle, moods["dies in its self-test"])
    assert "failed while self-testing" in question["reason"]
    assert "exit code 3" in question["reason"]
    assert "brittle: I die in my self-test" in question["evidence"]


@pytest.mark.usefixtures("unsupervised")
def test_a_port_that_another_process_listens_on(brittle: Service, moods: dict[str, str]) -> None:
    host = brittle.production.hosts[0]
    os.kill(brittle.pid(host.name), signal.SIGKILL)
    with occupied(host.address, host.port):
        output = brittle.deploy(moods["spare"], code=1)
    question = output.end["question"]
    assert question["host"] == host.name, output
    assert f"{host.address}:{host.port} is taken by" in question["reason"]
    assert str(os.getpid()) in question["reason"] + question["evidence"]
    assert_retry_succeeds(brittle, question)


@contextmanager
def occupied(address: str, port: int) -> Iterator[None]:
    """Listen on the port as soon as it is free, without answering."""
    wait_for(f"{address}:{port} to be free", lambda: is_free(address, port))
    with socket.create_server((address, port)):
        yield


def test_a_tampered_artifact_is_refused_before_the_host_is_drained(
    laptop: Laptop, brittle: Service, moods: dict[str, str]
) -> None:
    version = moods["tampered with"]
    s3, bucket = laptop.aws.client("s3"), laptop.facts["artifact_bucket"]
    key = f"{artifact_prefix('brittle', version)}/artifact.tar.gz"
    published = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    before = {host.name: brittle.pid(host.name) for host in brittle.production.hosts}

    s3.put_object(Bucket=bucket, Key=key, Body=published[:-1] + bytes([published[-1] ^ 1]))
    try:
        question, output = deploy_until_halt(brittle, version)
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=published)
    assert "was tampered with or damaged: expected sha256" in question["reason"] + question["evidence"]
    assert "failed while fetching" in question["reason"]
    assert "drain" not in [step for _, step in brittle.steps(output.facts["deployment"])]
    assert {host.name: brittle.pid(host.name) for host in brittle.production.hosts} == before
    assert [host["drift"] for host in brittle.host_views().values()] == [f"has {moods['healthy']} installed"] * 2
