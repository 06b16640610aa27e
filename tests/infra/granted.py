"""The permissions of each phase, action by action; a phase that needs another one says so here first."""

from tests.infra.conftest import REPOSITORIES

LEDGER = "dynamodb:table/lifecycle-ledger"
BUCKET = "s3:::lifecycle-artifacts-${AWS::AccountId}-${AWS::Region}"
CACHES = "s3:::lifecycle-build-caches-${AWS::AccountId}-${AWS::Region}"
ROLLOUT = "states:stateMachine:lifecycle-rollout"
DELIVERY = "states:stateMachine:lifecycle-delivery"
BUILD_LOG = "logs:log-group:/aws/codebuild/lifecycle-build"

STREAM = {f"{LEDGER}/stream/*"}
READ_STREAM = {
    "dynamodb:DescribeStream": STREAM,
    "dynamodb:GetRecords": STREAM,
    "dynamodb:GetShardIterator": STREAM,
    "dynamodb:ListStreams": {"*"},
}
READ_LEDGER = {f"dynamodb:{each}": {LEDGER} for each in ("GetItem", "Query", "BatchGetItem")}
WRITE_LEDGER = READ_LEDGER | {"dynamodb:PutItem": {LEDGER}}
DELETE = {"dynamodb:DeleteItem": {LEDGER}}
READ_REGISTRY = {"ssm:GetParameter": {"ssm:parameter/lifecycle/*"}}
WRITE_REGISTRY = READ_REGISTRY | {"ssm:PutParameter": {"ssm:parameter/lifecycle/*/desired"}}
FLOOR = "ssm:parameter/lifecycle/*/policy"
WRITE_FLOORS = {"ssm:PutParameter": {FLOOR}, "ssm:DeleteParameter": {FLOOR}}
CONFIG = "ssm:parameter/lifecycle/*/*/config"
LIST_REGISTRY = {"ssm:GetParametersByPath": {"ssm:parameter/lifecycle", "ssm:parameter/lifecycle/*"}}
READ_TARGETS = READ_REGISTRY | {"elasticloadbalancing:DescribeTargetHealth": {"*"}}
READ_PATHS = {"elasticloadbalancing:DescribeTargetGroups": {"*"}}
READ_GROUPS = READ_PATHS | {"elasticloadbalancing:DescribeTargetGroupAttributes": {"*"}}
GROUPS = {"elasticloadbalancing:targetgroup/lc-*/*"}
# In a cluster without a load balancer, a drain deletes a record.
DRAIN = {"elasticloadbalancing:DeregisterTargets": GROUPS} | DELETE
WEIGH = {
    "elasticloadbalancing:DescribeListeners": {"*"},
    "elasticloadbalancing:ModifyListener": {"elasticloadbalancing:listener/app/lc-*/*/*"},
}
REGISTER = {"elasticloadbalancing:RegisterTargets": GROUPS}
READ_SNAPSHOTS = {"s3:GetObject": {f"{BUCKET}/snapshot/*"}, "s3:ListBucket": {BUCKET}}
READ_BOTH = READ_SNAPSHOTS | {"s3:GetObject": {f"{BUCKET}/snapshot/*", f"{BUCKET}/release/*"}}
LOOK = {
    "cloudwatch:GetDashboard": {"cloudwatch::${AWS::AccountId}:dashboard/lifecycle-${AWS::Region}"},
    "cloudwatch:GetMetricData": {"*"},
    "cloudwatch:ListMetrics": {"*"},
    "cloudwatch:DescribeAlarms": {"*"},
}
AUTO_SCALING = {"autoscaling:autoScalingGroup:*:autoScalingGroupName/lifecycle-*-*"}
GUARD = {f"autoscaling:{each}": AUTO_SCALING for each in ("SuspendProcesses", "SetInstanceProtection")}
ANSWER = {"states:SendTaskSuccess": {"*"}}
SEE_ROLLOUTS = {"states:DescribeExecution": {"states:execution:lifecycle-rollout:*"}}
FOLLOW = {"states:StartExecution": {ROLLOUT}} | SEE_ROLLOUTS
SEE_BUILDS = {
    "codebuild:BatchGetBuilds": {"codebuild:project/lifecycle-build"},
    "logs:GetLogEvents": {BUILD_LOG, f"{BUILD_LOG}:*"},
}

VIEWS = (
    *("show_pipeline", "show_clusters", "show_deployment", "show_test_bed", "show_questions"),
    *("show_history", "show_dora"),
)
READS = ("Get", "BatchGet", "Query", "List", "Describe")

