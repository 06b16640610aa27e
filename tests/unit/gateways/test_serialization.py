"""Records that an older version wrote are read under the names of today."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from apps.cli.start import request_payload
from lifecycle.domain.analysis.model import Better, Measure, MetricResult, Scale
from lifecycle.domain.errors import InvalidValue, StoreRefused, UnreadableRecord
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.decision import Question
from lifecycle.domain.rollout.deployment import Deployment, Kind, Override, Request
from lifecycle.domain.rollout.desired_writes import NO_WRITES
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.service.configuration import ConfigNames
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from lifecycle.entrypoints.events import RequestDeployment
from lifecycle.entrypoints.handler import parse
from lifecycle.gateways.serialization import to_json, to_plain
from lifecycle.gateways.small_records import Owner, RecordedSnapshot
from tests.support.records import read
from tests.support.rollout import manifest

REQUEST = Request(
    "hello-production-20261127120000-ab12", "hello", "production", "1.0.1", "ada",
    overrides=(Override.FREEZE, Override.NO_ROLLBACK_TARGET),
)  # fmt: skip
DEPLOYMENT = Deployment(
    request=REQUEST,
    epoch=3,
    target=Target("1.0.1", "d1"),
    previous=None,
    hosts=("host-1",),
    policy=Policy(),
    started_at=datetime(2026, 11, 27, tzinfo=UTC),
    execution=REQUEST.deployment,
    skipped_hosts=("host-2",),
)


def as_written_before() -> dict[str, object]:
    """Return the deployment as version 0.1 stored it."""
    plain = to_plain(DEPLOYMENT)
    plain["set_aside"] = plain.pop("skipped_hosts")
    del plain["request"]["overrides"]
    plain["request"]["despite"] = ["FREEZE", "NO_WAY_BACK"]
    return plain  # type: ignore[no-any-return]


def test_a_deployment_of_an_older_version_is_read() -> None:
    assert read(Deployment, json.dumps(as_written_before())) == DEPLOYMENT


def test_a_deployment_is_written_under_the_new_names_only() -> None:
    written = json.loads(to_json(DEPLOYMENT))
    assert written["skipped_hosts"] == ["host-2"]
    assert written["request"]["overrides"] == ["FREEZE", "NO_ROLLBACK_TARGET"]
    assert "set_aside" not in written
    assert read(Deployment, to_json(DEPLOYMENT)) == DEPLOYMENT


def test_writes_of_a_deployment_are_read_as_they_were_written() -> None:
    desired = Desired("1.0.1", "d1", 3, REQUEST.deployment)
    for writes in (NO_WRITES, NO_WRITES.intending(desired).confirming(3)):
        assert read(Deployment, to_json(replace(DEPLOYMENT, writes=writes))).writes == writes
    assert read(Deployment, json.dumps(as_written_before())).writes is None


def test_an_unknown_key_is_ignored() -> None:
    assert read(Deployment, json.dumps({**as_written_before(), "despite": []})) == DEPLOYMENT


@pytest.mark.parametrize("kind", [Request, Deployment, MetricResult, Question, AuditEntry])
@pytest.mark.parametrize("text", ["[]", '"a text"', "7", "null"])
def test_a_record_that_is_no_object_is_refused(kind: type, text: str) -> None:
    with pytest.raises(StoreRefused, match=f"a {kind.__name__}"):
        read(kind, text)


def test_a_request_takes_the_names_of_an_older_command_line() -> None:
    asked = {
        "deployment": REQUEST.deployment,
        "service": "hello",
        "environment": "production",
        "version": "1.0.1",
        "requested_by": "ada",
    }
    assert RequestDeployment.model_validate({**asked, "despite": ["FREEZE"]}).overrides == (Override.FREEZE,)
    assert RequestDeployment.model_validate({**asked, "overrides": ["FREEZE"]}).overrides == (Override.FREEZE,)
    assert RequestDeployment.model_validate({**asked, "despite": ["NO_WAY_BACK"]}).overrides == (
        Override.NO_ROLLBACK_TARGET,
    )
    assert parse(RequestDeployment, {**asked, "despite": ["NO_WAY_BACK"]}).overrides == (Override.NO_ROLLBACK_TARGET,)


def test_a_rollout_takes_every_field_of_a_request_and_gives_it_on() -> None:
    every = replace(REQUEST, reason="slow", kind=Kind.ROLLBACK, rollback_of=REQUEST.deployment, only=("host-1",))
    of_delivery = {"pushed_by"}  # an operator names no pusher
    assert {each.name for each in fields(Request)} - of_delivery == set(RequestDeployment.model_fields) - {"caller"}
    assert RequestDeployment.model_validate(json.loads(json.dumps(request_payload(every)))).request() == every


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("running", "false"), ("port", "80"), ("port", True), ("host", 5), ("stage", "RESTING")),
        *(("releases", "1.0.0"), ("releases", [5]), ("seen_at", "2026-11-27"), ("self_test", [])),
    ],
)
def test_no_value_is_converted_to_another_type(field: str, value: object) -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    plain = json.loads(to_json(HostReport("host-1", "10.0.0.1", 80, "a", now, now)))
    with pytest.raises(UnreadableRecord):
        read(HostReport, json.dumps({**plain, field: value}))


@pytest.mark.parametrize("text", ["", "not json", "[" * 100_000, "\ud800", b"\xff\xfe\x00"])
def test_text_that_is_no_json_is_unreadable(text: str | bytes) -> None:
    with pytest.raises(UnreadableRecord, match="expected JSON of a Lease"):
        read(Lease, text)


@pytest.mark.parametrize("text", ["{}", '{"epoch": 5}', '{"deployment": ""}', '{"since": null}'])
def test_lease_without_its_epoch_and_holder_is_not_free(text: str) -> None:
    with pytest.raises(UnreadableRecord, match="is missing"):
        read(Lease, text)


def test_manifest_without_a_configuration_is_written_as_before() -> None:
    measure = Measure("queue", Better.LOWER, Scale.RATIO, minimum_effect=0.1, non_inferiority_margin=0.25)
    plain = to_plain(manifest("1.0.1", metrics=(measure,)))
    assert not {"config", "environments"} & plain.keys()
    assert {"matters", "excludes"} <= plain["metrics"][0].keys()
    declared = manifest(
        "1.0.1",
        metrics=(measure,),
        config=ConfigNames(("DATABASE_URL",), ("DSN",)),
        environments={"production": {"LOG": "info"}},
    )
    assert read(Manifest, to_json(declared)) == declared
    assert read(Manifest, json.dumps(plain)).config == ConfigNames()


@pytest.mark.parametrize(
    "record",
    [
        AuditEntry(datetime(2026, 11, 27, tzinfo=UTC), "production/hello", "override staging", "ada", "evil\udcff"),
        Owner("https://example.test/\ud800"),
        RecordedSnapshot("1.0.0", {"\ud800": "x"}),
        replace(DEPLOYMENT, epoch=2**70),
        (DEPLOYMENT, replace(DEPLOYMENT, host_count=-(2**53) - 1)),
    ],
)
def test_nothing_is_written_that_could_not_be_read(record: object) -> None:
    with pytest.raises(InvalidValue, match=r"half a character|a number above"):
        to_json(record)


@pytest.mark.parametrize("text", ["\U0001f680", "\\ud800", "9" * 40, " 12345678901234567", "é€"])
def test_whole_text_is_written_and_read(text: str) -> None:
    assert read(Owner, to_json(Owner(text))) == Owner(text)
    assert read(Deployment, to_json(replace(DEPLOYMENT, reason=text, epoch=2**30))).reason == text
