"""The fixed names on AWS: infra gives them to resources, and all other parts read them here.

Because they are fixed, the CLI needs no look-up, and a role can name a resource that does not exist yet.
An ARN without an `Account` holds the placeholders that CloudFormation's `Fn::Sub` fills in.
The host agent's bundle has this module too, so it imports the standard library only.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """The parts of an ARN that differ between installations."""

    partition: str
    region: str
    number: str


TEMPLATE = Account("${AWS::Partition}", "${AWS::Region}", "${AWS::AccountId}")


def arn(service: str, resource: str, account: Account = TEMPLATE) -> str:
    """Return the ARN of a resource of one region."""
    return f"arn:{account.partition}:{service}:{account.region}:{account.number}:{resource}"


# --- Calls of AWS

# The name of these programs in CloudTrail. botocore composes its own name again for each call, a sixth of the call's
# processor time, unless it is given one.
USER_AGENT = "lifecycle"

# --- CloudFormation stacks

CONTROL_PLANE_STACK = "lifecycle"
CLUSTER_TEMPLATE = "lifecycle-cluster"  # of every cluster whose hosts exist already

WORKER_TEMPLATE = "lifecycle-worker-cluster"  # the same, for services without HTTP


SMOKE = "lifecycle-smoke"  # the tag and the repository of tools/aws_smoke
SMOKE_NETWORK_STACK = f"{SMOKE}-network"


def cluster_stack(environment: str, service: str) -> str:
    """Return the name of a cluster's stack, which is also that of its Auto Scaling group."""
    return f"lifecycle-{environment}-{service}"


def clusters_of_stack(name: str) -> tuple[tuple[str, str], ...]:
    """Return the environment and service that a stack's name may be of; none for other stacks."""
    starts = {each: cluster_stack(each, "") for each in ENVIRONMENT_LETTERS}
    return tuple((each, name.removeprefix(start)) for each, start in starts.items() if name.startswith(start))


# --- Functions and state machines

STACK_RULE = "lifecycle-stack-deleted"
CODECOMMIT_RULE = "lifecycle-codecommit-push"
EXECUTION_RULE = "lifecycle-execution-ended"
CONVERGENCE_LAGS = "lifecycle-convergence-lags"
RUN_STATUS_RULE = "lifecycle-run-status"
DEPLOYMENT_STATUS_RULE = "lifecycle-deployment-status"
TERMINATED_RULE = "lifecycle-instance-terminated"
TERMINATING_RULE = "lifecycle-instance-terminating"
LAUNCHED_RULE = "lifecycle-instance-launched"


def function(phase: str) -> str:
    """Return the name of a phase's Lambda."""
    return f"lifecycle-{phase.replace('_', '-')}"


def function_arn(phase: str) -> str:
    """Return the ARN of a phase's Lambda."""
    return arn("lambda", f"function:{function(phase)}")


def function_log(phase: str) -> str:
    """Return the log group of a phase's Lambda."""
    return f"/aws/lambda/{function(phase)}"


def layer(name: str) -> str:
    """Return the name of a Lambda layer."""
    return f"lifecycle-{name.lower()}"


def machine(definition: str) -> str:
    """Return the name of the state machine that statemachines/<definition>.asl.json defines."""
    return f"lifecycle-{definition}"


ROLLOUT = machine("rollout")
DELIVERY = machine("delivery")


def machine_arn(name: str, account: Account = TEMPLATE) -> str:
    """Return the ARN of a state machine."""
    return arn("states", f"stateMachine:{name}", account)


def machine_log(name: str) -> str:
    """Return the log group of a state machine.

    It begins with /aws/vendedlogs/, or the resource policy of Step Functions' log groups grows too long.
    """
    return f"/aws/vendedlogs/states/{name}"


def execution_arn(machine_arn: str, name: str) -> str:
    """Return the ARN of an execution of the state machine with that ARN."""
    return f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


def execution_arns(name: str) -> str:
    """Return the pattern of the ARNs of every execution of a state machine."""
    return execution_arn(machine_arn(name), "*")


# --- Builds

BUILD_PROJECT = "lifecycle-build"


def build_role(repository: str, account: Account = TEMPLATE) -> str:
    """Return the name of the role of the builds of a CodeCommit repository; of their beginning for an empty one."""
    return f"{BUILD_PROJECT}-{account.region}-{repository}"


def build_role_arn(repository: str, account: Account = TEMPLATE) -> str:
    """Return the ARN of that role."""
    return f"arn:{account.partition}:iam::{account.number}:role/{build_role(repository, account)}"


def build_log(project: str) -> str:
    """Return the log group of a CodeBuild project."""
    return f"/aws/codebuild/{project}"


# --- The ledger (DynamoDB) and the partitions of its items

LEDGER = "lifecycle-ledger"


# The attribute of a report that asks for a repair: its service has ended. Only such a report starts convergence.
SERVICE_ENDED = "service_ended"
SCHEDULE_FAILED = "schedule_failed"


