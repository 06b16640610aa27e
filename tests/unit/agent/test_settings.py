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


def test_all_settings_may_come_from_the_environment() -> None:
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


@pytest.mark.parametrize(("text", "always"), [("1", True), ("0", False), ("", False)])
def test_metrics_at_rest_are_asked_for_with_a_one(text: str, always: bool) -> None:  # noqa: FBT001
    settings = parse([], {**ENVIRONMENT, "LIFECYCLE_METRICS_ALWAYS": text})

    assert isinstance(settings, Settings)
    assert settings.metrics_always is always


def test_missing_settings_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--home", "/x", "--host", "web-1"], {})

    printed = capsys.readouterr().err
    assert "--environment" in printed
    assert "--table" in printed
    assert "--host," not in printed.rpartition("missing:")[2]


def test_stop_service_needs_only_its_folder() -> None:
    assert parse(["stop-service", "--home", "/x"], {}) == StopService(Path("/x"))


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(InvalidName):
        parse(["--environment", "test"], ENVIRONMENT)
