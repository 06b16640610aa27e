"""Turns of a real agent with real services: installs, refusals and reports."""

import os
import socket
import threading
import time
from dataclasses import replace

import pytest

from apps.agent.digests import sha256
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.service.manifest import Check
from lifecycle.gateways.serialization import to_json
from tests.integration.agent.host import PYTHON, Host, group_alive
from tests.support.polling import eventually


def test_prefetch_brings_the_version_to_the_disk_and_starts_nothing(host: Host) -> None:
    host.publish("1.0.0")

    report = host.outcome(host.turn(Order.PREFETCH, "1.0.0"))

    assert (report.stage, report.releases) == (AgentStage.READY, ("1.0.0",))
    assert (report.installed, report.running, report.boot) == ("", False, "")


def test_an_install_serves_the_version_and_reports_its_self_test(host: Host) -> None:
    manifest = host.publish("1.0.0")

    report = host.install("1.0.0")

    assert (report.stage, report.installed, report.digest) == (AgentStage.DONE, "1.0.0", manifest.digest)
    assert report.running
    assert report.self_test is not None
    assert (report.self_test.passed, report.self_test.digest) == (True, manifest.digest)
    assert report.self_test.boot == report.boot != ""
    assert host.answer() == "1.0.0"


def test_an_install_after_a_prefetch_reads_nothing_from_the_store(host: Host) -> None:
    host.publish("1.0.0")
    host.outcome(host.turn(Order.PREFETCH, "1.0.0"))
    host.releases.requested.clear()

    assert host.install("1.0.0").stage is AgentStage.DONE
    assert host.releases.requested == []


