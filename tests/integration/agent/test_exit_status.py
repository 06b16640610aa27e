"""The exit status of a service, as its host reports it."""

import os
import signal

from apps.agent.processes import pids, process
from tests.integration.agent.host import PYTHON, Host


def test_service_that_was_killed_says_so_though_a_shell_had_started_it(host: Host) -> None:
    host.publish("1.0.0", run=f"{PYTHON.removeprefix('exec ')} serve.py")
    host.install("1.0.0")
    for each in map(process, pids()):
        if each and each.session == host.pid() and each.pid != host.pid():
            os.kill(each.pid, signal.SIGKILL)  # as the kernel does when memory runs out

    report = host.reports.wait_for(lambda report: not report.running)

    assert report.ended
    assert report.ended.how == "SIGKILL"
