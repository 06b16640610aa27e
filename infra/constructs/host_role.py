"""The role of a cluster's agents: read turns, its configuration and artifacts, write reports, metrics and logs."""

from aws_cdk import Fn
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs import access
from infra.constructs.access import Statement
from infra.constructs.configurations import read_config
from infra.constructs.front_door import ClusterName
from infra.constructs.grants import LIST_ARTIFACTS
from lifecycle import names


class HostRole(Construct):
    """The role `lc-host-<environment>-<service>-<region>`: EC2 hosts have it, other hosts assume it."""

    def __init__(self, scope: Construct, construct_id: str, values: ClusterName, *, on_ec2: bool = False) -> None:
        super().__init__(scope, construct_id)
        allowed = _allowed(values)
        account = iam.AccountRootPrincipal()
        principal = iam.CompositePrincipal(account, iam.ServicePrincipal("ec2.amazonaws.com")) if on_ec2 else account
        self.role = iam.Role(
            self,
            "Role",
            role_name=Fn.sub(names.regional(names.host_role(values.environment, values.service))),
            description="Permissions of Lifecycle's host agents of one cluster",
            assumed_by=principal,
            inline_policies={"agent": access.document(allowed)},
        )
        access.acknowledge(self.role, allowed)


def _allowed(values: ClusterName) -> tuple[Statement, ...]:
    ledger = names.arn("dynamodb", f"table/{names.LEDGER}")
    cluster = f"{values.environment}/{values.service}"
    log = names.arn("logs", f"log-group:{names.service_log_group(values.environment, values.service)}")
    return (
        Statement("Turns", ("dynamodb:GetItem",), (ledger,), conditions=_partition(names.Partition.TURNS, cluster)),
        Statement(
            "Reports",
            ("dynamodb:GetItem", "dynamodb:PutItem"),
            (ledger,),
            conditions=_partition(names.Partition.REPORTS, cluster),
        ),
        Statement(
            "Schedules",
            ("dynamodb:GetItem", "dynamodb:PutItem"),
            (ledger,),
            conditions=_partition(names.Partition.SCHEDULES, cluster),
        ),
        Statement(
            "Quarantines", ("dynamodb:GetItem",), (ledger,), conditions=_partition(names.Partition.CLUSTER, cluster)
        ),
        LIST_ARTIFACTS,  # without it S3 answers 403 for a missing signature, which reads as the host's own fault
        Statement(
            "Artifacts",
            ("s3:GetObject",),
            tuple(names.artifact_arns(f"{kind}/{values.service}") for kind in ("release", "snapshot")),
            "one object per version of this service",
        ),
        Statement(
            "Metrics",
            ("cloudwatch:PutMetricData",),
            ("*",),
            "PutMetricData takes no resource; its namespace is the cluster's own",
            conditions=_namespace(values),
        ),
        *read_config(values.environment, values.service),
        Statement(
            "Logs",
            ("logs:CreateLogStream", "logs:PutLogEvents"),
            # AWS checks the stream, the emulator the group.
            (log, f"{log}:*"),
            "each host names its own stream, in the group of its cluster",
        ),
    )


def _namespace(values: ClusterName) -> dict[str, dict[str, str]]:
    # AWS always sends the key. IfExists is for the emulator (tests/integration/statemachines/test_gaps.py).
    namespace = names.host_namespace(values.environment, values.service)
    return {"StringEqualsIfExists": {"cloudwatch:namespace": access.substituted(namespace)}}


def _partition(partition: str, cluster: str) -> dict[str, dict[str, list[str]]]:
    return {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [access.substituted(f"{partition}{cluster}")]}}
