"""Claims of a host, a repository or an operator: none gets further than it should."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from apps.local.aws.clients import Aws
from apps.local.paths import EMULATED
from apps.local.ports import Ports
from lifecycle import names
from lifecycle.domain.service.envelope import ENVELOPE
from lifecycle.domain.service.trusted_keys import KeyKind
from lifecycle.gateways.aws.callers import command_digest, signed
from lifecycle.names import Partition
from tests.conftest import Laptop
from tests.end_to_end.service import Service
from tests.support.polling import wait_for

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
    operator("reject", "brittle", "--yes", "--why", "seen enough")
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


def as_operator(laptop: Laptop, name: str) -> Aws:
    """Return the clients of an operator's session."""
    role = names.role_arn(names.OPERATOR, EMULATED)
    session = laptop.aws.client("sts").assume_role(RoleArn=role, RoleSessionName=name)
    return Aws(Ports(**laptop.facts["ports"]), session["Credentials"])


def test_operator_cannot_deploy_by_an_input_that_nobody_requested(
    brittle: Service, laptop: Laptop, moods: dict[str, str]
) -> None:
    states = as_operator(laptop, "mallory").client("stepfunctions")
    machine, before = laptop.facts["state_machines"]["rollout"], brittle.installed()
    for kind in ("DEPLOY", "ROLLBACK", "CONVERGE"):
        name = f"brittle-production-{datetime.now(UTC):%Y%m%d%H%M%S}-{kind[:4].lower()}"
        forged = {
            "deployment": name,
            "service": "brittle",
            "environment": "production",
            "version": moods["spare"],
            "requested_by": "schedule",
            "kind": kind,
        }
        started = states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(forged))

        def ended(arn: str = started["executionArn"]) -> dict[str, Any] | None:
            found: dict[str, Any] = states.describe_execution(executionArn=arn)
            return found if found["status"] != "RUNNING" else None

        found = wait_for("the forged execution to end", ended)
        assert (found["status"], found["error"]) == ("FAILED", "Refused")
        assert "is on record, so nobody is known to have made it: update the command line" in found["cause"]
        assert "deploy with `lifecycle deploy brittle" in found["cause"]
        assert [each["what"] for each in brittle.trail(name)] == [f"refused to start {name} by the execution {name}"]
    assert brittle.installed() == before


def test_command_without_a_proof_or_in_the_name_of_another_does_nothing(brittle: Service, laptop: Laptop) -> None:
    mallory = as_operator(laptop, "mallory")
    sts, keys = mallory.client("sts").meta, mallory.credentials
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    def call(function: str, given: dict[str, Any], digest: str = "") -> str:
        proof = signed(credentials, sts.region_name, str(sts.endpoint_url), digest or command_digest(function, given))
        payload = json.dumps({**given, "proof": proof} if digest != "none" else given).encode()
        answer = mallory.client("lambda").invoke(FunctionName=function, Payload=payload)["Payload"].read()
        return str(json.loads(answer).get("error", ""))

    freeze = {"scope": CLUSTER, "why": "because"}
    assert "it has no proof of who gives it" in call("lifecycle-freeze", {**freeze, "by": "grace"}, "none")
    assert "in the name of grace, but arn:aws:sts" in call("lifecycle-freeze", {**freeze, "by": "grace"})
    assert "does not confirm its signature" in call(
        "lifecycle-freeze", freeze, command_digest("lifecycle-gc", freeze)
    )
    assert brittle.operator.read("freezes").facts["freezes"] == []
    name = f"brittle-production-{datetime.now(UTC):%Y%m%d%H%M%S}-f00d"
    repair = {
        "deployment": name,
        "service": "brittle",
        "environment": "production",
        "version": "1.0.0",
        "kind": "CONVERGE",
        "requested_by": "mallory",
    }
    assert "only convergence repairs" in call("lifecycle-request", repair)
    assert [(each["what"], each["who"]) for each in brittle.trail(name)] == [("refused: request", "mallory")]


def test_release_is_signed_and_an_unsigned_one_waits_for_its_promotion(
    brittle: Service, laptop: Laptop, moods: dict[str, str]
) -> None:
    operator, version = brittle.operator, moods["spare"]
    links = operator.read("verify", "brittle", moods["healthy"]).facts["links"]
    assert [each["problem"] for each in links] == [""] * len(links)
    assert {"commit", "build", "snapshot", "release", "ledger", "envelope", "key", f"host {FIRST}"} <= {
        each["name"] for each in links
    }
    place = {"Bucket": laptop.facts["artifact_bucket"], "Key": f"release/brittle/{version}/{ENVELOPE}"}
    laptop.aws.client("s3").delete_object(**place)
    plan = operator("plan", "brittle", version, "--even-if-quarantined", code=1).facts
    assert [why for why in plan["refusals"] if why.startswith(f"brittle {version} is not signed: promote its")]
    snapshots = operator.read("releases", "brittle").facts["releases"]
    operator("promote", "brittle", next(each["snapshot"] for each in snapshots if each["version"] == version))
    assert operator.read("plan", "brittle", version, "--even-if-quarantined").facts["refusals"] == []
    assert operator.read("verify", "brittle", version).facts["holds"]


@pytest.mark.parametrize("role", [names.OPERATOR, names.ADMINISTRATOR, names.host_role("production", "brittle")])
def test_only_the_phases_sign(laptop: Laptop, role: str) -> None:
    session = laptop.aws.client("sts").assume_role(RoleArn=names.role_arn(role, EMULATED), RoleSessionName=FIRST)
    kms = Aws(Ports(**laptop.facts["ports"]), session["Credentials"]).client("kms")
    for kind in KeyKind:
        with pytest.raises(ClientError, match="AccessDenied"):
            kms.sign(
                KeyId=names.signing_key(kind),
                Message=b"d" * 32,
                MessageType="DIGEST",
                SigningAlgorithm="ECDSA_SHA_256",
            )
