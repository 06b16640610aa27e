"""Proofs of callers, and the recorded requests."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lifecycle.domain.errors import Refused
from lifecycle.domain.rollout.deployment import Request
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from lifecycle.gateways.aws.callers import command_digest
from tests.contract.conftest import Gateways

COMMAND = command_digest("lifecycle-approve", {"deployment": "a", "why": "Grüße"})
OTHER = command_digest("lifecycle-approve", {"deployment": "b"})
AT = datetime(2026, 11, 29, 10, tzinfo=UTC)


def requested(gateways: Gateways, source: Source = Source.OPERATOR) -> RecordedRequest:
    name = f"{gateways.service}-production-20261129100000-ab12"
    return RecordedRequest(Request(name, gateways.service, "production", "1.0.1", "ada", config=3), source, AT, "arn")


def test_caller_is_who_signed_the_command(gateways: Gateways) -> None:
    found = gateways.callers.arn(gateways.sign(COMMAND), COMMAND)
    assert found.startswith("arn:aws:")
    assert gateways.callers.arn(gateways.sign(OTHER), OTHER) == found


def test_proof_of_another_command_is_refused(gateways: Gateways) -> None:
    with pytest.raises(Refused, match="does not confirm"):
        gateways.callers.arn(gateways.sign(COMMAND), OTHER)


@pytest.mark.parametrize("change", [{"Authorization": ""}, {"Authorization": "AWS4-HMAC-SHA256 nonsense"}])
def test_changed_proof_is_refused(gateways: Gateways, change: dict[str, str]) -> None:
    with pytest.raises(Refused):
        gateways.callers.arn({**gateways.sign(COMMAND), **change}, COMMAND)


@pytest.mark.parametrize("more", [{"Host": "sts.example.test"}, {"X-Lifecycle-Command": OTHER}, {"Action": "x"}])
def test_proof_with_more_than_a_signature_is_refused(gateways: Gateways, more: dict[str, str]) -> None:
    with pytest.raises(Refused, match="no proof"):
        gateways.callers.arn({**gateways.sign(COMMAND), **more}, COMMAND)


def test_no_proof_is_refused(gateways: Gateways) -> None:
    with pytest.raises(Refused, match="no proof"):
        gateways.callers.arn({}, COMMAND)


@pytest.mark.parametrize("source", Source)
def test_request_of_any_source_is_found(gateways: Gateways, source: Source) -> None:
    wanted = requested(gateways, source)
    assert gateways.requests.find(wanted.request.deployment) is None
    assert gateways.requests.put(wanted)
    assert gateways.requests.find(wanted.request.deployment) == wanted


def test_request_is_recorded_once_and_never_changed(gateways: Gateways) -> None:
    wanted = requested(gateways)
    assert gateways.requests.put(wanted)
    assert gateways.requests.put(replace(wanted, at=AT.replace(hour=11)))
    assert not gateways.requests.put(replace(wanted, request=replace(wanted.request, version="1.0.2")))
    assert gateways.requests.find(wanted.request.deployment) == wanted
