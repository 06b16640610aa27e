"""Approval gates: the rollout waits, and the audit log has the operator, the answer and the reason."""

import pytest

from tests.end_to_end.service import Service

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("brittle_healthy")]


def wait_at_gate(service: Service, version: str) -> str:
    """Start a deployment and wait for its approval gate; return its name."""
    deployment = str(service.deploy(version, "--no-watch").facts["deployment"])
    question = service.wait_until("AWAITING_APPROVAL")
    assert [each["choice"] for each in question["choices"]] == ["APPROVE", "REJECT"]
    assert question["expires_at"]
    return deployment


def answer_in_trail(service: Service, deployment: str) -> tuple[str, str, str]:
    entry = next(each for each in service.trail(deployment) if each["what"].startswith("answered"))
    return entry["what"], entry["who"], entry["why"]


def test_nothing_is_touched_before_the_approval_and_everything_after_it(
    brittle: Service, moods: dict[str, str]
) -> None:
    deployment = wait_at_gate(brittle, moods["before_first_host"])
    assert set(brittle.installed().values()) == {moods["healthy"]}
    output = brittle.operator("approve", "brittle", "--why", "the numbers are good", "--watch")
    assert output.end["state"] == "DONE"
    assert set(brittle.installed().values()) == {moods["before_first_host"]}
    assert answer_in_trail(brittle, deployment) == ("answered APPROVE", "ada", "the numbers are good")


def test_a_rejection_before_the_first_host_leaves_everything_as_it_was(
    brittle: Service, moods: dict[str, str]
) -> None:
    deployment = wait_at_gate(brittle, moods["before_first_host"])
    brittle.operator("reject", "brittle", "--yes", "--why", "not on a Friday")
    ended = brittle.operator("watch", deployment, code=1).events[-1]
    assert (ended["state"], brittle.steps(deployment)) == ("REJECTED", [])
    assert answer_in_trail(brittle, deployment) == ("answered REJECT", "ada", "not on a Friday")
    assert brittle.status()["desired"] == moods["healthy"]
    refused = brittle.operator("approve", "brittle", "--why", "but now", code=1)
    assert not refused.out
    assert refused.err


def test_the_first_host_is_updated_and_rolled_back_when_it_is_rejected(
    brittle: Service, moods: dict[str, str]
) -> None:
    deployment = wait_at_gate(brittle, moods["after_first_host"])
    first = next(host for host, _ in brittle.steps(deployment))
    assert brittle.installed()[first] == moods["after_first_host"]
    assert sorted(brittle.installed().values()) == sorted([moods["healthy"], moods["after_first_host"]])
    output = brittle.operator("reject", "brittle", "--yes", "--why", "it is slow", "--watch")
    assert output.end["state"] == "DONE"
    assert set(brittle.installed().values()) == {moods["healthy"]}
    assert answer_in_trail(brittle, deployment) == ("answered REJECT", "ada", "it is slow")


def test_the_first_host_is_updated_and_the_others_follow_when_it_is_approved(
    brittle: Service, moods: dict[str, str]
) -> None:
    output = brittle.deploy(moods["after_first_host"], "--no-watch", "--even-if-quarantined").facts
    brittle.wait_until("AWAITING_APPROVAL")
    assert len({host for host, _ in brittle.steps(output["deployment"])}) == 1
    ended = brittle.operator("approve", "brittle", "--why", "it is quick", "--watch").end
    assert ended["state"] == "DONE"
    assert set(brittle.installed().values()) == {moods["after_first_host"]}
