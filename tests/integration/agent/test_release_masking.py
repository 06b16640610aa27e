"""A release command's output and processes are reported without the values of its configuration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.agent import agent
from apps.agent.errors import LeftBehind
from apps.agent.service import Service
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Order, Turn
from tests.integration.agent.host import Host
from tests.integration.agent.release_runs import FAILED_RELEASE, failure, publish


@dataclass(frozen=True)
class Values:
    """The values of every revision of a configuration."""

    given: Mapping[str, str]

    def values(self, _revision: int) -> Mapping[str, str]:
        return self.given


def reported(
    host: Host,
    ran: Path,
    command: str,
    values: Mapping[str, str],
    prepare: Callable[[agent.Agent, Turn], object] = lambda *_: None,
) -> HostReport:
    """Return the report of one poll, at which the agent has a release command and this configuration."""
    publish(host, ran, command)
    turn = host.turn(Order.RELEASE, "1.0.1", config=3)
    made = agent.Agent(host.settings, host.turns, host.reports, host.releases, configurations=Values(values))
    prepare(made, turn)
    made._reporter.start()
    made.step()
    report = host.outcome(turn)
    made._reporter.close()
    return report


def test_values_of_the_configuration_are_masked_in_the_output(still_host: Host, ran: Path) -> None:
    command = "echo cannot reach $DATABASE_URL; exit 1"
    report = reported(still_host, ran, command, {"DATABASE_URL": "postgres://secret-of-db"})
    assert report.log_tail == "cannot reach [DATABASE_URL]"
    assert "secret" not in (still_host.settings.home / "logs" / "service.log").read_text()


def test_value_that_the_report_cuts_is_masked(still_host: Host, ran: Path) -> None:
    """Only the last lines of the output are reported, and they may begin in the middle of a value."""
    secret = "".join(f"{n:04d}-" for n in range(800))
    command = "echo before $KEY; head -c 1000 /dev/zero | tr '\\0' x; exit 1"
    report = reported(still_host, ran, command, {"KEY": secret})
    assert report.log_tail.startswith("[KEY]\nxxx")
    assert not [part for part in secret.split("-") if part and part in report.log_tail]


class Unending:
    """A service that can end nothing; its error names a process with a value of the configuration."""

    def __init__(self, service: Service) -> None:
        self.log, self.spared, self.trimming, self.started = service.log, 0, service.trimming, None
        self.account = None

    def end_processes(self, _find: object, _seconds: float) -> None:
        raise LeftBehind("pid 41 (psql postgres://secret-of-db)", "1.0.1", 5.0)


@pytest.mark.parametrize("stage", [AgentStage.FETCHING, AgentStage.RELEASING])
def test_process_that_cannot_be_ended_is_named_without_the_configuration(
    still_host: Host, ran: Path, stage: AgentStage
) -> None:
    def interrupt(made: agent.Agent, turn: Turn) -> None:
        made._installer._releaser._service = Unending(made._service)  # type: ignore[assignment]
        made._journal.begin(turn, AgentStage.FETCHING)
        made._journal.advance(stage)

    report = reported(still_host, ran, "true", {"DATABASE_URL": "postgres://secret-of-db"}, interrupt)
    assert failure(report) == FAILED_RELEASE
    assert "pid 41 (psql [DATABASE_URL])" in report.detail
    assert report.release_not_known is (stage is AgentStage.RELEASING)