class Partition:
    """The first part of a partition key. IAM tells partitions apart, not items."""

    CLUSTER = "CLUSTER#"
    REPORTS = "REPORTS#"
    TURNS = "TURNS#"
    SCHEDULES = "SCHEDULES#"
    AUDIT_LOG = "TRAIL#"
    DEPLOYMENT = "DEPLOYMENT#"
    FREEZES = "FREEZES"  # one partition for all of them
    SERVICE = "SERVICE#"
    WITHDRAWALS = "WITHDRAWALS#"
    REPOSITORY = "REPOSITORY#"
    CONFIG = "CONFIG#"
    ROTATION = "ROTATION#"
    REQUEST = "REQUEST#"
    REFUSED_PUSHES = "REFUSED_PUSHES"  # one partition for all of them
    FORGE = "FORGE"  # one partition for all repositories
    PASSES = "PASSES"  # of convergence; one partition for all clusters


# --- The artifact bucket (S3) and the webhook's secret (Secrets Manager)


def artifact_bucket(account: Account = TEMPLATE) -> str:
    """Return the name of the artifact bucket."""
    return f"lifecycle-artifacts-{account.number}-{account.region}"


def artifact_bucket_arn() -> str:
    """Return the ARN of the artifact bucket, for `Fn::Sub`."""
    return f"arn:{TEMPLATE.partition}:s3:::{artifact_bucket()}"


INCOMING = "incoming"
"""The prefix under which each build uploads, below the id of its own session."""


def artifact_arns(prefix: str) -> str:
    """Return the pattern of the ARNs of all objects under a prefix of the artifact bucket, for `Fn::Sub`."""
    return f"{artifact_bucket_arn()}/{prefix}/*"


def cache_bucket() -> str:
    """Return the name of the bucket of caches between builds, for `Fn::Sub`."""
    return f"lifecycle-build-caches-{TEMPLATE.number}-{TEMPLATE.region}"


def cache_arns() -> str:
    """Return the pattern of the ARNs of all caches between builds, for `Fn::Sub`."""
    return f"arn:{TEMPLATE.partition}:s3:::{cache_bucket()}/*"


WEBHOOK_SECRET = "lifecycle/webhook"  # noqa: S105 - the secret's name  # nosec B105
# A person creates it, and without it no forge is called.
FORGE_SECRET = "lifecycle/forge-token"  # noqa: S105 - the secret's name  # nosec B105

# --- The registry: SSM parameters of each cluster

REGISTRY = "/lifecycle"
DESIRED = "desired"
TARGET_GROUP = "target-group"
TEST_BED_GROUP = "test-bed-group"
CONTROL_GROUP = "control-group"
LISTENER = "listener"
TARGET_ZONE = "target-zone"  # where the hosts are
IN_VPC, OUTSIDE_VPC = "vpc", "all"  # its values: `all` is what ELB wants for an address outside of the VPC
ADDRESS = "address"
TERMINATION_HOOK = "lifecycle-drain"  # of each Auto Scaling group; its event drains the host
AUTO_SCALING_GROUP = "auto-scaling-group"  # of a cluster whose hosts are EC2 instances
WITHOUT_BALANCER = "without-load-balancer"  # a cluster has it, or else the five above
CONFIG = "config"  # a SecureString
POLICY = "policy"  # the floor of a cluster's policy, and of an environment's


def cluster_parameters(environment: str, service: str) -> str:
    """Return the path above a cluster's parameters."""
    return f"{REGISTRY}/{environment}/{service}"


def parameter(environment: str, service: str, leaf: str) -> str:
    """Return the path of one of a cluster's parameters; `leaf` is one of the constants above."""
    return f"{cluster_parameters(environment, service)}/{leaf}"


def policy_parameter(scope: str) -> str:
    """Return the path of the policy floor of an environment or a cluster, such as `production/hello`."""
    return f"{REGISTRY}/{scope}/{POLICY}"


# --- Configurations: the key of their parameters, and the secrets that hosts may read

CONFIG_KEY = "alias/lifecycle-config"


def secret_prefix(environment: str, service: str) -> str:
    """Return the beginning of the names of the secrets that a cluster's hosts may read."""
    return f"lifecycle/{environment}/{service}/"


# --- The keys that sign versions

ALSO_TRUSTED = "-also-trusted"
"""The end of the alias of a key that is trusted beside the one that signs: the next one, or the former one."""


def signing_key(kind: str) -> str:
    """Return the alias of the key that signs versions of a kind, `release` or `snapshot`."""
    return f"alias/lifecycle-{kind}s"


# --- Roles, policies and the dashboard belong to an account, so the name of each ends with the region


def regional(name: str, account: Account = TEMPLATE) -> str:
    """Return the name of what an account has once for all regions, such as a role: each installation has its own."""
    return f"{name}-{account.region}"


