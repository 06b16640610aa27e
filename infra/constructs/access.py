"""Who may do what: the actions and resources that each kind of access takes, and nothing else.

`Phase`, the operators and the hosts are given these; tests/infra holds every role to its exact list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aws_cdk import Acknowledgment, Fn, Token, Validations
from aws_cdk import aws_iam as iam
from constructs import IConstruct

from infra import names


@dataclass(frozen=True, slots=True)
class Statement:
    """One allowed thing. `because` says why a resource has to end in, or be, a wildcard; actions never do."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    because: str = ""
    conditions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any("*" in action for action in self.actions):
            raise ValueError(f"{self.sid}: expected exact actions, found {self.actions}")
        if self.wildcards and not self.because:
            raise ValueError(f"{self.sid}: expected a reason for {self.wildcards}")

    @property
    def wildcards(self) -> list[str]:
        return [resource for resource in self.resources if "*" in resource]

    def build(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid=self.sid,
            actions=list(self.actions),
            resources=[substituted(resource) for resource in self.resources],
            conditions=dict(self.conditions),
        )


@dataclass(frozen=True, slots=True)
class Access:
    """What reading and what writing one thing takes; who may write it may read it."""

    read: tuple[Statement, ...]
    write: tuple[Statement, ...] = ()


def statements(
    reads: Iterable[Access], writes: Iterable[Access], may: Iterable[Statement]
) -> tuple[Statement, ...]:
    """Everything that the three lists allow, each once."""
    found: dict[str, Statement] = {}
    for access in (*reads, *writes):
        found |= {statement.sid: statement for statement in access.read}
    for access in writes:
        found |= {statement.sid: statement for statement in access.write}
    return (*found.values(), *may)


def document(allowed: Iterable[Statement]) -> iam.PolicyDocument:
    """A policy of these statements."""
    return iam.PolicyDocument(statements=[statement.build() for statement in allowed])


def acknowledge(construct: IConstruct, allowed: Iterable[Statement]) -> None:
    """Tell cdk-nag why each wildcard resource is one."""
    reasons = {
        f"AwsSolutions-IAM5[Resource::{resource.replace('${', '<').replace('}', '>')}]": statement.because
        for statement in allowed
        for resource in statement.wildcards
    }
    accept(construct, reasons)


def accept(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings of cdk-nag, each with the reason."""
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=finding, reason=reason) for finding, reason in reasons.items())
    )


def substituted(text: str) -> str:
    """`text` with its `${...}` filled in by CloudFormation; as it is when it has none, or is a token already."""
    return Fn.sub(text) if "${" in text and not Token.is_unresolved(text) else text


_LEDGER = names.arn("dynamodb", f"table/{names.LEDGER}")
# Items are never deleted and the table is never scanned: nobody has DeleteItem or Scan.
LEDGER = Access(
    read=(
        Statement("LedgerRead", ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchGetItem"), (_LEDGER,)),
    ),
    write=(
        Statement(
            "LedgerWrite",
            ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"),
            (_LEDGER,),
        ),
    ),
)

_EVERY_CLUSTER = "one Lambda serves every cluster: the names below /lifecycle are services, known at run time"
REGISTRY = Access(
    read=(
        Statement(
            "RegistryRead",
            ("ssm:GetParameter",),
            (names.arn("ssm", "parameter/lifecycle/*"),),
            _EVERY_CLUSTER,
        ),
    ),
    write=(
        Statement(
            "RegistryWrite",
            ("ssm:PutParameter",),
            (names.arn("ssm", "parameter/lifecycle/*/desired"),),
            _EVERY_CLUSTER,
        ),
    ),
)
_EMULATED = "the emulator finds no resource in this request (tests/statemachines/test_gaps.py); AWS does"


def registry_list(*, emulated: bool) -> Access:
    """List the clusters, beside reading what is desired of each."""
    resources = (names.arn("ssm", "parameter/lifecycle"), names.arn("ssm", "parameter/lifecycle/*"))
    listed = Statement(
        "RegistryList",
        ("ssm:GetParametersByPath",),
        ("*",) if emulated else resources,
        _EMULATED if emulated else _EVERY_CLUSTER,
    )
    return Access(read=(*REGISTRY.read, listed))


def see_builds(*, emulated: bool) -> tuple[Statement, Statement]:
    """A build's state, and its log."""
    project = names.arn("codebuild", f"project/{names.BUILD_PROJECT}")
    log = names.arn("logs", f"log-group:{names.BUILD_LOG}")
    return (
        Statement(
            "Builds",
            ("codebuild:BatchGetBuilds",),
            ("*",) if emulated else (project,),
            _EMULATED if emulated else "",
        ),
        # AWS asks for the stream, the emulator for the group.
        Statement("BuildLog", ("logs:GetLogEvents",), (log, f"{log}:*"), "a build names its own stream"),
    )


_EVERY_GROUP = "target groups of clusters that are added later; named lc-<environment>-<service>"
TARGETS = Access(
    read=(
        Statement(
            "TargetsRead",
            (
                "elasticloadbalancing:DescribeTargetHealth",
                "elasticloadbalancing:DescribeTargetGroups",
            ),
            ("*",),
            "Describe actions of Elastic Load Balancing take no resource",
        ),
    )
)


def targets_may(action: str) -> Statement:
    """Put targets into, or take them out of, Lifecycle's own target groups."""
    resource = names.arn("elasticloadbalancing", "targetgroup/lc-*/*")
    return Statement(action, (f"elasticloadbalancing:{action}",), (resource,), _EVERY_GROUP)


def artifacts(kind: str) -> Access:
    """`snapshot` or `release` objects."""
    because = "one object a version, of services that are added later"
    return Access(
        read=(
            Statement(f"{kind.title()}Read", ("s3:GetObject",), (names.objects(kind),), because),
            # Without it S3 answers 403 for a missing object; a condition on s3:prefix would undo that.
            Statement("ArtifactsList", ("s3:ListBucket",), (names.bucket_arn(),)),
        ),
        write=(Statement(f"{kind.title()}Write", ("s3:PutObject",), (names.objects(kind),), because),),
    )


SNAPSHOTS = artifacts("snapshot")
RELEASES = artifacts("release")

START_ROLLOUT = Statement("StartRollout", ("states:StartExecution",), (names.machine_arn(names.ROLLOUT),))
START_DELIVERY = Statement("StartDelivery", ("states:StartExecution",), (names.machine_arn(names.DELIVERY),))
SEE_ROLLOUTS = Statement(
    "SeeRollouts",
    ("states:DescribeExecution",),
    (names.execution_arns(names.ROLLOUT),),
    "executions are named after deployments, known at run time",
)
ANSWER_ROLLOUT = Statement(
    "AnswerRollout",
    ("states:SendTaskSuccess",),
    ("*",),
    "AWS documents no resource for it; the token is the secret, and only the ledger has it",
)
