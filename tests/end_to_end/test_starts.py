"""Starts that are not as they should be: a service that warms up, and one that goes into the background."""

import pytest

from tests.end_to_end.service import Service
from tools.demo.traffic import Traffic

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("brittle_healthy")]

RATE = 50.0


def release(service: Service, mood: str) -> str:
    """Publish a release with this mood."""
    service.change("lifecycle.toml", r'approval = "\w+"', 'approval = "none"')
    service.change("lifecycle.toml", r'MOOD = "[^"]*"', f'MOOD = "{mood}"')
    run = service.push(mood)
    service.change("lifecycle.toml", r'MOOD = "[^"]*"', 'MOOD = "healthy"')
    return service.promoted(service.built(run))


def test_service_that_answers_503_while_it_warms_up_is_waited_for(brittle: Service) -> None:
    version = release(brittle, "warms up")
    with Traffic(brittle.url, RATE) as traffic:
        assert brittle.deploy(version).end["state"] == "DONE"
    assert traffic.tally.failed == 0, traffic.tally.facts()


def test_version_that_leaves_as_a_daemon_is_to_blame_and_rolled_back(brittle: Service, moods: dict[str, str]) -> None:
    version = release(brittle, "leaves as a daemon")
    question = brittle.deploy(version, code=1).end["question"]
    assert question["blame"] == "VERSION", question
    assert "must stay in the foreground" in question["reason"]

    with Traffic(brittle.url, RATE) as traffic:
        output = brittle.operator("decide", question["deployment"], "ROLL_BACK", "--why", "a daemon", "--watch")
    assert output.end["state"] == "DONE", output
    assert traffic.tally.failed == 0, traffic.tally.facts()
    assert {each["installed"] for each in brittle.host_views().values()} == {moods["healthy"]}
