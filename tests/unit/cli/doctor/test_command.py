"""`lifecycle doctor` as typed: its exit code, its JSON, and a profile that reaches nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoRegionError, ProfileNotFound
from typer.testing import CliRunner

from apps.cli.command import Options
from apps.cli.doctor.facts import Unseen, Wanted
from apps.cli.doctor.unreachable import unreachable
from apps.cli.doctor.wanted import read_wanted
from apps.cli.errors import NoTarget
from apps.cli.main import app
from lifecycle.domain.errors import InvalidJson, LifecycleError
from tests.fakes.account import MemoryAccount, healthy
from tests.unit.cli.conftest import Desk


def doctor(desk: Desk, account: MemoryAccount, *more: str) -> tuple[int, str]:
    desk.connection = replace(desk.connection, account=account)
    done = desk.type("doctor", *more)
    return done.exit_code, done.stdout


def test_healthy_account_ends_with_zero(desk: Desk) -> None:
    code, text = doctor(desk, MemoryAccount())
    assert code == 0, text
    assert text.splitlines()[-1].startswith("nothing must be mended")


def test_account_without_bootstrap_ends_with_one_and_its_command(desk: Desk) -> None:
    code, text = doctor(desk, MemoryAccount(replace(healthy(), bootstrap=0)))
    assert code == 1
    assert "→ npx aws-cdk bootstrap aws://123456789012/eu-west-1" in text
    assert text.splitlines()[-1].startswith("1 must be mended")


@pytest.mark.parametrize(("ahead", "words"), [(0.0, "0 warnings"), (-45.0, "1 warning,")])
def test_last_line_counts_in_words(desk: Desk, ahead: float, words: str) -> None:
    _, text = doctor(desk, MemoryAccount(replace(healthy(), clock_ahead=ahead, denied=Unseen("iam:X"))))
    assert text.splitlines()[-1] == f"nothing must be mended; {words.rstrip(',')}, 1 could not be looked at"


def test_unseen_facts_alone_end_with_zero(desk: Desk) -> None:
    code, text = doctor(desk, MemoryAccount(replace(healthy(), denied=Unseen("iam:SimulatePrincipalPolicy"))))
    assert code == 0
    assert "1 could not be looked at" in text


def test_json_has_every_finding(desk: Desk) -> None:
    code, text = doctor(desk, MemoryAccount(replace(healthy(), bootstrap=0)), "--json")
    found = json.loads(text)
    assert code == 1
    assert found["mend"] is True
    [wrong] = [each for each in found["findings"] if each["level"] == "mend"]
    assert wrong == {
        "topic": "bootstrap",
        "level": "mend",
        "text": "CDK is not bootstrapped in account 123456789012, eu-west-1",
        "mend": "npx aws-cdk bootstrap aws://123456789012/eu-west-1",
    }


def test_agents_of_the_cluster_are_checked(desk: Desk) -> None:
    _, text = doctor(desk, MemoryAccount())
    assert "agents" in text


@pytest.mark.parametrize(
    ("error", "command"),
    [
        (ProfileNotFound(profile="prd"), "aws configure list-profiles"),
        (NoRegionError(), "aws configure set region REGION --profile prd"),
        (NoTarget("the profile prd names no region"), "aws configure set region REGION --profile prd"),
        (
            ClientError({"Error": {"Code": "ExpiredToken", "Message": "-"}}, "GetCallerIdentity"),
            "aws sso login --profile prd",
        ),
        (
            ClientError({"Error": {"Code": "InvalidClientTokenId", "Message": "-"}}, "GetCallerIdentity"),
            "aws account enable-region --region-name REGION --profile prd",
        ),
        (ValueError("no idea"), "aws sts get-caller-identity --profile prd"),
    ],
)
def test_profile_that_reaches_nothing_is_one_finding_with_its_command(error: Exception, command: str) -> None:
    def connect(_: Options) -> object:
        raise error

    done = CliRunner().invoke(app, ["doctor", "--profile", "prd", "--json"], obj=connect)
    assert done.exit_code == 1, done.output
    [found] = json.loads(done.stdout)["findings"]
    assert command in found["mend"]
    assert "Traceback" not in done.output


def test_no_target_at_all_proposes_both() -> None:
    assert "--profile NAME" in unreachable(NoTarget("no environment found"), "").mend


def test_clusters_of_cdk_json_are_wanted(tmp_path: Path) -> None:
    file = tmp_path / "cdk.json"
    cluster: dict[str, object] = {"service": "hello", "environment": "staging", "vpc_id": "vpc-1", "hosts": 3}
    cluster["subnet_ids"] = ["subnet-a", "subnet-b"]
    cluster["instance_type"] = "m5.4xlarge"
    file.write_text(json.dumps({"context": {"clusters": [cluster], "webhook_concurrency": 0}}))
    wanted = read_wanted(file)
    assert [each.instance_type for each in wanted.clusters] == ["m5.4xlarge"]
    assert wanted.webhook_concurrency == 0
    assert [(each.name, each.subnets, each.hosts) for each in wanted.clusters] == [
        ("staging/hello", ("subnet-a", "subnet-b"), 3)
    ]


def test_file_that_does_not_exist_is_refused(desk: Desk) -> None:
    done = desk.type("doctor", "--cdk-json", "/nope")
    assert done.exit_code != 0
    assert "--cdk-json: /nope cannot be read" in done.stderr


GOOD = {"service": "hello", "environment": "staging", "vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}


@pytest.mark.parametrize("context", [None, [], 5, {"clusters": 5}, {"webhook_concurrency": "99999"}])
def test_context_of_the_wrong_form_is_refused_in_words(desk: Desk, tmp_path: Path, context: object) -> None:
    file = tmp_path / "cdk.json"
    file.write_text(json.dumps({"context": context}))
    done = desk.type("doctor", "--cdk-json", str(file))
    assert done.exit_code != 0
    assert "cdk.json: " in done.stderr
    assert "unexpected" not in done.stderr


@pytest.mark.parametrize("context", [{}, {"clusters": None, "webhook_concurrency": None}])
def test_context_without_clusters_wants_none(tmp_path: Path, context: object) -> None:
    file = tmp_path / "cdk.json"
    file.write_text(json.dumps({"context": context}))
    assert read_wanted(file) == Wanted()


@pytest.mark.parametrize(
    "cluster", [{}, {**GOOD, "environment": "qa"}, {**GOOD, "hosts": -3}, {**GOOD, "subnet_ids": "subnet-1"}, 7, None]
)
def test_cluster_of_the_wrong_form_is_refused_in_words(tmp_path: Path, cluster: object) -> None:
    file = tmp_path / "cdk.json"
    file.write_text(json.dumps({"context": {"clusters": [cluster]}}))
    with pytest.raises(LifecycleError, match=r"cdk\.json: clusters: "):
        read_wanted(file)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_cdk_json_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cdk.json"
    file.write_text(text)
    with pytest.raises(InvalidJson):
        read_wanted(file)
