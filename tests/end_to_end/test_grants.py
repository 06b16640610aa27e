"""IAM is enforced: a phase without its grant cannot act, and the rollout halts."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from apps.local.aws.clients import Aws
from apps.local.paths import ACCOUNT, REGION
from apps.local.ports import Ports
from infra.settings import ROOT
from lifecycle import names
from lifecycle.domain.rollout.recorded_request import Source
from lifecycle.names import LEDGER, Account, Partition
from tests.conftest import Laptop
from tests.end_to_end.service import Service
from tests.infra.ledger_writes import changed_by
from tests.integration.statemachines.acting import is_allowed
from tools.demo.traffic import Traffic

pytestmark = pytest.mark.emulator

REVOKED = "elasticloadbalancing:DeregisterTargets"


@pytest.fixture
def no_grant_to_drain(laptop: Laptop, brittle_healthy: None) -> Iterator[Any]:
    """Revokes the right of `drain` to deregister a host; calling the value grants it again."""
    iam = laptop.aws.client("iam")
    function = laptop.aws.client("lambda").get_function_configuration(FunctionName="lifecycle-drain")
    role = function["Role"].rpartition("/")[2]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    granted = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    left = [each for each in granted["Statement"] if REVOKED not in each["Action"]]
    assert len(left) == len(granted["Statement"]) - 1, granted

    def put(statements: list[Any]) -> None:
        document = json.dumps({**granted, "Statement": statements})
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)

    put(left)
    yield lambda: put(granted["Statement"])
    put(granted["Statement"])


def test_a_drain_without_its_grant_halts_the_rollout(
    brittle: Service, moods: dict[str, str], no_grant_to_drain: Any
) -> None:
    with Traffic(brittle.url, 50.0) as traffic:
        output = brittle.deploy(moods["spare"], code=1)
        question = output.end["question"]
        assert output.end["state"] == "HALTED", output
        assert "DeregisterTargets" in str(question), output
        assert {host["balancer"] for host in brittle.host_views().values()} == {"healthy"}
        assert set(brittle.installed().values()) == {moods["healthy"]}
        no_grant_to_drain()
        done = brittle.operator("decide", question["deployment"], "RETRY", "--why", "granted", "--watch")
    assert done.end["state"] == "DONE", done
    assert traffic.tally.failed == 0, traffic.tally.facts()


def test_a_build_writes_its_own_upload_only(laptop: Laptop) -> None:
    """A build command has the build's role: it must reach nothing of another service, and no other build's upload."""
    facts = laptop.facts
    bucket, sts = facts["artifact_bucket"], laptop.aws.client("sts")
    (role,) = (
        each["Arn"]
        for each in laptop.aws.client("iam").list_roles()["Roles"]
        if "codebuild" in json.dumps(each["AssumeRolePolicyDocument"])
    )
    sessions = [sts.assume_role(RoleArn=role, RoleSessionName=f"AWSCodeBuild-{number}") for number in (1, 2)]
    users = [each["AssumedRoleUser"]["AssumedRoleId"] for each in sessions]
    build = Aws(Ports(**facts["ports"]), sessions[0]["Credentials"]).client("s3")
    build.put_object(Bucket=bucket, Key=f"incoming/{users[0]}/snapshot/hello/x/manifest.json", Body=b"own")
    foreign = (f"incoming/{users[1]}/snapshot/hello/x/manifest.json", "snapshot/hello/x/manifest.json", "release/x")
    for key in foreign:
        for call in (partial(build.put_object, Body=b"evil"), build.get_object, build.delete_object):
            with pytest.raises(ClientError, match="AccessDenied"):
                call(Bucket=bucket, Key=key)
    # Of the caches it reads and writes those whose random prefix it was given; it can find no other.
    caches = bucket.replace("lifecycle-artifacts", "lifecycle-build-caches")
    build.put_object(Bucket=caches, Key="3f3f/hello/name.tar.gz", Body=b"own")
    assert build.get_object(Bucket=caches, Key="3f3f/hello/name.tar.gz")["Body"].read() == b"own"
    with pytest.raises(ClientError, match="AccessDenied"):
        build.list_objects_v2(Bucket=caches)
    with pytest.raises(ClientError, match="AccessDenied"):
        build.delete_object(Bucket=caches, Key="3f3f/hello/name.tar.gz")


def _reaches(client: Any, pk: str) -> bool:
    """Return whether a role may put an item into a partition; no condition lets it do so in fact."""
    item = {"pk": {"S": pk}, "sk": {"S": "forged"}}
    never = "attribute_exists(pk) AND attribute_not_exists(pk)"
    try:
        client.put_item(TableName=LEDGER, Item=item, ConditionExpression=never)
    except ClientError as error:
        return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")
    return True


PARTITIONS = {value for name, value in vars(Partition).items() if not name.startswith("_") and isinstance(value, str)}


def test_a_function_puts_items_into_its_own_partitions_only(laptop: Laptop) -> None:
    sts, ports = laptop.aws.client("sts"), Ports(**laptop.facts["ports"])
    listed = laptop.aws.client("lambda").get_paginator("list_functions").paginate()
    roles = {each["FunctionName"]: each["Role"] for page in listed for each in page["Functions"]}
    for phase in sorted(path.parent.name for path in (ROOT / "functions").glob("*/*/handler.py")):
        role = roles[names.function(phase)]
        acting = Aws(ports, sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]).client("dynamodb")
        shared = PARTITIONS - {Partition.REQUEST}
        found = {each for each in shared if _reaches(acting, f"{each}production/x" if "#" in each else each)}
        sources = [each for each in Source if _reaches(acting, f"{Partition.REQUEST}{each}#x")]
        assert len(sources) <= 1, phase
        assert found | ({Partition.REQUEST} if sources else set()) == changed_by(phase)[0], phase


def test_a_host_writes_the_reports_and_runs_of_its_own_cluster_only(laptop: Laptop, hello: Service) -> None:
    role = names.role_arn(names.host_role("production", "hello"), Account("aws", REGION, ACCOUNT))
    session = laptop.aws.client("sts").assume_role(RoleArn=role, RoleSessionName="host-1")["Credentials"]
    host = Aws(Ports(**laptop.facts["ports"]), session).client("dynamodb")
    keys = {f"{each}{cluster}" for each in PARTITIONS for cluster in ("production/hello", "production/other")}
    own = {f"{each}production/hello" for each in (Partition.REPORTS, Partition.SCHEDULES)}
    assert {each for each in keys if _reaches(host, each)} == own
    read = {each for each in keys if is_allowed(host.get_item, TableName=LEDGER, Key=_key(each))}
    assert read == own | {f"{each}production/hello" for each in (Partition.TURNS, Partition.CLUSTER)}


def _key(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": "host-1"}}
