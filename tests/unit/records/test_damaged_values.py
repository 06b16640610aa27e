"""Values that are correct JSON and of the right type, but that no code could go on with.

Attributes beside a record repeat it for conditions. If one differs, no condition about the record holds any more: a
plan read and wrote for ever, and an answer was dropped.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from lifecycle.application.rollout.plan import begin, preview
from lifecycle.domain.errors import UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import Request
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.policy_floor import PolicyFloor
from lifecycle.gateways.aws.registry import read_floor
from lifecycle.gateways.aws.table import cluster_key, deployment_key, reports_key
from lifecycle.gateways.record_kinds import kind_of
from lifecycle.gateways.serialization import RECORD_VERSION, to_json
from tests.support.account import CURRENT, HELLO, OTHER, QUESTION, SNAPSHOTS, Account
from tests.support.records import read
from tests.unit.records.test_unreadable_records import (
    KINDS_STORED,
    NOT_IN_VIEWS,
    Stored,
    answer,
    every_call,
    in_rotation,
    intact,
    run,
)

# Attributes that a record has without need: nothing compares them.
NOT_COMPARED = {"pk", "sk", "body", "v", "kind"}
OF_OTHER = Request("other-production-20261123115900-ab15", "other", "production", "1.0.1", "grace")
OF_HELLO = Request("hello-production-20261123115900-ab15", "hello", "production", "1.0.2", "grace")


def compared() -> list[tuple[Stored, str]]:
    """Return each attribute of each kind of item that a condition compares."""
    items = [(each, each.read(Account.of())) for each in KINDS_STORED if each.sk]
    return [(each, name) for each, item in items for name in item if name not in NOT_COMPARED]


def other(value: dict[str, str]) -> dict[str, str]:
    return {"N": str(int(value["N"]) + 3)} if "N" in value else {"S": f"{value['S']}x"}


COMPARED = compared()
NAMES = [f"{record.kind} {name}" for record, name in COMPARED]


def test_attributes_that_conditions_compare_are_declared() -> None:
    assert len(COMPARED) == 17
    for record, name in COMPARED:
        assert name in kind_of(record.pk, record.sk).beside(_decoded(record))


def _decoded(record: Stored) -> Any:
    kind = kind_of(record.pk, record.sk).record
    return read(kind, record.read(Account.of())["body"]["S"])


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "differs"])
@pytest.mark.parametrize(("record", "name"), COMPARED, ids=NAMES)
def test_attribute_that_differs_from_its_record_is_reported(
    record: Stored, name: str, *, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged() -> Account:
        account = Account.of()
        item = record.read(account)
        changed = {} if lost else {name: other(item[name])}
        record.write(account, {key: value for key, value in item.items() if key != name} | changed)
        return account

    for phase, event in every_call():
        account = damaged()
        found = answer(account, monkeypatch, phase, event)
        before, rotation = intact(phase, json.dumps(event))
        assert rotation <= in_rotation(account), (phase, "took a host out of rotation")
        if found.startswith(("error: ", '{"error"')) and found != before:
            assert record.key in found, (phase, event, found)
        if phase == "converge":
            assert json.loads(found)[1:] == json.loads(before)[1:], "the other cluster"
    account = damaged()
    account.use(monkeypatch)
    shown = "".join(run(account, each) for each in ("status", "hosts", "history hello"))
    shown += answer(account, monkeypatch, "show_deployment", {})
    assert (record.key in shown) == (record.kind not in NOT_IN_VIEWS)


@pytest.mark.parametrize("name", ["epoch", "deployment"])
def test_plan_with_a_lease_that_no_condition_matches_is_refused(name: str) -> None:
    account = Account.of()
    item = account.ledger.items[cluster_key(OTHER)]["LEASE"]
    account.ledger.store({**item, name: other(item[name])})
    planned = begin(account.context, OF_OTHER, OF_OTHER.deployment)
    assert (planned.kind, f"CLUSTER#{OTHER} LEASE" in planned.reason) == ("REFUSED", True)


def test_plan_replaces_a_pending_slot_that_no_condition_matches() -> None:
    account = Account.of()
    item = account.ledger.items[cluster_key(HELLO)]["QUEUE"]
    account.ledger.store({**item, "deployment": {"S": "another"}})
    assert begin(account.context, OF_HELLO, OF_HELLO.deployment).kind == "QUEUED"
    waiting = account.context.queue.waiting(HELLO)
    assert waiting is not None
    assert waiting.request == OF_HELLO


@pytest.mark.parametrize("name", ["answered", "waits"])
def test_answer_that_could_not_be_stored_is_not_reported_as_given(name: str) -> None:
    account = Account.of()
    (question,) = account.context.deployments.questions(CURRENT)
    item = dict(account.ledger.items[deployment_key(CURRENT)][f"QUESTION#{QUESTION}"])
    del item[name]
    account.ledger.store(item)
    with pytest.raises(UnreadableRecord, match=f"one value of {name}"):
        account.context.deployments.answer(question, Answer(Choice.RETRY, "ada", "", account.clock.now()))


def test_attributes_of_a_newer_version_are_not_compared() -> None:
    account = Account.of()
    item = account.ledger.items[cluster_key(OTHER)]["LEASE"]
    account.ledger.store({**item, "deployment": {"S": "in another form"}, "v": {"N": str(RECORD_VERSION + 1)}})
    assert account.context.leases.current(OTHER) == Lease(1)


@pytest.mark.parametrize("place", [{"N": "7"}, {"S": "seven"}, None])
def test_checkpoint_without_its_number_has_no_baseline(place: Any) -> None:
    account = Account.of()
    item = account.ledger.items[deployment_key(CURRENT)]["CHECKPOINT"]
    account.ledger.store({**{k: v for k, v in item.items() if k != "place"}, **({"place": place} if place else {})})
    found = account.context.deployments.checkpoint(CURRENT)
    assert found is not None
    assert found.baseline is None
    if place != {"S": "seven"}:
        assert account.context.deployments.put_checkpoint(replace(found, number=found.number + 1))


UNUSABLE = {
    "half a character": ("zone", "\ud800"),
    "a time before all others": ("seen_at", "0001-01-01T00:00:00+14:00"),
    "a time after all others": ("seen_at", "9999-12-31T23:59:59-10:00"),
    "an epoch that no store holds": ("epoch", 10**40),
}


@pytest.mark.parametrize(("name", "value"), UNUSABLE.values(), ids=UNUSABLE)
def test_value_that_cannot_be_used_takes_no_other_host_along(
    name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account.of()
    item = account.ledger.items[reports_key(HELLO)]["host-3"]
    body = json.dumps({**json.loads(item["body"]["S"]), name: value})
    account.ledger.store({**item, "body": {"S": body}})
    account.use(monkeypatch)
    for command in ("status", "hosts"):
        found = run(account, command)
        assert "production/other" in found
        assert f"unreadable: REPORTS#{HELLO} host-3" in found
        assert "unexpected" not in found


@pytest.mark.parametrize("service", ["Hello", "a_b", "x" * 25, ""])
def test_parameter_of_somebody_else_takes_no_cluster_along(service: str) -> None:
    account = Account.of()
    before = account.registry.clusters()
    account.parameters.values[f"/lifecycle/production/{service}/desired"] = "theirs"
    account.parameters.values[f"/lifecycle/test/{service}/desired"] = "theirs"
    assert account.registry.clusters() == before == [Cluster("production", "hello"), Cluster("production", "other")]


NAMELESS = {
    "a snapshot of no build": ("SNAPSHOT", {"snapshot": "latest", "facts": {"digest": "d"}}),
    "a snapshot of no time": ("SNAPSHOT", {"snapshot": "1.0.0-20269923100000-aaaaaaa", "facts": {"digest": "d"}}),
    "a release of no number": ("RELEASE", {"release": "newest", "snapshot": "1.0.0-20261123100000-aaaaaaa"}),
    "a release of no snapshot": ("RELEASE", {"release": "1.0.9", "snapshot": "latest"}),
}


@pytest.mark.parametrize(("kind", "body"), NAMELESS.values(), ids=NAMELESS)
def test_version_without_a_possible_name_takes_no_other_along(
    kind: str, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account.of()
    key = {"pk": {"S": "SERVICE#hello"}, "sk": {"S": f"{kind}#{body[kind.lower()]}"}}
    account.ledger.store({**key, "body": {"S": json.dumps(body)}, "v": {"N": str(RECORD_VERSION)}})
    account.use(monkeypatch)
    rows = [answer(account, monkeypatch, "show_pipeline", {}), run(account, f"{kind.lower()}s hello")]
    assert all(f"SERVICE#hello {key['sk']['S']}" in each for each in rows), rows
    assert "not shown" not in answer(account, monkeypatch, "show_dora", {})
    account.artifacts.delete("hello", "1.0.2")
    del account.ledger.items["SERVICE#hello"]["PUBLISHED#1.0.2"]
    event = {"service": "hello", "snapshot": SNAPSHOTS[2], "requested_by": "ada"}
    assert '"created": true' in answer(account, monkeypatch, "promote", event)


def test_snapshot_without_a_digest_is_not_promoted(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account.of()
    item = account.ledger.items["SERVICE#hello"][f"SNAPSHOT#{SNAPSHOTS[2]}"]
    body = {**json.loads(item["body"]["S"]), "facts": {"commit": "c"}}
    account.ledger.store({**item, "body": {"S": json.dumps(body)}})
    event = {"service": "hello", "snapshot": body["snapshot"], "requested_by": "ada"}
    assert "has no digest, but commit; push its commit again" in answer(account, monkeypatch, "promote", event)


def test_freeze_of_an_impossible_scope_freezes_everything_and_names_the_way_out() -> None:
    account = Account.of()
    frozen = account.ledger.items["FREEZES"]["staging"]
    body = {**json.loads(frozen["body"]["S"]), "scope": "all"}
    account.ledger.store({**frozen, "sk": {"S": "all"}, "body": {"S": json.dumps(body)}})
    (found,) = [each for each in preview(account.context, OF_OTHER).blockers if "FREEZES all" in each]
    assert 'aws dynamodb delete-item --table-name lifecycle-ledger --key \'{"pk":{"S":"FREEZES"}' in found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "JSON of a PolicyFloor"),
        ("[]", "expected an object"),
        ("{}", "'scope' is missing"),
        ('{"scope": "production", "aproval": "before_first_host"}', "expected the settings approval"),
        ('{"scope": "production", "approval": "always"}', "always"),
        ('{"scope": "production", "approval_by_another": "true"}', "expected bool"),
        ('{"scope": "production", "max_unavailable": "half"}', "'half' is not a number of hosts"),
        ('{"scope": "production", "max_unavailable": 0}', "'0' is not a number of hosts"),
        ('{"scope": "production", "bake_minutes": -1}', "'-1' is not a bake time"),
        ('{"scope": "production", "frozen": ["at night"]}', "'at night' is not a window"),
        ('{"scope": "staging", "bake_minutes": 1}', "expected the floor of production, found that of staging"),
        ('{"scope": "production", "v": 99}', "which a newer Lifecycle wrote"),
    ],
)
def test_policy_floor_is_never_read_as_laxer_than_it_is_written(text: str, says: str) -> None:
    with pytest.raises(UnreadableRecord) as refused:
        read_floor("production", text)
    assert str(refused.value).startswith("unreadable: /lifecycle/production/policy: ")
    assert says in str(refused.value)


@pytest.mark.parametrize("count", [3, "25%", "100%"])
def test_policy_floor_that_was_written_is_read_again(count: int | str) -> None:
    floor = PolicyFloor("production/hello", max_unavailable=count, frozen=("Sat 00:00 - Mon 00:00",), by="grace")
    assert read_floor("production/hello", to_json(floor)) == floor
