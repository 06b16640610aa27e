"""Deploys synthesised templates through CloudFormation, and reports the resources that failed."""

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from apps.local.aws.assembly import Template
from apps.local.aws.assets import publish
from apps.local.aws.clients import Aws
from apps.local.errors import DeploymentFailed
from apps.local.ports import LOOPBACK

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_BOOTSTRAP_PARAMETER = "BootstrapVersion"
_TIMEOUT_SECONDS = 180.0


def deploy(
    aws: Aws, template: Template, port: int, *, stack: str | None = None, parameters: Mapping[str, str] | None = None
) -> bool:
    """Create or update one stack and wait for it; return True if anything changed."""
    name = stack or template.name
    address = publish(aws.client("s3"), template)
    _fake_bootstrap(aws, template)
    request = {
        "StackName": name,
        "TemplateURL": f"http://{LOOPBACK}:{port}/{address}",
        "Capabilities": _CAPABILITIES,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()],
    }
    formation = aws.client("cloudformation")
    status = _status(formation, name)
    if status in {"ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"}:
        formation.delete_stack(StackName=name)
        _settle(formation, name)
        status = None
    if status is None:
        formation.create_stack(**request)
    else:
        try:
            formation.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
    ended = _settle(formation, name)
    if ended not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise DeploymentFailed(name, ended or "DELETE_COMPLETE", _reasons(formation, name))
    return True


def delete(aws: Aws, stack: str) -> None:
    """Delete a stack and wait for it; nothing happens if there is none. Raises DeploymentFailed."""
    formation = aws.client("cloudformation")
    if _status(formation, stack) is None:
        return
    formation.delete_stack(StackName=stack)
    if ended := _settle(formation, stack):
        raise DeploymentFailed(stack, ended, _reasons(formation, stack))


def outputs(aws: Aws, stack: str) -> dict[str, str]:
    """Return a stack's outputs by name."""
    (found,) = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])}


def _fake_bootstrap(aws: Aws, template: Template) -> None:
    """Set the parameter by which a template checks that `cdk bootstrap` was run; nothing else is needed here."""
    parameter = template.body.get("Parameters", {}).get(_BOOTSTRAP_PARAMETER)
    if parameter:
        aws.client("ssm").put_parameter(Name=parameter["Default"], Value="30", Type="String", Overwrite=True)


def _status(formation: Any, stack: str) -> str | None:
    try:
        (found,) = formation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    status = str(found["StackStatus"])
    return None if status == "DELETE_COMPLETE" else status


def _settle(formation: Any, stack: str) -> str | None:
    """Wait while CloudFormation works on the stack; return its status, None if the stack was deleted."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while (status := _status(formation, stack)) and status.endswith("IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise DeploymentFailed(stack, f"{status} still, after {_TIMEOUT_SECONDS:.0f} s", ())
        time.sleep(0.1)
    return status


def _reasons(formation: Any, stack: str) -> list[str]:
    """Return the first failures of the last attempt, without the resources that were cancelled because of them."""
    events = formation.describe_stack_events(StackName=stack)["StackEvents"]
    return [
        f"{event['LogicalResourceId']} ({event.get('ResourceType', '?')}): {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED")
        and "cancelled" not in event.get("ResourceStatusReason", "cancelled").lower()
    ][:10]
