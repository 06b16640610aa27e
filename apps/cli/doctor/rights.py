"""The rights of a profile, by IAM's simulation of its own policies."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from apps.cli.doctor.facts import Denied
from apps.cli.doctor.reading import pages
from lifecycle import names

# Of CDK's bootstrap; they do the rest of a deployment.
_CDK_ROLES = ("cdk-hnb659fds-deploy-role-{}-{}", "cdk-hnb659fds-file-publishing-role-{}-{}")
_CALLED = ("request", "promote", "decide", "approve", "repair")
Needs: TypeAlias = Mapping[tuple[str, ...], Sequence[str]]
"""ARNs by the actions that are needed on each of them."""


def _to_install(account: names.Account) -> Needs:
    prefix = f"arn:{account.partition}:iam::{account.number}:role/"
    roles = [prefix + each.format(account.number, account.region) for each in _CDK_ROLES]
    return {("sts:AssumeRole",): roles}


def _to_operate(account: names.Account) -> Needs:
    desired = names.parameter("production", "hello", names.DESIRED)
    bucket = f"arn:{account.partition}:s3:::{names.artifact_bucket(account)}"
    return {
        ("states:StartExecution",): [names.machine_arn(each, account) for each in (names.ROLLOUT, names.DELIVERY)],
        ("lambda:InvokeFunction",): [
            names.arn("lambda", f"function:{names.function(each)}", account) for each in _CALLED
        ],
        ("dynamodb:GetItem", "dynamodb:Query"): [names.arn("dynamodb", f"table/{names.LEDGER}", account)],
        ("ssm:GetParameter",): [names.arn("ssm", f"parameter{desired}", account)],
        ("s3:GetObject",): [f"{bucket}/release/hello/1.0.0/manifest.json"],
    }


class Rights:
    """Simulates a caller's policies: what an operator needs where Lifecycle is installed, else what CDK needs."""

    def __init__(self, iam: Any, account: names.Account, *, operates: bool) -> None:
        self._iam = iam
        self._needed = _to_operate(account) if operates else _to_install(account)

    def denied(self, caller: str) -> tuple[Denied, ...]:
        """Return what the caller may not do; a root user may do everything, and has no policies to simulate."""
        if caller.endswith(":root"):
            return ()
        return tuple(self._denied(self._principal(caller)))

    def _denied(self, principal: str) -> Iterator[Denied]:
        for actions, arns in self._needed.items():
            results = pages(
                self._iam,
                "simulate_principal_policy",
                "EvaluationResults",
                PolicySourceArn=principal,
                ActionNames=list(actions),
                ResourceArns=list(arns),
            )
            for each in results:
                # A condition on a value that the simulation does not have decides nothing.
                if each["EvalDecision"] != "allowed" and not each.get("MissingContextValues"):
                    yield Denied(each["EvalActionName"], each.get("EvalResourceName", "*"))

    def _principal(self, caller: str) -> str:
        """Return the ARN of a user, or of the role of a session, whose own ARN has no path."""
        kind, _, rest = caller.rpartition(":")[2].partition("/")
        if kind != "assumed-role":
            return caller
        return str(self._iam.get_role(RoleName=rest.partition("/")[0])["Role"]["Arn"])
