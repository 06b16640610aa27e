"""A release command's output and processes are reported without the values of its configuration."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from apps.agent import agent
from apps.agent.errors import LeftBehind
from apps.agent.service import Service
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.host_command import Order
from tests.integration.agent.host import Host
from tests.integration.agent.release_runs import FAILED_RELEASE, failure, publish


def test_values_of_the_configuration_are_masked_in_the_output(still_host: Host, ran: Path) -> None:
    host = still_host

    class Values:
        def values(self, _revision: int) -> Mapping[str, str]:
            return {"DATABASE_URL": "postgres://secret-of-db"}

    publish(host, ran, "echo cannot reach $DATABASE_URL; exit 1")
    turn = host.turn(Order.RELEASE, "1.0.1", config=3)
    made = agent.Agent(host.settings, host.turns, host.reports, host.releases, configurations=Values())
    made._reporter.start()
    made.step()
    report = host.outcome(turn)
    made._reporter.close()
    assert report.log_tail == "cannot reach [DATABASE_URL]"
    assert "secret" not in (host.settings.home / "logs" / "service.log").read_text()


def test_value_that_the_report_cuts_is_masked(still_host: Host, ran: Path) -> None:
    """Only the last lines of the output are reported, and they may begin in the middle of a value."""
    host, secret = still_host, "".join(f"{n:04d}-" for n in range(800))

    class Values:
        def values(self, _revision: int) -> Mapping[str, str]:
            return {"KEY": secret}

    publish(host, ran, "echo before $KEY; head -c 1000 /dev/zero | tr '\\0' x; exit 1")
    turn = host.turn(Order.RELEASE, "1.0.1", config=3)
    made = agent.Agent(host.settings, host.turns, host.reports, host.releases, configurations=Values())
    made._reporter.start()
    made.step()
    report = host.outcome(turn)
    made._reporter.close()
    assert report.log_tail.startswith("[KEY]\nxxx")
    assert not [part for part in secret.split("-") if part and part in report.log_tail]


class Unending:
    """A service that can end nothing; its error names a process with a value of the configuration."""

    def __init__(self, service: Service) -> None:
        self.log, self.spared, self.trimming, self.started = service.log, 0, service.trimming, None

    def end_processes(self, _find: object, _seconds: float) -> None:
        raise LeftBehind("pid 41 (psql postgres://secret-of-db)", "1.0.1", 5.0)


@pytest.mark.parametrize("stage", [AgentStage.FETCHING, AgentStage.RELEASING])
def test_process_that_cannot_be_ended_is_named_without_the_configuration(
    still_host: Host, ran: Path, stage: AgentStage
) -> None:
    host = still_host

    class Values:
        def values(self, _revision: int) -> Mapping[str, str]:
            return {"DATABASE_URL": "postgres://secret-of-db"}

    publish(host, ran, "true")
    turn = host.turn(Order.RELEASE, "1.0.1", config=3)
    made = agent.Agent(host.settings, host.turns, host.reports, host.releases, configurations=Values())
    made._installer._releaser._service = Unending(made._service)  # type: ignore[assignment]
    made._journal.begin(turn, AgentStage.FETCHING)
    made._journal.advance(stage)
    made._reporter.start()
    made.step()
    report = host.outcome(turn)
    made._reporter.close()
    assert failure(report) == FAILED_RELEASE
    assert "pid 41 (psql [DATABASE_URL])" in report.detail
    assert report.release_not_known is (stage is AgentStage.RELEASING)
