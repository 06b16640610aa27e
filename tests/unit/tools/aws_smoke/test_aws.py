"""The kit's hands on AWS: it removes nothing that has no mark, and deploys with the context that it needs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifecycle.names import Account
from tools.aws_smoke import network
from tools.aws_smoke.__main__ import main, parse
from tools.aws_smoke.aws import AwsCloud
from tools.aws_smoke.cloud import Part, SmokeFailed, Verdict
from tools.aws_smoke.commands import Commands
from tools.aws_smoke.example import files
from tools.aws_smoke.probes import Probes
from tools.aws_smoke.questions import QUESTIONS

ACCOUNT = Account("aws", "eu-west-1", "123456789012")
CALLER = "arn:aws:sts::123456789012:assumed-role/Admin/ada"
DOCS = Path(__file__).parents[4] / "docs" / "aws-open-questions.md"


TWO_HOSTS = [{"installed": ""}, {"installed": ""}]
HOSTS = json.dumps({"clusters": [{"cluster": "production/smoke", "hosts": TWO_HOSTS}]})


@dataclass
class Clients:
    """Every client in one: answers by operation, and the calls that were made."""

    given: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    otherwise: Any = field(default_factory=dict)

    def can_paginate(self, _: str) -> bool:
        return False

    def get_waiter(self, _: str) -> Any:
        return self

    def wait(self, **_: Any) -> None:
        return

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            found = self.given.get(operation, self.otherwise)
            if isinstance(found, str):
                raise ClientError({"Error": {"Code": found, "Message": "-"}}, operation)
            return found

        return call

    def made(self, operation: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.calls if name == operation]


def stack(name: str, *, own: bool, **outputs: str) -> dict[str, Any]:
    return {
        "StackName": name,
        "StackStatus": "CREATE_COMPLETE",
        "Tags": [{"Key": "lifecycle-smoke", "Value": "1"}] if own else [],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }


def cloud(clients: Clients, ran: list[Sequence[str]] | None = None, code: int = 0) -> AwsCloud:
    def run(command: Sequence[str]) -> tuple[int, str, str]:
        if ran is not None:
            ran.append(command)
        return code, HOSTS if "hosts" in command else "{}", "no such bucket"

    return AwsCloud(lambda _: clients, ACCOUNT, "prod", CALLER, run, "192.0.2.7", lambda _: None)


def test_installation_of_somebody_blocks_the_run() -> None:
    found = cloud(Clients({"describe_stacks": {"Stacks": [stack("lifecycle", own=False)]}})).blockers()
    assert "not the kit's own" in found[0]


def test_account_that_the_doctor_would_mend_blocks_the_run() -> None:
    identity = {"Arn": CALLER, "Account": "123456789012"}
    given = {"describe_stacks": {"Stacks": []}, "get_caller_identity": identity, "get_parameter": "ParameterNotFound"}
    clients = Clients(given, otherwise="AccessDenied")
    found = cloud(clients).blockers()
    assert any("npx aws-cdk bootstrap aws://123456789012/eu-west-1 --profile prod" in each for each in found), found


def test_what_an_earlier_run_left_blocks_the_next_one() -> None:
    found = cloud(Clients({"describe_stacks": {"Stacks": [stack("lifecycle", own=True)]}})).blockers()
    assert "--clean-up-only" in found[0]


@pytest.mark.parametrize("part", [Part.CONTROL_PLANE, Part.CLUSTER, Part.NETWORK])
def test_stack_without_the_mark_is_never_deleted_nor_emptied(part: Part) -> None:
    names = ("lifecycle", "lifecycle-production-smoke", network.STACK)
    clients = Clients({"describe_stacks": {"Stacks": [stack(name, own=False) for name in names]}})
    with pytest.raises(SmokeFailed, match="not the kit's own"):
        cloud(clients).remove(part)
    assert not [name for name, _ in clients.calls if name.startswith("delete")]


def test_repository_without_the_mark_is_never_deleted() -> None:
    given = {"get_repository": {"repositoryMetadata": {"Arn": "a"}}, "list_tags_for_resource": {"tags": {}}}
    clients = Clients(given)
    with pytest.raises(SmokeFailed):
        cloud(clients).remove(Part.REPOSITORY)
    assert not clients.made("delete_repository")


@pytest.mark.parametrize("part", list(Part))
def test_part_that_is_gone_is_removed_again_without_an_error(part: Part) -> None:
    gone = {
        "describe_stacks": {"Stacks": []},
        "get_repository": "RepositoryDoesNotExistException",
        "get_parameters_by_path": {"Parameters": []},
    }
    cloud(Clients(gone)).remove(part)


def test_buckets_are_emptied_with_all_versions_before_their_stack_goes() -> None:
    clients = Clients(
        {
            "describe_stacks": {"Stacks": [stack("lifecycle", own=True)]},
            "list_object_versions": {"Versions": [{"Key": "a", "VersionId": "1"}], "DeleteMarkers": []},
        }
    )
    cloud(clients).remove(Part.CONTROL_PLANE)
    order = [name for name, _ in clients.calls if name.startswith("delete")]
    assert order == ["delete_object", "delete_object", "delete_stack"]


def test_deployment_has_the_caller_the_cluster_and_the_mark() -> None:
    outputs = {"VpcId": "vpc-1", "SubnetIds": "subnet-a,subnet-b"}
    ran: list[Sequence[str]] = []
    clients = Clients({"describe_stacks": {"Stacks": [stack(network.STACK, own=True, **outputs)]}})
    cloud(clients, ran).make(Part.CLUSTER)
    [command, *_] = ran
    text = " ".join(command)
    assert "deploy lifecycle-production-smoke --exclusively" in text
    assert "--tags lifecycle-smoke=1" in text
    assert "retain=false" in text
    assert 'callers=["assumed-role/Admin/*"]' in text
    [cluster] = json.loads(next(each for each in command if each.startswith("clusters=")).partition("=")[2])
    assert cluster["allowed_cidr"] == "192.0.2.7/32"
    assert cluster["subnet_ids"] == ["subnet-a", "subnet-b"]


def test_deployment_that_fails_says_why() -> None:
    outputs = {"VpcId": "vpc-1", "SubnetIds": "subnet-a"}
    clients = Clients({"describe_stacks": {"Stacks": [stack(network.STACK, own=True, **outputs)]}})
    with pytest.raises(SmokeFailed, match="no such bucket"):
        cloud(clients, code=1).make(Part.CONTROL_PLANE)


def test_network_has_two_public_subnets_and_a_way_out() -> None:
    found = json.loads(network.template())
    subnets = [each for each in found["Resources"].values() if each["Type"] == "AWS::EC2::Subnet"]
    assert [each["Properties"]["MapPublicIpOnLaunch"] for each in subnets] == [True, True]
    assert len({json.dumps(each["Properties"]["AvailabilityZone"]) for each in subnets}) == 2


def test_example_is_good_or_fails_its_self_test() -> None:
    good, bad = dict(files(broken=False)), dict(files(broken=True))
    assert b'name = "smoke"' in good["lifecycle.toml"]
    assert [path for path in good if good[path] != bad[path]] == ["switches.toml"]
    assert b"self_test_fails = true" in bad["switches.toml"]


def test_commands_read_what_they_need_from_json() -> None:
    answers = {
        "snapshots": {"snapshots": [{"version": "1.4.0-20261130030000-abcdef1"}]},
        "promote": {"release": "1.4.0"},
        "deploy": {"endings": [{"state": "HALTED"}]},
        "hosts": {"clusters": [{"cluster": "production/smoke", "hosts": [{"installed": "1.4.0"}]}]},
    }
    commands = Commands(lambda command: (0, json.dumps(answers[command[3]]), ""), "smoke")
    assert commands.snapshot_of("abcdef123") == "1.4.0-20261130030000-abcdef1"
    assert commands.promoted("s") == "1.4.0"
    assert commands.deploy("1.4.0").state == "HALTED"
    assert commands.installed() == ("1.4.0",)


def test_first_build_is_waited_for_although_there_is_no_snapshot_yet() -> None:
    answers = [(1, "", "snapshot of smoke not found"), (0, '{"snapshots": [{"version": "1.4.0-1-abcdef1"}]}', "")]
    commands = Commands(lambda _: answers.pop(0), "smoke", sleep=lambda _: None)
    assert commands.snapshot_of("abcdef123") == "1.4.0-1-abcdef1"


def test_refused_deployment_ends_with_its_message() -> None:
    commands = Commands(lambda _: (1, "", "error: the plan is blocked"), "smoke")
    with pytest.raises(SmokeFailed, match="the plan is blocked"):
        commands.deploy("1.4.0")


def test_hosts_that_never_report_end_the_wait() -> None:
    commands = Commands(lambda _: (1, "", "no hosts"), "smoke", sleep=lambda _: None, poll_seconds=600)
    with pytest.raises(SmokeFailed, match="within 20 minutes, found 0"):
        commands.wait_for_hosts(2)


def test_what_was_deleted_a_moment_ago_is_searched_again() -> None:
    class Late(Clients):
        def __getattr__(self, operation: str) -> Callable[..., Any]:
            if operation == "get_resources" and len(self.made(operation)) > 2:
                self.given[operation] = {"ResourceTagMappingList": []}
            return super().__getattr__(operation)

    log = {"ResourceTagMappingList": [{"ResourceARN": "arn:aws:logs:eu-west-1:123456789012:log-group:a"}]}
    missing = dict.fromkeys(("head_bucket", "describe_table", "describe_secret", "get_role"), "NoSuchEntity")
    clients = Late({"get_resources": log, "describe_load_balancers": "LoadBalancerNotFound", **missing})
    assert cloud(clients).left() == []
    stuck = Clients({"get_resources": log, "describe_load_balancers": "LoadBalancerNotFound", **missing})
    assert cloud(stuck).left() == ["arn:aws:logs:eu-west-1:123456789012:log-group:a"]


def test_keys_that_wait_for_their_end_and_ended_instances_are_not_left() -> None:
    tagged = ("kms:eu-west-1:123456789012:key/1", "ec2:eu-west-1:123456789012:instance/i-1")
    missing = dict.fromkeys(("head_bucket", "describe_table", "describe_secret", "get_role"), "NoSuchEntity")
    given = {
        "get_resources": {"ResourceTagMappingList": [{"ResourceARN": f"arn:aws:{each}"} for each in tagged]},
        "describe_key": {"KeyMetadata": {"KeyState": "PendingDeletion"}},
        "describe_instances": {"Reservations": [{"Instances": [{"State": {"Name": "terminated"}}]}]},
        "describe_load_balancers": "LoadBalancerNotFound",
        **missing,
    }
    assert cloud(Clients(given)).left() == []


def test_snapshot_that_never_comes_ends_the_wait() -> None:
    waits: list[float] = []
    commands = Commands(lambda _: (0, '{"snapshots": []}', ""), "smoke", sleep=waits.append, poll_seconds=600)
    with pytest.raises(SmokeFailed, match="within 30 minutes"):
        commands.snapshot_of("abcdef123")
    assert len(waits) == 3


def answered(question: str, **given: Any) -> tuple[Verdict, str]:
    commands = Commands(lambda _: (0, '{"deployments": [{"requested_by": "ada"}]}', ""), "smoke")
    probes = Probes(lambda _: Clients(given), ACCOUNT, commands, "ada", "http://127.0.0.1:9", lambda _: None)
    found = probes.answer(question)
    return found.verdict, found.found


GROUPS = {
    "get_parameter": {"Parameter": {"Value": "arn"}},
    "describe_target_groups": {"TargetGroups": [{"TargetGroupName": "lc-p-smoke--t", "TargetGroupArn": "arn"}]},
}
HEALTHY = {
    "describe_target_health": {
        "TargetHealthDescriptions": [{"Target": {"Id": "1", "Port": 8}, "TargetHealth": {"State": "healthy"}}]
    }
}
UNUSED = {
    "describe_target_health": {
        "TargetHealthDescriptions": [{"Target": {"Id": "1", "Port": 8}, "TargetHealth": {"State": "unused"}}]
    }
}


@pytest.mark.parametrize(
    ("question", "given", "verdict"),
    [
        ("double-hyphen", GROUPS, Verdict.AS_DESIGNED),
        ("weight-zero-health", {**GROUPS, **HEALTHY}, Verdict.AS_DESIGNED),
        ("weight-zero-health", {**GROUPS, **UNUSED}, Verdict.DIFFERENT),
        ("fill-empty", {"get_metric_data": {"MetricDataResults": [{}, {"Values": []}]}}, Verdict.DIFFERENT),
        ("fill-empty", {"get_metric_data": {"MetricDataResults": [{}, {"Values": [0.0]}]}}, Verdict.AS_DESIGNED),
        (
            "cold-starts",
            {
                "describe_log_groups": {"logGroups": [{"logGroupName": "/aws/lambda/lifecycle-plan"}]},
                "filter_log_events": {"events": [{"message": "REPORT Init Duration: 812.3 ms"}]},
            },
            Verdict.AS_DESIGNED,
        ),
        ("cold-starts", {"describe_log_groups": {"logGroups": []}}, Verdict.NOT_MEASURED),
        (
            "cold-starts",
            {
                "describe_log_groups": {"logGroups": [{"logGroupName": "/aws/lambda/lifecycle-policy-nightly"}]},
                "filter_log_events": {"events": [{"message": "REPORT Init Duration: 812.3 ms"}]},
            },
            Verdict.NOT_MEASURED,
        ),
        ("identity-in-event", {}, Verdict.AS_DESIGNED),
        (
            "metrics-namespace",
            {"simulate_principal_policy": {"EvaluationResults": [{"EvalDecision": "implicitDeny"}]}},
            Verdict.AS_DESIGNED,
        ),
        (
            "reports-partition",
            {"simulate_principal_policy": {"EvaluationResults": [{"EvalDecision": "allowed"}]}},
            Verdict.DIFFERENT,
        ),
        ("concurrency", {"get_account_settings": {"AccountLimit": {"ConcurrentExecutions": 10}}}, Verdict.DIFFERENT),
    ],
)
def test_measurement_is_judged(question: str, given: dict[str, Any], verdict: Verdict) -> None:
    assert answered(question, **given)[0] is verdict


def test_every_question_is_explained_and_measured() -> None:
    headings = [line.removeprefix("### ") for line in DOCS.read_text().splitlines() if line.startswith("### ")]
    assert headings == list(QUESTIONS)
    probes = Probes(lambda _: Clients(), ACCOUNT, Commands(lambda _: (0, "", ""), "smoke"), "ada", "")
    assert set(probes._questions) == set(QUESTIONS)


def test_cap_below_the_estimate_is_refused_before_anything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--profile", "p", "--region", "eu-west-1", "--cap-usd", "0.01", "--yes"]) == 1
    assert "more than --cap-usd 0.01" in capsys.readouterr().err


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.mark.usefixtures("no_aws")
def test_profile_that_does_not_exist_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--profile", "none", "--region", "eu-west-1", "--cap-usd", "5", "--yes"]) == 1
    error = capsys.readouterr().err
    assert "see: lifecycle doctor --profile none" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("cap", ["0", "-1", "much", "nan", "1000"])
def test_cap_must_be_a_sum_of_money(cap: str) -> None:
    with pytest.raises(SystemExit):
        parse(["--profile", "p", "--region", "r", "--cap-usd", cap])


@pytest.mark.parametrize("name", ["none/r.json", "."])
def test_report_that_cannot_be_written_is_refused_at_the_start(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    with pytest.raises(SystemExit):
        parse(["--profile", "p", "--region", "r", "--cap-usd", "5", "--report", str(file)])
    assert f"{file} cannot be written: " in capsys.readouterr().err