STOP_BUILDS = {"codebuild:StopBuild": {"codebuild:project/lifecycle-build"}}
CANCEL_RUNS = STOP_BUILDS | {
    f"states:{action}": {"states:execution:lifecycle-delivery:*"}
    for action in ("DescribeExecution", "GetExecutionHistory", "StopExecution")
}
READ_MACHINES = {"autoscaling:DescribeAutoScalingGroups": {"*"}, "ec2:DescribeInstances": {"*"}}
REPAIRS = WRITE_LEDGER | WRITE_REGISTRY | LIST_REGISTRY | READ_TARGETS | READ_MACHINES | READ_BOTH
REPAIRS |= GUARD | DELETE | ANSWER | FOLLOW | DRAIN | REGISTER | WEIGH
CONSOLE_CALLS = {f"lambda:function:lifecycle-{phase}" for phase in ("promote", "repair", "remove-host")}
PHASES: dict[str, dict[str, set[str]]] = {
    "receive_push": WRITE_LEDGER
    | {
        "codecommit:GetRepository": {f"codecommit:{each}" for each in REPOSITORIES},
        "secretsmanager:GetSecretValue": {"secretsmanager:secret:lifecycle/webhook-??????"},
        "states:StartExecution": {DELIVERY},
        "states:DescribeExecution": {"states:execution:lifecycle-delivery:*"},
    },
    "start_build": WRITE_LEDGER
    | {
        "codebuild:StartBuild": {"codebuild:project/lifecycle-build"},
        "iam:PassRole": {
            f"iam::${{AWS::AccountId}}:role/lifecycle-build-${{AWS::Region}}-{each}" for each in REPOSITORIES
        },
    },
    "start_services": WRITE_LEDGER
    | {
        "states:StartExecution": {DELIVERY},
        "states:DescribeExecution": {"states:execution:lifecycle-delivery:*"},
    },
    "check_build": WRITE_LEDGER | SEE_BUILDS | STOP_BUILDS,
    "record_snapshot": WRITE_LEDGER
    | READ_SNAPSHOTS
    | {
        "s3:GetObject": {f"{BUCKET}/incoming/*", f"{BUCKET}/snapshot/*"},
        "s3:PutObject": {f"{BUCKET}/snapshot/*"},
    },
    "request": WRITE_LEDGER,
    "promote": WRITE_LEDGER | LIST_REGISTRY | READ_BOTH | {"s3:PutObject": {f"{BUCKET}/release/*"}},
    "plan": WRITE_LEDGER
    | LIST_REGISTRY
    | DELETE
    | WRITE_REGISTRY
    | READ_TARGETS
    | READ_GROUPS
    | READ_BOTH
    | DRAIN
    | WEIGH
    | ANSWER
    | READ_MACHINES
    | GUARD
    | {"states:ListExecutions": {ROLLOUT}}
    | SEE_ROLLOUTS,
    "next_step": WRITE_LEDGER | READ_TARGETS,
    "drain": WRITE_LEDGER | READ_TARGETS | DRAIN | WEIGH,
    "install": WRITE_LEDGER,
    "self_test": WRITE_LEDGER,
    "register": WRITE_LEDGER | READ_REGISTRY | REGISTER,
    "await_alive": WRITE_LEDGER | READ_TARGETS | READ_PATHS | DRAIN | WEIGH,
    "release_command": WRITE_LEDGER,
    "diagnose": WRITE_LEDGER | READ_TARGETS,
    "analyse": WRITE_LEDGER | READ_TARGETS | WEIGH | READ_BOTH | {"cloudwatch:GetMetricData": {"*"}},
    "end_bake": WRITE_LEDGER | READ_TARGETS | DRAIN | REGISTER | WEIGH,
    "await_human": WRITE_LEDGER | ANSWER,
    "roll_back": WRITE_LEDGER | READ_REGISTRY,
    "finish": WRITE_LEDGER | DELETE | WRITE_REGISTRY | FOLLOW,
    "decide": WRITE_LEDGER | DELETE | ANSWER,
    "approve": WRITE_LEDGER | READ_REGISTRY | ANSWER,
    "freeze": WRITE_LEDGER | DELETE | LIST_REGISTRY,
    "quarantine": WRITE_LEDGER | DELETE | READ_BOTH,
    "cancel_run": WRITE_LEDGER | CANCEL_RUNS,
    "transfer_service": WRITE_LEDGER,
    "withdraw_release": WRITE_LEDGER | READ_REGISTRY,
    "remove_service": WRITE_LEDGER | LIST_REGISTRY | {"states:ListExecutions": {DELIVERY}},
    "bind_hosts": WRITE_LEDGER | READ_TARGETS | READ_MACHINES,
    "record_config": WRITE_LEDGER | READ_REGISTRY,
    "set_policy": WRITE_LEDGER | LIST_REGISTRY | READ_REGISTRY | WRITE_FLOORS,
    **dict.fromkeys(
        ("remove_host", "host_terminated"),
        WRITE_LEDGER | DELETE | READ_TARGETS | DRAIN | WEIGH | ANSWER | READ_MACHINES,
    ),
    "host_terminating": WRITE_LEDGER
    | READ_TARGETS
    | DRAIN
    | WEIGH
    | READ_MACHINES
    | {"autoscaling:CompleteLifecycleAction": AUTO_SCALING},
    "forget_cluster": WRITE_LEDGER
    | DELETE
    | READ_TARGETS
    | READ_MACHINES
    | {"ssm:DeleteParameter": {"ssm:parameter/lifecycle/*/desired"}},
    "cluster_deleted": WRITE_LEDGER | DELETE | READ_TARGETS | READ_MACHINES,
    "gc": WRITE_LEDGER
    | READ_REGISTRY
    | {"s3:ListBucket": {BUCKET}, "s3:DeleteObject": {f"{BUCKET}/snapshot/*", f"{BUCKET}/release/*"}},
    "notify": READ_STREAM
    | {
        "events:PutEvents": {"events:event-bus/default"},
        "sns:Publish": {"sns:lifecycle-notices"},
    },
    "report_status": WRITE_LEDGER
    | READ_BOTH
    | {
        "secretsmanager:GetSecretValue": {"secretsmanager:secret:lifecycle/forge-token-??????"},
        "states:DescribeExecution": {"states:execution:lifecycle-delivery:*"},
    },
    "watch": WRITE_LEDGER
    | ANSWER
    | SEE_ROLLOUTS
    | {"states:StartExecution": {ROLLOUT}, "cloudwatch:DescribeAlarms": {"*"}},
    "repair": REPAIRS,
    "converge": REPAIRS | READ_STREAM,
    **dict.fromkeys(VIEWS, READ_LEDGER | LIST_REGISTRY),
    "show_clusters": READ_LEDGER | LIST_REGISTRY | READ_TARGETS | SEE_ROLLOUTS,
    "show_questions": READ_LEDGER | LIST_REGISTRY | READ_TARGETS,
    "show_deployment": READ_LEDGER | LIST_REGISTRY | SEE_ROLLOUTS,
    "show_pipeline": READ_LEDGER | LIST_REGISTRY | SEE_ROLLOUTS | {"states:ListExecutions": {DELIVERY}},
    "act": WRITE_LEDGER
    | DELETE
    | ANSWER
    | LIST_REGISTRY
    | READ_TARGETS
    | READ_GROUPS
    | READ_BOTH
    | CANCEL_RUNS
    | {"states:DescribeExecution": CANCEL_RUNS["states:DescribeExecution"] | SEE_ROLLOUTS["states:DescribeExecution"]}
    | {"lambda:InvokeFunction": CONSOLE_CALLS, "states:StartExecution": {ROLLOUT}},
}
# The phases that delete, and where: never in the partitions of the audit log, a deployment or a service.
DELETED = {
    "plan": {"CLUSTER#*", "ROTATION#*"},
    "host_terminating": {"ROTATION#*"},
    **{phase: {"CLUSTER#*", "REPORTS#*", "TURNS#*"} for phase in ("forget_cluster", "cluster_deleted")},
    "drain": {"ROTATION#*"},
    "await_alive": {"ROTATION#*"},
    "end_bake": {"ROTATION#*"},
    "finish": {"CLUSTER#*"},
    **{phase: {"CLUSTER#*", "REPORTS#*", "TURNS#*", "ROTATION#*"} for phase in ("converge", "repair")},
    "decide": {"CLUSTER#*"},
    "quarantine": {"CLUSTER#*"},
    "freeze": {"FREEZES"},
    **{phase: {"CLUSTER#*", "REPORTS#*", "TURNS#*", "ROTATION#*"} for phase in ("remove_host", "host_terminated")},
    "act": {"CLUSTER#*", "FREEZES"},
}


def log_of(phase: str) -> dict[str, set[str]]:
    group = f"logs:log-group:/aws/lambda/lifecycle-{phase.replace('_', '-')}:*"
    return {"logs:CreateLogStream": {group}, "logs:PutLogEvents": {group}}
