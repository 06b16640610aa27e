"""Claims of a host or a repository: neither a report nor a policy in a commit gets further than it should."""

import json
from typing import Any

import pytest

from apps.local.aws.clients import Aws
from apps.local.paths import EMULATED
from apps.local.ports import Ports
from lifecycle import names
from lifecycle.names import Partition
from tests.conftest import Laptop
from tests.end_to_end.service import Service

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("brittle_healthy")]

CLUSTER = "production/brittle"
FIRST = "production-brittle-1"
DATABASE = "10.99.0.53"


def as_host(laptop: Laptop) -> Any:
    """Return the ledger as an agent of the cluster reaches it."""
    role = names.role_arn(names.host_role("production", "brittle"), EMULATED)
    session = laptop.aws.client("sts").assume_role(RoleArn=role, RoleSessionName=FIRST)
    return Aws(Ports(**laptop.facts["ports"]), session["Credentials"]).client("dynamodb")


def test_policy_floor_holds_a_deployment_and_names_itself(brittle: Service, moods: dict[str, str]) -> None:
    operator = brittle.operator
    wanted = ("approval=before_first_host", "max_unavailable=1", "--why", "the season", "--yes")
    operator("policy", "set", CLUSTER, *wanted)
    plan = operator.read("plan", "brittle", moods["spare"], "--even-if-quarantined").facts
    assert (plan["approval"], plan["whose"]) == ("before_first_host", {"approval": f"the floor of {CLUSTER}"})
    brittle.deploy(moods["spare"], "--even-if-quarantined", "--no-watch")
    question = brittle.wait_until("AWAITING_APPROVAL")
    assert f"the floor of {CLUSTER} requires an approval before the first host" in question["reason"]
    assert set(brittle.installed().values()) == {moods["healthy"]}
    operator("reject", "brittle", "--why", "seen enough")
    operator("policy", "unset", CLUSTER, "--why", "it is over", "--yes")
    brittle.settle()
    assert operator.read("plan", "brittle", moods["spare"], "--even-if-quarantined").facts["whose"] == {}


def test_host_writes_reports_and_makes_no_host_of_them(
    brittle: Service, laptop: Laptop, moods: dict[str, str]
) -> None:
    ledger = as_host(laptop)
    key = {"pk": {"S": f"{Partition.REPORTS}{CLUSTER}"}, "sk": {"S": "zz-ghost"}}
    true = ledger.get_item(TableName=names.LEDGER, Key={**key, "sk": {"S": FIRST}})["Item"]
    claims = {"host": "zz-ghost", "address": DATABASE, "port": 5432, "seen_at": "2099-01-01T00:00:00+00:00"}
    for body in ("{}", json.dumps({**json.loads(true["body"]["S"]), **claims})):
        ledger.put_item(TableName=names.LEDGER, Item={**true, **key, "body": {"S": body}})
        assert "zz-ghost" not in brittle.host_views()
        plan = brittle.operator.read("plan", "brittle", moods["spare"], "--even-if-quarantined").facts
        assert plan["refusals"] == []
        assert [note for note in plan["notes"] if note.startswith("zz-ghost reports to production/brittle")]
        brittle.operator("remove-host", "brittle", "zz-ghost", "--why", "no such machine", "--yes")
        assert "Item" not in ledger.get_item(TableName=names.LEDGER, Key=key)
