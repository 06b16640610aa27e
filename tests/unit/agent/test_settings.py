"""The agent's command line."""

from pathlib import Path

import pytest

from apps.agent.settings import Settings, StopService, parse
from lifecycle.domain.errors import InvalidName
from lifecycle.domain.fleet.cluster import Cluster

ENVIRONMENT = {
    "LIFECYCLE_HOST": "web-1",
    "LIFECYCLE_ENVIRONMENT": "production",
    "LIFECYCLE_SERVICE": "hello",
    "LIFECYCLE_ADDRESS": "10.0.0.7",
    "LIFECYCLE_PORT": "8080",
    "LIFECYCLE_AGENT_HOME": "/var/lib/agent",
    "LEDGER_TABLE": "ledger",
    "ARTIFACT_BUCKET": "artifacts",
}


def test_everything_may_come_from_the_environment() -> None:
    assert parse([], ENVIRONMENT) == Settings(
        host="web-1",
        cluster=Cluster("production", "hello"),
        address="10.0.0.7",
        port=8080,
        home=Path("/var/lib/agent"),
        table="ledger",
        bucket="artifacts",
    )


def test_a_flag_wins_over_the_environment() -> None:
    settings = parse(["--port", "9090", "--idle-seconds", "0.5"], ENVIRONMENT)

    assert isinstance(settings, Settings)
    assert (settings.port, settings.idle_seconds) == (9090, 0.5)


def test_what_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--home", "/x", "--host", "web-1"], {})

    said = capsys.readouterr().err
    assert "--environment" in said
    assert "--table" in said
    assert "--host," not in said.rpartition("expected also")[2]


def test_stopping_the_service_needs_its_folder_only() -> None:
    assert parse(["stop-service", "--home", "/x"], {}) == StopService(Path("/x"))


def test_an_environment_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidName):
        parse(["--environment", "test"], ENVIRONMENT)