def test_the_service_does_not_inherit_the_agents_environment(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    host.publish("1.0.0", run=f"env > printed; {PYTHON} serve.py", environment={"MODE": "quiet", "PORT": "1"})
    host.install("1.0.0")

    lines = (host.settings.home / "current" / "printed").read_text().splitlines()
    environment = dict(line.split("=", 1) for line in lines)
    expected = {"MODE": "quiet", "PORT": str(host.settings.port), "HOST": "127.0.0.1"}
    assert expected.items() <= environment.items()
    assert {"LIFECYCLE_VERSION": "1.0.0", "LIFECYCLE_HOST": "web-1"}.items() <= environment.items()
    assert not [name for name in environment if name.startswith("AWS")]


def test_the_next_version_replaces_the_last(host: Host) -> None:
    host.publish("1.0.0")
    host.publish("1.0.1")
    first = host.install("1.0.0")
    second = host.install("1.0.1")

    assert host.answer() == "1.0.1"
    assert second.boot != first.boot


def test_a_rollback_needs_no_store(host: Host) -> None:
    first = host.publish("1.0.0", run=f"touch written-by-the-service; {PYTHON} serve.py")
    host.publish("1.0.1", self_test=Check("/500", timeout_seconds=1))
    host.install("1.0.0")
    assert host.install("1.0.1").stage is AgentStage.FAILED
    host.releases.published["hello", "1.0.0"] = host.releases.published["hello", "1.0.1"]
    host.epoch += 1

    report = host.install("1.0.0", digest=first.digest, manifest=sha256(to_json(first)))

    assert (report.stage, report.installed, host.answer()) == (AgentStage.DONE, "1.0.0", "1.0.0")


def test_a_replaced_manifest_is_not_taken_from_the_store_nor_from_the_disk(host: Host) -> None:
    own = host.publish("1.0.0")
    artifact = host.releases.published["hello", "1.0.0"][1]
    other = replace(own, run=replace(own.run, command=f"touch taken-over; {PYTHON} serve.py"))
    host.releases.publish(other, artifact)
    refused = host.install("1.0.0", manifest=sha256(to_json(own)))
    assert (refused.stage, refused.installed) == (AgentStage.FAILED, "")
    assert "the manifest of 1.0.0 was tampered with or damaged: expected sha256" in refused.detail
    assert host.install("1.0.0").stage is AgentStage.DONE
    again = host.install("1.0.0", manifest=sha256(to_json(own)))
    assert again.stage is AgentStage.FAILED


def test_a_turn_of_an_older_control_plane_names_no_manifest(host: Host) -> None:
    host.publish("1.0.0")
    assert host.install("1.0.0", manifest="").stage is AgentStage.DONE


def test_a_self_test_with_a_bad_status_fails_and_leaves_the_host_as_it_is(host: Host) -> None:
    host.publish("1.0.0", self_test=Check("/503", timeout_seconds=1))

    report = host.install("1.0.0")

    assert (report.stage, report.failed_stage) == (AgentStage.FAILED, AgentStage.SELF_TESTING)
    assert "503" in report.detail
    assert "serving 1.0.0" in report.log_tail
    assert (report.installed, report.running) == ("1.0.0", True)
    assert report.self_test is not None
    assert not report.self_test.passed


def test_a_service_that_dies_in_its_self_test_fails_with_its_exit_code_and_log(host: Host) -> None:
    host.publish("1.0.0", self_test=Check("/die", timeout_seconds=1))

    report = host.install("1.0.0")

    assert (report.stage, report.failed_stage) == (AgentStage.FAILED, AgentStage.SELF_TESTING)
    assert "exit code 7" in report.detail
    assert report.log_tail.endswith("dying")
    assert (report.running, report.boot) == (False, "")


def test_a_self_test_may_be_a_command_with_the_services_address(host: Host) -> None:
    command = 'test "$HOST" = 127.0.0.1 && test -n "$PORT" && test -f version'
    host.publish("1.0.0", self_test=Check(command=command))

    assert host.install("1.0.0").stage is AgentStage.DONE


def test_a_failed_self_test_command_is_reported_with_its_output(host: Host) -> None:
    host.publish("1.0.0", self_test=Check(command="echo no database; exit 4"))

    report = host.install("1.0.0")

    assert report.failed_stage is AgentStage.SELF_TESTING
    assert "exit code 4" in report.detail
    assert "no database" in report.detail


@pytest.mark.parametrize("check", [Check("/slow", None, 0.2), Check(command="sleep 9", timeout_seconds=0.2)])
def test_a_self_test_fails_after_its_timeout(host: Host, check: Check) -> None:
    dripping = """
import os, socket, time
listener = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    connection, _ = listener.accept()
    try:
        connection.sendall(b"HTTP/1.1 200 OK\\r\\n")
        while True:
            connection.sendall(b"A")
            time.sleep(0.02)
    except OSError:
        pass
"""
    host.publish("1.0.0", run=f"{PYTHON} drip.py", files={"drip.py": dripping}, self_test=check, is_alive=Check())

    assert host.install("1.0.0").failed_stage is AgentStage.SELF_TESTING


@pytest.mark.parametrize(
    ("head", "body", "problem"),
    [
        ("Content-Length: 9", "pass", "the answer was cut short: 5 bytes of its Content-Length are missing"),
        ("Content-Length: 1000000", "p" * 1000, "the answer was cut short: 999000 bytes"),
        ("Transfer-Encoding: chunked", "4\r\npass\r\n", "the answer was cut short"),
        ("Transfer-Encoding: chunked", "9\r\npass", "the answer was cut short"),
        ("Transfer-Encoding: chunked", f"{500:x}\r\n{'p' * 500}\r\n", "the answer was cut short"),
        ("Content-Length: 4", "pass", ""),
        ("Transfer-Encoding: chunked", "4\r\npass\r\n0\r\n\r\n", ""),
        ("Content-Length: 100000", "p" * 100000, ""),
    ],
)
def test_an_answer_that_is_cut_short_is_no_passed_self_test(host: Host, head: str, body: str, problem: str) -> None:
    cutting = """
import os, socket
listener = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    connection, _ = listener.accept()
    try:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 200 OK\\r\\n{os.environ['HEAD']}\\r\\n\\r\\n{os.environ['BODY']}".encode())
        connection.shutdown(socket.SHUT_WR)
    except OSError:  # a check that the port is open
        pass
    connection.close()
"""
    host.publish(
        "1.0.0",
        run=f"{PYTHON} cut.py",
        files={"cut.py": cutting},
        environment={"HEAD": head, "BODY": body},
        self_test=Check("/self_test", timeout_seconds=5),
        is_alive=Check(),
    )

    report = host.install("1.0.0")

    assert report.stage is (AgentStage.FAILED if problem else AgentStage.DONE), report
    assert problem in report.detail


def test_a_service_that_exits_while_starting_fails_at_once(host: Host) -> None:
    host.publish("1.0.0", run="echo cannot start; exit 3", start_seconds=30)

    report = host.install("1.0.0")

    assert (report.stage, report.failed_stage) == (AgentStage.FAILED, AgentStage.STARTING)
    assert "exit code 3" in report.detail
    assert report.log_tail == "cannot start"
    assert (report.installed, report.running) == ("1.0.0", False)


def test_a_service_that_never_listens_fails_after_start_seconds(host: Host) -> None:
    host.publish("1.0.0", run="exec sleep 60", start_seconds=0.3)

    report = host.install("1.0.0")

    assert report.failed_stage is AgentStage.STARTING
    assert "within 0.3 s" in report.detail


def test_a_taken_port_is_reported_with_the_process_that_listens(host: Host) -> None:
    host.publish("1.0.0")
    with socket.create_server(("0.0.0.0", host.settings.port)):
        report = host.install("1.0.0")

    assert report.stage is AgentStage.FAILED
    assert f"127.0.0.1:{host.settings.port} is taken by pid {os.getpid()} (" in report.detail, report.detail


def test_port_that_nobody_is_seen_to_hold_is_waited_for(host: Host) -> None:
    """As for a moment after a process with threads was ended: no process listens, and the port is still bound."""
    host.publish("1.0.0")
    bound = socket.socket()
    bound.bind(("127.0.0.1", host.settings.port))
    release = threading.Timer(0.5, bound.close)
    release.start()
    report = host.install("1.0.0")
    release.join()
    assert (report.stage, report.detail) == (AgentStage.DONE, "GET /self_test answered 200"), report


def test_a_tampered_artifact_is_refused_and_the_service_goes_on(host: Host) -> None:
    host.publish("1.0.0")
    before = host.install("1.0.0")
    manifest = host.publish("1.0.1")
    artifact = host.releases.published["hello", "1.0.1"][1]
    host.releases.publish(manifest, artifact[:-9] + b"x" + artifact[-8:])

    report = host.install("1.0.1")

    assert (report.stage, report.failed_stage) == (AgentStage.FAILED, AgentStage.FETCHING)
    assert "tampered" in report.detail
    assert (report.installed, report.boot, report.running) == ("1.0.0", before.boot, True)
    assert "1.0.1" not in report.releases
    assert host.answer() == "1.0.0"


def test_a_manifest_with_another_digest_than_the_turn_is_refused(host: Host) -> None:
    host.publish("1.0.0")

    report = host.outcome(host.turn(Order.PREFETCH, "1.0.0", digest="0" * 64))

    assert report.stage is AgentStage.FAILED
    assert "manifest" in report.detail


def test_an_invalid_version_is_refused(host: Host) -> None:
    host.publish("1.0.0")

    turn = replace(host.turn(Order.IDLE, "1.0.0"), order=Order.INSTALL, version="../../etc")
    host.turns.turn = turn

    report = host.outcome(turn)

    assert report.stage is AgentStage.FAILED
    assert list(host.settings.home.parent.iterdir()) == [host.settings.home]


def test_a_tree_that_was_changed_on_the_disk_is_unpacked_again(host: Host) -> None:
    host.publish("1.0.0")
    host.outcome(host.turn(Order.PREFETCH, "1.0.0"))
    (host.settings.home / "releases" / "1.0.0" / "version").write_text("evil")

    host.install("1.0.0")

    assert host.answer() == "1.0.0"


def test_an_artifact_that_was_changed_on_the_disk_is_fetched_again(host: Host) -> None:
    host.publish("1.0.0")
    host.outcome(host.turn(Order.PREFETCH, "1.0.0"))
    (host.settings.home / "releases" / "1.0.0" / "version").write_text("evil")
    (host.settings.home / "artifacts" / "1.0.0" / "artifact.tar.gz").write_bytes(b"evil")

    assert host.install("1.0.0").stage is AgentStage.DONE
    assert host.answer() == "1.0.0"


def test_the_last_three_versions_stay_on_the_disk_with_the_one_to_roll_back_to(host: Host) -> None:
    for patch in range(5):
        host.publish(f"1.0.{patch}")
    host.install("1.0.0")
    for patch in range(1, 5):
        report = host.outcome(host.turn(Order.PREFETCH, f"1.0.{patch}"))

    assert report.releases == ("1.0.0", "1.0.3", "1.0.4")
    on_disk = sorted(path.name for path in (host.settings.home / "releases").iterdir())
    assert on_disk == ["1.0.0", "1.0.3", "1.0.4"]


def test_a_service_that_ignores_sigterm_is_killed_with_its_children(host: Host) -> None:
    stubborn = f"trap '' TERM; sleep 77 & {PYTHON[5:]} serve.py"
    host.publish("1.0.0", run=stubborn, stop_seconds=0.2)
    host.publish("1.0.1")
    host.install("1.0.0")
    group = host.pid()

    assert host.install("1.0.1").stage is AgentStage.DONE
    assert not group_alive(group)


def test_an_expired_turn_does_not_begin(host: Host) -> None:
    host.publish("1.0.0")
    turn = host.turn(Order.INSTALL, "1.0.0", expires_at=host.turn(Order.IDLE, "1.0.0").issued_at)
    reads = host.turns.reads

    for attempt in eventually():
        with attempt:
            assert host.turns.reads > reads + 2
    assert not host.reports.written[-1].answers(turn)


def test_the_heartbeat_goes_on_while_a_service_starts(host: Host) -> None:
    host.publish("1.0.0", run="exec sleep 60", start_seconds=1.0)
    began = time.monotonic()
    report = host.install("1.0.0")

    starting = [each for each in host.reports.written if each.stage is AgentStage.STARTING]
    assert time.monotonic() - began > 0.9
    assert len(starting) >= 3
    assert report.failed_stage is AgentStage.STARTING
