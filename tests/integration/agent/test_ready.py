"""A service is ready when it answers is_alive with 2xx, within start_seconds; what it does before is no failure."""

import pytest

from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.service.manifest import Check
from tests.integration.agent.host import PYTHON, Host

# A service whose behaviour until WARM seconds have passed is HOW; is_alive and the self-test answer alike.
WARMING = """
import os, socket, time
began, how, warm = time.monotonic(), os.environ["HOW"], float(os.environ["WARM"])
def cold(): return time.monotonic() - began < warm
if how == "late": time.sleep(warm)
listener = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    connection, _ = listener.accept()
    with connection:
        if cold() and how == "closes": continue
        if cold() and how == "hangs":
            time.sleep(warm)
            continue
        connection.recv(4096)
        if cold() and how == "dies":
            print("no memory", flush=True)
            os._exit(9)
        if cold() and how == "http2":
            connection.sendall(bytes.fromhex("000018040000000000000400400000000500400000"))
            continue
        if cold() and how == "garbage":
            connection.sendall(b"SSH-2.0-OpenSSH\\r\\n")
            continue
        status = how if cold() and how.isdigit() else "200"
        connection.sendall(b"HTTP/1.1 %s X\\r\\nContent-Length: 7\\r\\n\\r\\nwarming" % status.encode())
"""


def publish(
    host: Host,
    how: str,
    warm: float,
    start_seconds: float,
    is_alive: Check | None = None,
    self_test: Check | None = None,
) -> None:
    host.publish(
        "1.0.0",
        run=f"{PYTHON} warming.py",
        files={"warming.py": WARMING},
        environment={"HOW": how, "WARM": str(warm)},
        start_seconds=start_seconds,
        is_alive=is_alive,
        self_test=self_test,
    )


@pytest.mark.parametrize("how", ["503", "404", "302", "closes", "hangs", "late", "garbage"])
def test_service_that_warms_up_is_waited_for(host: Host, how: str) -> None:
    publish(host, how, warm=0.6, start_seconds=60)

    report = host.install("1.0.0")

    assert (report.stage, report.detail) == (AgentStage.DONE, "GET /self_test answered 200")


@pytest.mark.parametrize(
    ("how", "last"),
    [
        ("503", "it answered 503 warming"),
        ("closes", "the connection was closed without an answer"),
        ("hangs", "no answer in 0."),
        ("late", "connection refused"),
        ("garbage", "SSH-2.0"),
    ],
)
def test_service_that_never_gets_warm_fails_with_its_last_answer(host: Host, how: str, last: str) -> None:
    publish(host, how, warm=600, start_seconds=0.4)

    report = host.install("1.0.0")

    assert (report.stage, report.failed_stage) == (AgentStage.FAILED, AgentStage.STARTING)
    assert f"http://127.0.0.1:{host.settings.port}/is_alive did not answer 2xx within 0.4 s" in report.detail
    assert last in report.detail
    assert report.running


@pytest.mark.parametrize(
    ("how", "advice"),
    [
        ("503", "let checks.is_alive be a path that answers 2xx, or raise run.start_seconds; last: it answered 503"),
        ("late", "bind the service to HOST and PORT, or raise run.start_seconds; last: connection refused"),
        ("http2", "only HTTP/1.1 is balanced: see docs/lifecycle-toml.md#grpc-and-http2; last: the answer is HTTP/2"),
    ],
)
def test_advice_fits_the_last_answer_and_comes_before_it(host: Host, how: str, advice: str) -> None:
    publish(host, how, warm=600, start_seconds=0.4)

    assert advice in host.install("1.0.0").detail


def test_service_that_ends_while_it_warms_up_fails_at_once(host: Host) -> None:
    publish(host, "dies", warm=600, start_seconds=600)

    report = host.install("1.0.0")

    assert (report.failed_stage, report.log_tail) == (AgentStage.STARTING, "no memory")
    assert "exit code 9" in report.detail
    assert "foreground" not in report.detail


def test_server_that_waits_for_its_input_hears_that_the_input_is_empty(host: Host) -> None:
    host.publish("1.0.0", run="read line")
    host.publish("1.0.1", run="read line; exit 0")

    assert "exit code 1" in host.install("1.0.0").detail
    assert "must stay in the foreground; its standard input is empty" in host.install("1.0.1").detail


def test_is_alive_that_answers_later_than_its_timeout_is_asked_again(host: Host) -> None:
    """A server that accepts at once and imports its application first, as gunicorn does."""
    publish(host, "hangs", warm=1.0, start_seconds=60, is_alive=Check("/is_alive", timeout_seconds=0.2))

    assert host.install("1.0.0").stage is AgentStage.DONE


def test_self_test_that_times_out_is_final(host: Host) -> None:
    host.publish("1.0.0", self_test=Check(command="sleep 60", timeout_seconds=0.2), start_seconds=60)

    report = host.install("1.0.0")

    assert (report.failed_stage, "did not end in time" in report.detail) == (AgentStage.SELF_TESTING, True)


def test_manifest_without_a_path_waits_for_connections_only(host: Host) -> None:
    publish(host, "503", warm=600, start_seconds=5, is_alive=Check(), self_test=Check(command="exit 0"))

    assert host.install("1.0.0").stage is AgentStage.DONE