LONGEST_REGION = 15  # us-isof-south-1
# Each policy has the name of its role.
OPERATOR = "lifecycle-operator"
VIEWER = "lifecycle-viewer"
ADMINISTRATOR = "lifecycle-administrator"
CONSOLE_ROLE = "lifecycle-act"  # of the function behind the console's buttons
CONFIGURER = "lifecycle-configure"  # a policy without a role: it is added to the people who may read values


def host_role(environment: str, service: str) -> str:
    """Return the name of the role of a cluster's host agents, without its region; 64 characters are the most."""
    return f"{CLUSTER_PREFIX}-host-{environment}-{service}"


def role_arn(name: str, account: Account = TEMPLATE) -> str:
    """Return the ARN of one of these roles."""
    return f"arn:{account.partition}:iam::{account.number}:role/{regional(name, account)}"


# --- What services write


def service_log_group(environment: str, service: str) -> str:
    """Return the log group of a cluster; each host has a stream of its name."""
    return f"{REGISTRY}/{environment}/{service}"


def log_stream(host: str, process: str = "") -> str:
    """Return the stream of one process of a host; the main process has the host's own. No host's name has a slash."""
    return f"{host}/{process}" if process else host


def logs_command(environment: str, service: str, host: str) -> str:
    """Return the arguments of `lifecycle` that show what a service wrote on a host within the last hour."""
    where = "" if environment == "production" else f" --environment {environment}"
    return f"logs {service}{where} --host {host} --since 1h"


# --- Load balancers, and the alarms of their clusters

CLUSTER_PREFIX = "lc"  # a target group's name may have 32 characters, so it is short
ENVIRONMENT_LETTERS = {"staging": "s", "production": "p"}
TEST_BED_SUFFIX = "--t"  # a service's name has single hyphens only
CONTROL_SUFFIX = "--c"
CLUSTER_TAG = "lifecycle-cluster"  # of EC2 hosts
ALARM_SIGNS = ("errors", "latency", "hosts")


def alarm(letter: str, service: str, sign: str) -> str:
    """Return the name of an alarm of the cluster whose environment has that letter."""
    return f"{CLUSTER_PREFIX}-{letter}-{service}-{sign}"


# --- Notifications and the dashboard

NOTIFICATIONS = "lifecycle-notices"
ALARMS = "lifecycle-alarms"
EVENT_SOURCE = "lifecycle"
DASHBOARD = "lifecycle"


def topic_arn(name: str) -> str:
    """Return the ARN of an SNS topic."""
    return arn("sns", name)


# --- Metrics

BALANCER_NAMESPACE = "AWS/ApplicationELB"
REQUESTS = "RequestCount"
LATENCY = "TargetResponseTime"
HEALTHY_HOSTS = "HealthyHostCount"
UNHEALTHY_HOSTS = "UnHealthyHostCount"
FAILED_REQUESTS = "FailedRequestCount"  # of the laptop's dispatcher; an ALB has no such metric


def answers(family: int) -> str:
    """Return the metric of a target's answers of one family: 2 for 2xx, 5 for 5xx."""
    return f"HTTPCode_Target_{family}XX_Count"


def host_namespace(environment: str, service: str) -> str:
    """Return the namespace of the metrics that a cluster's agents publish; no other hosts may write there."""
    return f"Lifecycle/{environment}/{service}"


class Variable:
    """Environment variables of the functions. Builds and agents have some of them too."""

    LEDGER_TABLE = "LEDGER_TABLE"
    ARTIFACT_BUCKET = "ARTIFACT_BUCKET"
    CACHE_BUCKET = "CACHE_BUCKET"  # of builds
    ROLLOUT_MACHINE = "ROLLOUT_MACHINE"  # an ARN
    DELIVERY_MACHINE = "DELIVERY_MACHINE"  # an ARN
    BUILD_PROJECT = "BUILD_PROJECT"
    BUILD_ROLES = "BUILD_ROLES"  # the ARN of a CodeCommit repository's role, without the repository
    WEBHOOK_SECRET = "WEBHOOK_SECRET"  # noqa: S105 - the variable's name  # nosec B105
    FORGE_SECRET = "FORGE_SECRET"  # noqa: S105 - the variable's name  # nosec B105
    GITHUB_API = "GITHUB_API"  # an address; GitHub's own where it is not set
    NOTICES_TOPIC = "NOTICES_TOPIC"  # an ARN
    CALLERS = "CALLERS"  # patterns of the principals whose commands count, with commas between
    POLL_SECONDS = "POLL_SECONDS"
    BUILD_LOOK_SECONDS = "BUILD_LOOK_SECONDS"
    AGENT_HEARTBEAT_TIMEOUT_SECONDS = "AGENT_HEARTBEAT_TIMEOUT_SECONDS"
    MINUTE_SECONDS = "MINUTE_SECONDS"
    SETTLES = "SETTLES"  # "false" where a load balancer sends no request after a deregistration, as on a laptop
