"""The grants: the actions and resources of each kind of access.

infra/stacks/control_plane.py and infra/constructs/operators.py give them to roles by these names.
"""

from infra.constructs.access import Access, Statement
from lifecycle import names
from lifecycle.names import Partition

_LEDGER = names.arn("dynamodb", f"table/{names.LEDGER}")
# Items are replaced as a whole, and the table is never scanned, so no role has UpdateItem or Scan.
LEDGER = Access(
    read=(Statement("LedgerRead", ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchGetItem"), (_LEDGER,)),)
)


def _within(sid: str, action: str, partitions: tuple[str, ...]) -> Statement:
    """Return the grant of an action on the items of these partitions."""
    keys = [f"{each}*" if each.endswith("#") else each for each in partitions]
    within = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}
    return Statement(sid, (action,), (_LEDGER,), conditions=within)


def ledger(*partitions: str) -> Access:
    """Return the access to read the ledger, and to put items into these partitions only.

    tests/infra/test_ledger_writes.py compares each function's partitions with those that its code writes to.
    """
    return Access(read=LEDGER.read, write=(_within("LedgerWrite", "dynamodb:PutItem", partitions),))


def requests_of(source: str) -> str:
    """Return the partition of the requests that one part of Lifecycle records, and no other may."""
    return f"{Partition.REQUEST}{source}#"


def _delete(*partitions: str, sid: str = "LedgerDelete") -> Statement:
    """Return the grant to delete items of these partitions: never of the audit log, attempts, or releases."""
    return _within(sid, "dynamodb:DeleteItem", partitions)


# A cluster's partition holds its pending deployment and its quarantines, beside its lease and its
# deployments. IAM grants partitions, not items: only gateways/aws ensures that the latter are never deleted.
LEAVE_QUEUE = LIFT_QUARANTINE = _delete(Partition.CLUSTER)
LIFT_FREEZE = _delete(Partition.FREEZES)
UNDO_FROM_CONSOLE = _delete(Partition.CLUSTER, Partition.FREEZES)
REMOVE_HOST = _delete(Partition.CLUSTER, Partition.REPORTS, Partition.TURNS)
# A drain in a cluster without a load balancer.
LEAVE_ROTATION = _delete(Partition.ROTATION, sid="LeaveRotation")

# Lambda reads the ledger's stream with the role of the function that it calls.
LEDGER_STREAM = (
    Statement(
        "StreamRead",
        ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
        (f"{_LEDGER}/stream/*",),
        "a stream is named after the time of its creation",
    ),
    Statement("StreamList", ("dynamodb:ListStreams",), ("*",), "Lambda lists the streams before it knows a name"),
)
SEND_NOTIFICATIONS = (
    Statement("TellEvents", ("events:PutEvents",), (names.arn("events", "event-bus/default"),)),
    Statement("TellPeople", ("sns:Publish",), (names.topic_arn(names.NOTIFICATIONS),)),
)
LIST_METRICS = Statement("MetricsList", ("cloudwatch:ListMetrics",), ("*",), "ListMetrics takes no resource")
READ_ALARMS = Statement(
    "AlarmsRead",
    ("cloudwatch:DescribeAlarms",),
    ("*",),
    "alarms are listed by prefix and state, and a listing is about every alarm",
)

_EVERY_CLUSTER = f"one Lambda serves every cluster: the names below {names.REGISTRY} are services, known at run time"
REGISTRY = Access(
    read=(
        Statement(
            "RegistryRead",
            ("ssm:GetParameter",),
            (names.arn("ssm", f"parameter{names.REGISTRY}/*"),),
            _EVERY_CLUSTER,
        ),
    ),
    write=(
        Statement(
            "RegistryWrite",
            ("ssm:PutParameter",),
            (names.arn("ssm", f"parameter{names.REGISTRY}/*/{names.DESIRED}"),),
            _EVERY_CLUSTER,
        ),
    ),
)
FORGET_DESIRED = Statement(
    "ForgetDesired",
    ("ssm:DeleteParameter",),
    (names.arn("ssm", f"parameter{names.REGISTRY}/*/{names.DESIRED}"),),
    _EVERY_CLUSTER,
)
_FLOORS = names.arn("ssm", f"parameter{names.policy_parameter('*')}")
SET_FLOOR = Statement("FloorWrite", ("ssm:PutParameter", "ssm:DeleteParameter"), (_FLOORS,), _EVERY_CLUSTER)
_EMULATED = "the emulator finds no resource in this request (tests/integration/statemachines/test_gaps.py); AWS does"


def registry_list(*, emulated: bool) -> Access:
    """Return the access to the list of clusters."""
    resources = tuple(names.arn("ssm", f"parameter{names.REGISTRY}{below}") for below in ("", "/*"))
    listed = Statement(
        "RegistryList",
        ("ssm:GetParametersByPath",),
        ("*",) if emulated else resources,
        _EMULATED if emulated else _EVERY_CLUSTER,
    )
    return Access(read=(listed,))


def read_dashboard(*, emulated: bool) -> Statement:
    """Return the grant to read the dashboard's body. A dashboard belongs to an account, not to a region."""
    dashboard = f"arn:${{AWS::Partition}}:cloudwatch::${{AWS::AccountId}}:dashboard/{names.regional(names.DASHBOARD)}"
    resources, why = (("*",), _EMULATED) if emulated else ((dashboard,), "")
    return Statement("Dashboard", ("cloudwatch:GetDashboard",), resources, why)


def read_builds(*, emulated: bool) -> tuple[Statement, Statement]:
    """Return the grants to read a build's state and its log."""
    project = names.arn("codebuild", f"project/{names.BUILD_PROJECT}")
    log = names.arn("logs", f"log-group:{names.build_log(names.BUILD_PROJECT)}")
    return (
        Statement(
            "Builds",
            ("codebuild:BatchGetBuilds",),
            ("*",) if emulated else (project,),
            _EMULATED if emulated else "",
        ),
        # AWS checks the stream, the emulator the group.
        Statement("BuildLog", ("logs:GetLogEvents",), (log, f"{log}:*"), "a build names its own stream"),
    )


def stop_builds(*, emulated: bool) -> Statement:
    """Return the grant to end builds."""
    project = names.arn("codebuild", f"project/{names.BUILD_PROJECT}")
    resources, why = (("*",), _EMULATED) if emulated else ((project,), "")
    return Statement("StopBuild", ("codebuild:StopBuild",), resources, why)


_SERVICE_LOGS = names.arn("logs", f"log-group:{names.service_log_group('*', '*')}")
READ_SERVICE_LOGS = Statement(
    "ServiceLogs",
    ("logs:FilterLogEvents",),
    (_SERVICE_LOGS, f"{_SERVICE_LOGS}:*"),
    "each cluster has a log group of its own; AWS checks the group, and the streams that a call names",
)

# The addresses of the hosts that Auto Scaling launches are EC2's word, not the hosts'.
MACHINES = Access(
    read=(
        Statement(
            "Machines",
            ("autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances"),
            ("*",),
            "Describe actions of Auto Scaling and EC2 take no resource",
        ),
    )
)

_AUTO_SCALING = names.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{names.cluster_stack('*', '*')}")
_ITS_ARN = "the ARN of a group has an identifier of Auto Scaling before its name, and clusters are added later"
# An instance that waits to end may end now.
LET_END = Statement("LetEnd", ("autoscaling:CompleteLifecycleAction",), (_AUTO_SCALING,), _ITS_ARN)
GUARD_MACHINES = Statement(
    "GuardMachines", ("autoscaling:SuspendProcesses", "autoscaling:SetInstanceProtection"), (_AUTO_SCALING,), _ITS_ARN
)

_ANY_GROUP = "target groups of clusters that are added later; named lc-<environment>-<service>"
_NO_RESOURCE = "Describe actions of Elastic Load Balancing take no resource"


def _balancer(sid: str, action: str) -> Access:
    return Access(read=(Statement(sid, (f"elasticloadbalancing:{action}",), ("*",), _NO_RESOURCE),))


# The registry has the ARN of a target group, so reading its targets includes reading the registry.
TARGETS = Access(read=(*_balancer("TargetsRead", "DescribeTargetHealth").read, *REGISTRY.read))
# The path of the health check, which is part of the reason why a host is not alive.
HEALTH_PATHS = _balancer("GroupsRead", "DescribeTargetGroups")
# A plan compares that path and the deregistration delay with the service's own. It may not change them: IAM cannot
# limit ModifyTargetGroupAttributes to one attribute (docs/adr/0019).
GROUP_SETTINGS = Access(read=(*HEALTH_PATHS.read, *_balancer("AttributesRead", "DescribeTargetGroupAttributes").read))


def change_targets(action: str) -> Statement:
    """Return the grant to register or deregister targets of Lifecycle's target groups."""
    resource = names.arn("elasticloadbalancing", f"targetgroup/{names.CLUSTER_PREFIX}-*/*")
    return Statement(action, (f"elasticloadbalancing:{action}",), (resource,), _ANY_GROUP)


WEIGHTS = _balancer("WeightsRead", "DescribeListeners")


def set_weights() -> Statement:
    """Return the grant to change the weights of a cluster's target groups."""
    resource = names.arn("elasticloadbalancing", f"listener/app/{names.CLUSTER_PREFIX}-*/*/*")
    return Statement("Weigh", ("elasticloadbalancing:ModifyListener",), (resource,), _ANY_GROUP)


# The metrics of a test bed. IAM can limit writing to a namespace, but not reading.
METRICS = Access(
    read=(Statement("MetricsRead", ("cloudwatch:GetMetricData",), ("*",), "GetMetricData takes no resource"),)
)

_EVERY_VERSION = "one object per version, of services that are added later"
# Without it S3 answers 403 for a missing object; a condition on s3:prefix would undo that.
LIST_ARTIFACTS = Statement("ArtifactsList", ("s3:ListBucket",), (names.artifact_bucket_arn(),))


def artifacts(kind: str) -> Access:
    """Return the access to `snapshot` or `release` objects."""
    objects = (names.artifact_arns(kind),)
    return Access(
        read=(Statement(f"{kind.title()}Read", ("s3:GetObject",), objects, _EVERY_VERSION), LIST_ARTIFACTS),
        write=(Statement(f"{kind.title()}Write", ("s3:PutObject",), objects, _EVERY_VERSION),),
    )


SNAPSHOTS = artifacts("snapshot")
UPLOADS = artifacts(names.INCOMING)
# For an assumed role, aws:userid is the role's id and the session's name, which only CodeBuild chooses.
OWN_UPLOAD = Statement(
    "OwnUpload",
    ("s3:PutObject", "s3:GetObject"),
    (names.artifact_arns(f"{names.INCOMING}/${{!aws:userid}}"),),
    "each build has the prefix of its own session, and writes nothing else",
)
RELEASES = artifacts("release")
# No DeleteObjectVersion: deleted bytes stay behind a marker for a while (infra/constructs/storage.py).
DELETE_ARTIFACTS = Statement(
    "ArtifactsDelete",
    ("s3:DeleteObject",),
    (names.artifact_arns("snapshot"), names.artifact_arns("release")),
    _EVERY_VERSION,
)

# Secrets Manager adds six characters to the name. A person creates the secret, and may never do so.
FORGE_TOKEN = Statement(
    "ForgeToken",
    ("secretsmanager:GetSecretValue",),
    (names.arn("secretsmanager", f"secret:{names.FORGE_SECRET}-??????"),),
)

START_ROLLOUT = Statement("StartRollout", ("states:StartExecution",), (names.machine_arn(names.ROLLOUT),))
LIST_DELIVERIES = Statement("ListDeliveries", ("states:ListExecutions",), (names.machine_arn(names.DELIVERY),))
LIST_ROLLOUTS = Statement("ListRollouts", ("states:ListExecutions",), (names.machine_arn(names.ROLLOUT),))
START_DELIVERY = Statement("StartDelivery", ("states:StartExecution",), (names.machine_arn(names.DELIVERY),))
DESCRIBE_ROLLOUTS = Statement(
    "SeeRollouts",
    ("states:DescribeExecution",),
    (names.execution_arns(names.ROLLOUT),),
    "executions are named after deployments, known at run time",
)
DESCRIBE_DELIVERIES = Statement(
    "SeeDeliveries",
    ("states:DescribeExecution",),
    (names.execution_arns(names.DELIVERY),),
    "executions are named after commits, known at run time",
)
STOP_DELIVERIES = Statement(
    "StopDeliveries",
    ("states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"),
    (names.execution_arns(names.DELIVERY),),
    "executions are named after commits, known at run time",
)
ANSWER_ROLLOUT = Statement(
    "AnswerRollout",
    ("states:SendTaskSuccess",),
    ("*",),
    "AWS documents no resource for it; the token is the secret, and only the ledger has it",
)
