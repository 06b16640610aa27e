"""Every role's grants, action by action and resource by resource: neither more nor fewer."""

import json
from typing import Any

import pytest

from tests.infra.granted import (
    CONFIG,
    DELETED,
    DELIVERY,
    FLOOR,
    LIST_REGISTRY,
    LOOK,
    PHASES,
    READ_BOTH,
    READ_GROUPS,
    READ_LEDGER,
    READ_REGISTRY,
    READ_TARGETS,
    READS,
    ROLLOUT,
    SEE_BUILDS,
    VIEWS,
    log_of,
)
from tests.infra.reading import allowed, keys, listed, resources, role_of, statements, text


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_has_exactly_these_permissions(control_plane: dict[str, Any], phase: str) -> None:
    assert allowed(role_of(control_plane, phase)) == PHASES[phase] | log_of(phase)


def test_only_these_phases_delete_from_the_ledger_in_these_partitions(
    control_plane: dict[str, Any],
) -> None:
    assert set(DELETED) == {phase for phase, grants in PHASES.items() if "dynamodb:DeleteItem" in grants}
    for phase, partitions in DELETED.items():
        found = [
            each
            for each in statements(role_of(control_plane, phase))
            if "dynamodb:DeleteItem" in listed(each["Action"])
        ]
        assert {each["Action"] for each in found} == {"dynamodb:DeleteItem"}
        keys = [each["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] for each in found]
        conditions = [{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": each}} for each in keys]
        assert [each["Condition"] for each in found] == conditions
        assert {one for each in keys for one in listed(each)} == partitions


def test_every_function_is_a_known_phase_with_a_role_of_its_own(control_plane: dict[str, Any]) -> None:
    functions = resources(control_plane, "Lambda::Function").values()
    assert {each["FunctionName"] for each in functions} == {
        f"lifecycle-{phase.replace('_', '-')}" for phase in PHASES
    }
    assert len({each["Role"]["Fn::GetAtt"][0] for each in functions}) == len(PHASES)


def test_an_operator_starts_answers_and_reads(control_plane: dict[str, Any]) -> None:
    policy = managed(control_plane, "lifecycle-operator")
    executions = {f"states:execution:lifecycle-{each}:*" for each in ("rollout", "delivery")}
    called = (
        *("request", "promote", "decide", "approve", "repair", "freeze", "quarantine"),
        *("bind-hosts", "remove-host", "gc", "cancel-run", "transfer-service", "withdraw-release", "remove-service"),
        "forget-cluster",
        *("act", *(view.replace("_", "-") for view in VIEWS)),
    )
    reads = LOOK | READ_LEDGER | LIST_REGISTRY | READ_BOTH | READ_TARGETS | READ_GROUPS | SEE_BUILDS
    assert allowed(policy) == reads | {
        "logs:FilterLogEvents": {"logs:log-group:/lifecycle/*/*", "logs:log-group:/lifecycle/*/*:*"},
        "states:StartExecution": {ROLLOUT, DELIVERY},
        "states:ListExecutions": {ROLLOUT, DELIVERY},
        "states:DescribeExecution": executions,
        "states:GetExecutionHistory": executions,
        "lambda:InvokeFunction": {f"lambda:function:lifecycle-{each}" for each in called},
    }


def test_an_administrator_sets_policy_floors_and_nothing_else(control_plane: dict[str, Any]) -> None:
    policy = managed(control_plane, "lifecycle-administrator")
    reads = READ_LEDGER | READ_REGISTRY | LIST_REGISTRY | READ_BOTH
    assert allowed(policy) == reads | {"lambda:InvokeFunction": {"lambda:function:lifecycle-set-policy"}}


def test_only_the_function_of_administrators_writes_policy_floors(control_plane: dict[str, Any]) -> None:
    """The emulator's role of operators is an administrator's, too; on AWS the account decides who is one."""
    for phase in PHASES:
        writes = allowed(role_of(control_plane, phase)).get("ssm:PutParameter", set())
        assert (phase == "set_policy") == any(each.endswith(("/policy", "/*")) for each in writes), phase
    for name in ("lifecycle-operator", "lifecycle-viewer", "lifecycle-configure"):
        grants = allowed(managed(control_plane, name))
        assert "lambda:function:lifecycle-set-policy" not in grants.get("lambda:InvokeFunction", set())
        assert not any(each.endswith(("/policy", "/*")) for each in grants.get("ssm:PutParameter", set()))


def test_a_viewer_reads_the_dashboard_and_changes_nothing(control_plane: dict[str, Any]) -> None:
    policy = managed(control_plane, "lifecycle-viewer")
    shown = {f"lambda:function:lifecycle-{view.replace('_', '-')}" for view in VIEWS}
    assert allowed(policy) == LOOK | {"lambda:InvokeFunction": shown}


def test_a_person_with_the_policy_configure_reads_and_writes_every_configuration(
    control_plane: dict[str, Any],
) -> None:
    policy = managed(control_plane, "lifecycle-configure")
    assert allowed(policy) == {
        "ssm:GetParameter": {CONFIG, f"{CONFIG}:*"},
        "ssm:PutParameter": {CONFIG},
        **{f"kms:{action}": {"kms:key/*"} for action in ("Decrypt", "Encrypt", "GenerateDataKey")},
        "lambda:InvokeFunction": {"lambda:function:lifecycle-record-config"},
    }
    (crypt,) = (each for each in statements(policy) if "kms:Decrypt" in listed(each["Action"]))
    assert crypt["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/lifecycle-config"}
    assert text(crypt["Condition"]["StringLike"]["kms:EncryptionContext:PARAMETER_ARN"]) == CONFIG


def test_nobody_else_of_the_control_plane_may_decrypt_or_write_a_configuration(
    control_plane: dict[str, Any],
) -> None:
    kinds = ("IAM::Role", "IAM::ManagedPolicy", "IAM::Policy")
    for found in (each for kind in kinds for each in resources(control_plane, kind).values()):
        if text(found.get("ManagedPolicyName", "")) != "lifecycle-configure-${AWS::Region}":
            grants = allowed(found)
            assert not [action for action in grants if action.startswith("kms:")]
            assert grants.get("ssm:PutParameter", set()) <= {"ssm:parameter/lifecycle/*/desired", FLOOR}


def test_key_of_configurations_is_rotated_and_outlives_the_stack(control_plane: dict[str, Any]) -> None:
    key = keys(control_plane)["alias/lifecycle-config"]
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"] == "RetainExceptOnCreate"


def test_only_the_operator_of_a_laptop_may_configure_and_administer_by_itself(
    control_plane: dict[str, Any], emulated: dict[str, Any]
) -> None:
    def policies(template: dict[str, Any]) -> int:
        roles = resources(template, "IAM::Role").values()
        (role,) = (each for each in roles if text(each.get("RoleName", "")) == "lifecycle-operator-${AWS::Region}")
        return len(role["ManagedPolicyArns"])

    assert (policies(control_plane), policies(emulated)) == (1, 3)


@pytest.mark.parametrize("view", VIEWS)
def test_show_functions_are_read_only(control_plane: dict[str, Any], view: str) -> None:
    grants = allowed(role_of(control_plane, view)).keys() - log_of(view).keys()
    assert all(action.partition(":")[2].startswith(READS) for action in grants)


def test_a_managed_policy_is_within_iams_limit(control_plane: dict[str, Any]) -> None:
    for policy in resources(control_plane, "IAM::ManagedPolicy").values():
        document = json.dumps(policy["PolicyDocument"], separators=(",", ":"))
        for name, value in (
            ("Partition", "aws-us-gov"),
            ("Region", "us-gov-west-1"),
            ("AccountId", "1" * 12),
        ):
            document = document.replace(f"${{AWS::{name}}}", value)
        assert len(document.replace('{"Fn::Sub":', "").replace('"}', '"')) <= 6144


def managed(template: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the managed policy of that name."""
    policies = resources(template, "IAM::ManagedPolicy").values()
    (found,) = (each for each in policies if text(each["ManagedPolicyName"]) == f"{name}-${{AWS::Region}}")
    return found


def test_each_schedule_may_run_its_phase_only(control_plane: dict[str, Any]) -> None:
    every = resources(control_plane, "IAM::Role").values()
    roles = [each for each in every if each.get("Policies", [{}])[0].get("PolicyName") == "schedule"]
    assert [list(allowed(role)) for role in roles] == [["lambda:InvokeFunction"]] * 3
    assert len({json.dumps(list(statements(role))) for role in roles}) == 3


@pytest.mark.parametrize(
    ("machine", "calls"),
    [
        (
            "rollout",
            (
                "plan next-step drain install self-test register await-alive release-command diagnose analyse "
                "end-bake await-human roll-back finish"
            ),
        ),
        ("delivery", "start-build check-build start-services record-snapshot"),
    ],
)
def test_a_machine_may_call_its_phases_and_start_rollouts(
    control_plane: dict[str, Any], machine: str, calls: str
) -> None:
    found = [
        allowed(role)
        for role in resources(control_plane, "IAM::Role").values()
        if role.get("Description") == f"Permissions of the state machine lifecycle-{machine}"
    ]
    (grants,) = found
    assert grants["lambda:InvokeFunction"] == {f"lambda:function:lifecycle-{each}" for each in calls.split()}
    assert grants["states:StartExecution"] == {ROLLOUT}
    beside = {action for action in grants if not action.startswith(("logs:", "xray:"))}
    assert beside == {"lambda:InvokeFunction", "states:StartExecution"}


@pytest.mark.parametrize("name", ["control_plane", "byo", "asg"])
def test_no_role_has_a_wildcard_action_or_scans_the_ledger_or_deletes_an_object_version(
    name: str, request: pytest.FixtureRequest
) -> None:
    template = request.getfixturevalue(name)
    kinds = ("IAM::Role", "IAM::ManagedPolicy", "IAM::Policy")
    roles = [each for kind in kinds for each in resources(template, kind).values()]
    assert roles
    for role in roles:
        for action in allowed(role):
            assert "*" not in action
            assert action not in ("dynamodb:BatchWriteItem", "dynamodb:Scan", "s3:DeleteObjectVersion")
        assert all(statement["Effect"] == "Allow" for statement in statements(role))


def test_the_embedded_environment_differs_in_four_grants_and_plain_http(
    control_plane: dict[str, Any], emulated: dict[str, Any]
) -> None:
    repositories = {"start_build", "receive_push"}  # those of CodeCommit, which the emulator does not have
    lists = {"converge", "repair", "freeze", "set_policy", "act", "promote", "plan", "remove_service", *VIEWS}
    for phase in set(PHASES) - {"check_build", "cancel_run", "act"} - lists - repositories:
        assert allowed(role_of(emulated, phase)) == allowed(role_of(control_plane, phase))
    stops = {"codebuild:StopBuild": {"*"}}
    checks = PHASES["check_build"] | {"codebuild:BatchGetBuilds": {"*"}} | stops
    assert allowed(role_of(emulated, "check_build")) == log_of("check_build") | checks
    assert allowed(role_of(emulated, "cancel_run")) == log_of("cancel_run") | PHASES["cancel_run"] | stops
    for phase in lists:
        listing = {"ssm:GetParametersByPath": {"*"}} | (stops if phase == "act" else {})
        assert allowed(role_of(emulated, phase)) == log_of(phase) | PHASES[phase] | listing
    assert resources(control_plane, "S3::BucketPolicy")
    assert not resources(emulated, "S3::BucketPolicy")
