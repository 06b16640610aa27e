"""Findings about CloudFormation's stacks, and about names that others have taken; pure."""

from collections.abc import Iterator

from apps.cli.doctor.facts import Facts, StackState, Unseen
from apps.cli.doctor.findings import Finding, fine, mend, unseen, warning
from lifecycle.names import CONTROL_PLANE_STACK

BOOTSTRAP_STACK = "CDKToolkit"

# How a stack in each of these states is mended. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/
# view-stack-events.html has the states.
_DELETE = "aws cloudformation delete-stack --stack-name {name}"
_BROKEN = {
    "ROLLBACK_COMPLETE": ("its creation failed and was rolled back, so it can only be deleted", _DELETE),
    "ROLLBACK_FAILED": ("its creation failed, and its resources could not all be deleted", _DELETE),
    "CREATE_FAILED": ("its creation failed", _DELETE),
    "DELETE_FAILED": ("its deletion failed: end the use of what its reason names first", _DELETE),
    "UPDATE_FAILED": (
        "its update failed, and was not rolled back",
        "aws cloudformation rollback-stack --stack-name {name}",
    ),
    "UPDATE_ROLLBACK_FAILED": (
        "its update failed, and could not be rolled back",
        "aws cloudformation continue-update-rollback --stack-name {name}",
    ),
    "REVIEW_IN_PROGRESS": ("it has a change set that was never executed, and no resource", _DELETE),
}
_UNDONE = {"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
_EVENTS = "aws cloudformation describe-stack-events --stack-name {name}"

# The kinds of fixed names, and how such a resource is deleted.
DELETE = {
    "S3 bucket": "empty it with all its versions; then: aws s3 rb s3://{name}",
    "DynamoDB table": "aws dynamodb delete-table --table-name {name}",
    # A kind, and no secret.
    "secret": "aws secretsmanager delete-secret --force-delete-without-recovery --secret-id {name}",  # nosec B105
    "KMS alias": "aws kms delete-alias --alias-name {name}",
    "role": "aws iam delete-role --role-name {name}",
    "log group": "aws logs delete-log-group --log-group-name {name}",
    "load balancer": "aws elbv2 delete-load-balancer --load-balancer-arn $(aws elbv2 describe-load-balancers "
    "--names {name} --query LoadBalancers[].LoadBalancerArn --output text)",
}


def stacks(facts: Facts) -> Iterator[Finding]:
    """Say of each stack of Lifecycle and of CDK's whether it is whole."""
    if isinstance(facts.stacks, Unseen):
        yield unseen("stacks", "the stacks", facts.stacks)
        return
    if CONTROL_PLANE_STACK not in facts.stacks:
        yield fine("stacks", "Lifecycle is not installed here; the next step is: npx aws-cdk deploy lifecycle")
    for name, state in sorted(facts.stacks.items()):
        yield _stack(name, state)


def _stack(name: str, state: StackState) -> Finding:
    text = f"the stack {name} is {state.status}"
    because = f" ({' '.join(state.reason.split())})" if state.reason else ""
    if state.status in _BROKEN:
        meaning, command = _BROKEN[state.status]
        return mend("stacks", f"{text}: {meaning}{because}", command.format(name=name))
    if state.status in _UNDONE:
        how = _EVENTS.format(name=name)
        return warning("stacks", f"{text}: its last update failed and was undone{because}", how)
    if state.status.endswith("_IN_PROGRESS"):
        kind = state.status.partition("_")[0].lower()
        kind = kind if kind in {"create", "update", "delete"} else "update"
        return warning("stacks", text, f"aws cloudformation wait stack-{kind}-complete --stack-name {name}")
    return fine("stacks", text)


_KEPT = {"S3 bucket", "DynamoDB table", "secret", "KMS alias"}


def names_taken(facts: Facts) -> Iterator[Finding]:
    """Say which of the fixed names are taken, though their stack does not exist (ADR 6)."""
    if isinstance(facts.taken, Unseen):
        yield unseen("names", "whether the names are free", facts.taken)
        return
    for each in facts.taken:
        kept = "; it may hold what an earlier installation kept" if each.kind in _KEPT else ""
        text = f"the {each.kind} {each.name} exists without its stack, so a deployment would fail at its name{kept}"
        yield mend("names", text, DELETE[each.kind].format(name=each.name))
    if not facts.taken:
        yield fine("names", "no name of a stack that is still to be deployed is taken")
