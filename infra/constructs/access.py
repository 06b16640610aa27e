"""Grants: statements of exact actions, with a reason for each wildcard, and the accesses made of them.

infra/constructs/grants.py lists them; tests/infra/granted.py has the exact list of every role.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aws_cdk import Acknowledgment, Fn, Token, Validations
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct


@dataclass(frozen=True, slots=True)
class Statement:
    """One grant. `because` is the reason for a wildcard in a resource; actions have no wildcards."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    because: str = ""
    conditions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any("*" in action for action in self.actions):
            raise ValueError(f"statement {self.sid}: actions must have no wildcard, found {self.actions}")
        if self.wildcards and not self.because:
            raise ValueError(f"statement {self.sid}: {self.wildcards} need a reason; pass `because`")

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
    """The statements for reading and for writing one thing; writing includes reading."""

    read: tuple[Statement, ...]
    write: tuple[Statement, ...] = ()


def statements(reads: Iterable[Access], writes: Iterable[Access], may: Iterable[Statement]) -> tuple[Statement, ...]:
    """Return the statements of the three lists, each once; raises ValueError if one of `writes` grants none."""
    writes = tuple(writes)
    if any(not each.write for each in writes):
        raise ValueError(
            f"expected statements that write, found only {[s.sid for each in writes for s in each.read]}"
        )
    found: dict[str, Statement] = {}
    for access in (*reads, *writes):
        found |= {statement.sid: statement for statement in access.read}
    for access in writes:
        found |= {statement.sid: statement for statement in access.write}
    return (*found.values(), *may)


def document(allowed: Iterable[Statement]) -> iam.PolicyDocument:
    """Return the policy of these statements."""
    return iam.PolicyDocument(statements=[statement.build() for statement in allowed])


def service_role(
    scope: Construct,
    service: str,
    description: str,
    policy: str,
    allowed: Iterable[Statement],
    *,
    name: str | None = None,
) -> iam.Role:
    """Return the role of an AWS service, such as `lambda`, with these statements as its only policy."""
    granted = tuple(allowed)
    role = iam.Role(
        scope,
        "Role",
        role_name=Fn.sub(name) if name else None,
        assumed_by=iam.ServicePrincipal(f"{service}.amazonaws.com"),
        description=description,
        inline_policies={policy: document(granted)},
    )
    acknowledge(role, granted)
    return role


def acknowledge(construct: IConstruct, allowed: Iterable[Statement]) -> None:
    """Acknowledge each wildcard resource to cdk-nag with its reason."""
    reasons = {
        f"AwsSolutions-IAM5[Resource::{resource.replace('${', '<').replace('}', '>')}]": statement.because
        for statement in allowed
        for resource in statement.wildcards
    }
    accept(construct, reasons)


def accept(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings of cdk-nag, each with its reason."""
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=finding, reason=reason) for finding, reason in reasons.items())
    )


def substituted(text: str) -> str:
    """Return `text` with `Fn::Sub` for its `${...}`; unchanged if it has none, or is a token already."""
    return Fn.sub(text) if "${" in text and not Token.is_unresolved(text) else text
