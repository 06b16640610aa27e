"""The output of services on a laptop: sent by the hosts' agents with their own roles, and read by an operator."""

import subprocess
import threading
import time

import pytest

from tests.conftest import Laptop
from tests.end_to_end.command_line import LIFECYCLE, Operator
from tests.end_to_end.conftest import Hello
from tests.end_to_end.service import Service
from tests.support.polling import PATIENCE_SECONDS, wait_for

pytestmark = pytest.mark.emulator


def test_output_of_every_host_is_read_by_the_operator(operator: Operator, hello: Service, releases: Hello) -> None:
    hosts = {host.name for host in hello.production.hosts}

    def complete() -> bool:
        found = operator.read("logs", hello.name, "--since", "1d", "--grep", "serves on").events
        return {each["host"] for each in found} == hosts

    assert wait_for("every host's first line", complete)
    one = min(hosts)
    found = operator.read("logs", hello.name, "--since", "1d", "--host", one).events
    assert {each["host"] for each in found} == {one}
    unknown = operator("logs", hello.name, "--host", "nobody", code=1)
    assert one in unknown.err


def test_following_shows_new_lines_and_ends_with_an_interrupt(
    operator: Operator, laptop: Laptop, hello: Service, releases: Hello
) -> None:
    host = hello.production.hosts[0].name
    log = laptop.layout.home / "hosts" / host / "logs" / "service.log"
    # A shell starts what it puts into the background with interrupts ignored, this test run included.
    process = subprocess.Popen(
        ["env", "--default-signal=INT", str(LIFECYCLE), "logs", hello.name, "--follow", "--grep", "said by a test"],
        env={**laptop.variables, "LIFECYCLE_AS": operator.name, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    seen = threading.Event()

    def say() -> None:
        """Write until a line was seen: the command shows nothing from before it began to look."""
        while not seen.is_set():
            time.sleep(0.5)
            with log.open("a") as file:
                file.write("said by a test\n")

    talker = threading.Thread(target=say)
    talker.start()
    try:
        lines = iter(process.stdout.readline, "")
        assert any(f"{host}  said by a test" in line for line in lines)
        seen.set()
        process.send_signal(2)
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        seen.set()
        talker.join()
        process.kill()
        process.wait()
        process.stdout.close()
