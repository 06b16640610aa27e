"""What a grant is: a statement of exact actions, with a reason for each wildcard, and the accesses made of them.

infra/constructs/grants.py lists them; tests/infra holds every role to its exact list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aws_cdk import Acknowledgment, Fn, Token, Validations
from aws_cdk import aws_iam as iam
from constructs import IConstruct


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
