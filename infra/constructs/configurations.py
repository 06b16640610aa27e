"""Configurations of clusters: the key that encrypts their parameters, and the policy of the people who write them.

No function may decrypt: only these people may, and each cluster's host role (host_role.py), which reads its own.
"""

from aws_cdk import Fn
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.constructs import access
from infra.constructs.access import Statement
from infra.constructs.removal import removal
from lifecycle import names

_EVERY_CLUSTER = "configurations of clusters that are added later"
_ANY_KEY = "IAM takes no alias as a resource; the condition names the only key"


def decrypt(*actions: str, parameter: str) -> Statement:
    """Return the grant of these actions of KMS, with the key of configurations, for one parameter or a pattern."""
    # Parameter Store encrypts with the parameter's ARN as the context, so that one key tells clusters apart.
    context = {"kms:EncryptionContext:PARAMETER_ARN": access.substituted(parameter_arn(parameter))}
    return Statement(
        "ConfigKey",
        tuple(f"kms:{action}" for action in actions),
        (names.arn("kms", "key/*"),),
        _ANY_KEY,
        conditions={
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": names.CONFIG_KEY},
            "StringLike" if "*" in parameter else "StringEquals": context,
        },
    )


def parameter_arn(parameter: str) -> str:
    """Return the ARN of a parameter, for `Fn::Sub`."""
    return names.arn("ssm", f"parameter{parameter}")


def read_config(environment: str, service: str) -> tuple[Statement, ...]:
    """Return the grants of a cluster's hosts: its own configuration, and the secrets of its own names."""
    parameter = names.parameter(environment, service, names.CONFIG)
    arn = parameter_arn(parameter)
    secrets = names.arn("secretsmanager", f"secret:{names.secret_prefix(environment, service)}*")
    return (
        Statement(
            "Config",
            ("ssm:GetParameter",),
            # AWS checks the parameter, the emulator the name with its version.
            (arn, f"{arn}:*"),
            "a host reads the revision of its deployment, known at run time",
        ),
        decrypt("Decrypt", parameter=parameter),
        Statement("Secrets", ("secretsmanager:GetSecretValue",), (secrets,), "a service names its own secrets"),
    )


def _write_configs() -> tuple[Statement, ...]:
    every = names.parameter("*", "*", names.CONFIG)
    arn = parameter_arn(every)
    return (
        Statement("ConfigRead", ("ssm:GetParameter",), (arn, f"{arn}:*"), _EVERY_CLUSTER),
        Statement("ConfigWrite", ("ssm:PutParameter",), (arn,), _EVERY_CLUSTER),
        decrypt("Decrypt", "Encrypt", "GenerateDataKey", parameter=every),
        Statement("ConfigRecord", ("lambda:InvokeFunction",), (names.function_arn("record_config"),)),
    )


class Configurations(Construct):
    """The key `alias/lifecycle-config` and the policy `lifecycle-configure`, which is added to people's roles."""

    def __init__(self, scope: Construct, construct_id: str, *, retain: bool) -> None:
        super().__init__(scope, construct_id)
        # Without the key, no configuration can be read any more.
        self.key = kms.Key(
            self,
            "Key",
            alias=names.CONFIG_KEY,
            description="Encrypts the configurations of Lifecycle's clusters",
            enable_key_rotation=True,
            removal_policy=removal(retain=retain),
        )
        allowed = _write_configs()
        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            managed_policy_name=Fn.sub(names.regional(names.CONFIGURER)),
            description="Read and write the configurations of Lifecycle's clusters, beside the policy of operators",
            document=access.document(allowed),
        )
        access.acknowledge(self.policy, allowed)
