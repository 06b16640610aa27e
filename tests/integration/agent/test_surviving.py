"""An agent goes on after errors that nobody foresaw, and the turn that met one fails with a reason."""

import os
import signal
import threading
from pathlib import Path

import pytest

from apps.agent import service_log
from apps.agent.agent import Agent
from apps.agent.polling import Stopping
from apps.agent.reporter import Reporter
from apps.agent.service import Service, _in_words
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.service.manifest import ReleaseCommand
from tests.fakes.agent import MemoryReports
from tests.integration.agent.host import Host

UNKNOWN = [RecursionError("too deep"), MemoryError(), UnicodeError("no text"), ValueError("no number")]


class _Raises:
    """A method that fails with an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, *_: object, **__: object) -> None:
        raise self.error


@pytest.mark.parametrize("error", UNKNOWN, ids=repr)
@pytest.mark.parametrize("order", [Order.PREFETCH, Order.INSTALL])
def test_turn_that_meets_an_unknown_error_fails_with_its_name(
    still_host: Host, order: Order, error: Exception
) -> None:
    still_host.publish("1.0.0")
    agent: Agent = still_host.agent()
    still_host.turn(order, "1.0.0")
    agent._release_store.prepare = _Raises(error)  # type: ignore[assignment]
    assert agent.step() > 0
    report = agent._report()
    assert report.stage is AgentStage.FAILED
    assert report.failed_stage is not None
    assert f"the agent failed: {type(error).__name__}" in report.detail


def test_agent_goes_on_after_an_unknown_error(still_host: Host) -> None:
    still_host.publish("1.0.0")
    still_host.publish("1.0.1")
    agent: Agent = still_host.agent()
    store = agent._release_store
    prepare = store.prepare
    still_host.turn(Order.INSTALL, "1.0.0")
    store.prepare = _Raises(RecursionError())  # type: ignore[assignment]
    agent.step()
    store.prepare = prepare  # type: ignore[method-assign]
    still_host.turn(Order.INSTALL, "1.0.1")
    agent.step()
    assert agent._report().stage is AgentStage.DONE


def test_release_command_that_met_an_unknown_error_is_not_known_and_not_repeated(still_host: Host) -> None:
    still_host.publish("1.0.0", release=ReleaseCommand("exit 0", 5.0))
    agent: Agent = still_host.agent()
    still_host.turn(Order.RELEASE, "1.0.0")
    agent._reporter.start()
    agent._installer.release = _Raises(RecursionError("too deep"))  # type: ignore[assignment]
    agent.step()
    report = agent._report()
    assert report.release_not_known
    assert "RecursionError" in report.detail
    agent.step()
    assert agent._report().detail == report.detail
    agent._reporter.close()


def test_error_outside_of_a_turn_does_not_end_the_agent(still_host: Host) -> None:
    agent: Agent = still_host.agent()
    agent._turns.current = _Raises(RecursionError())  # type: ignore[method-assign]
    agent._service.trim_log = _Raises(MemoryError())  # type: ignore[method-assign]
    assert agent.step() > 0
    assert agent.step() > 0
    stopping = Stopping()
    threading.Timer(0.3, stopping.set).start()
    agent._wait(stopping, 10.0)


def test_same_unknown_error_is_logged_once(still_host: Host, caplog: pytest.LogCaptureFixture) -> None:
    agent: Agent = still_host.agent()
    agent._turns.current = _Raises(RecursionError())  # type: ignore[method-assign]
    agent.step()
    agent.step()
    assert caplog.text.count("an error that it does not know") == 1


def test_service_that_a_real_time_signal_has_ended_is_reported(tmp_path: Path) -> None:
    service = Service(tmp_path)
    number = signal.SIGRTMIN + 6
    go_out, go_in = os.pipe()
    pid = service._spawn(f"kill -{int(number)} $$; sleep 60", tmp_path, {"PATH": os.environ["PATH"]}, go_out)
    os.write(go_in, b"go\n")
    os.close(go_out)
    os.close(go_in)
    assert _in_words(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])) == f"signal {int(number)}"


def test_block_goes_on_where_no_thread_can_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", _Raises(RuntimeError("can't start new thread")))
    with service_log.trimming(tmp_path / "service.log"):
        ran = True
    assert ran


def test_reports_are_written_again_after_an_unknown_error(still_host: Host) -> None:
    reports = MemoryReports()
    write, failures = reports.write, [UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates")]

    def first_fails(report: object) -> None:
        if failures:
            raise failures.pop()
        write(report)  # type: ignore[arg-type]

    reports.write = first_fails  # type: ignore[method-assign]
    reporter = Reporter(reports, 60.0, still_host.clock)
    reporter.start()
    reporter.publish(still_host.agent()._report())
    assert reporter.flush(5.0)
    reporter.close()
