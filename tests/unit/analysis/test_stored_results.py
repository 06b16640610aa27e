"""Results of the judge in records: a record of an older release is still read."""

import json
from datetime import UTC, datetime

from lifecycle.domain.analysis.judge import judge
from lifecycle.domain.analysis.model import Rules
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.gateways.serialization import to_json
from tests.support.records import read_plain
from tests.unit.analysis.bakes import usual

BED = TestBed(
    deployment="d",
    number=1,
    host="host-1",
    attempt=1,
    control="host-2",
    control_attempt=1,
    began_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
    minutes=30,
    judgement=judge(usual(30), Rules(30)),
    series=usual(30).series,
)


def test_record_with_removed_results_is_read() -> None:
    plain = json.loads(to_json(BED))
    for metric in plain["judgement"]["metrics"]:
        metric |= {"mann_whitney_p": 0.4, "shift": None}
    assert read_plain(TestBed, plain) == BED


def test_unknown_result_is_ignored() -> None:
    plain = json.loads(to_json(BED))
    plain["judgement"]["metrics"][0]["unknown"] = 1
    assert read_plain(TestBed, plain) == BED


def test_thresholds_are_stored_under_the_keys_of_lifecycle_toml() -> None:
    measure = json.loads(to_json(BED))["series"][0]["measure"]
    assert (measure["matters"], measure["excludes"]) == (0.002, 0.01)
    assert not {"minimum_effect", "non_inferiority_margin"} & set(measure)
