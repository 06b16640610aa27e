"""The state machines with less patience: what takes 60, 120 or 910 s to time out on AWS takes seconds here.

Only for the cases about lateness, and for a pause whose function died, of which the emulator says nothing (on AWS
that fails the pause at once). A definition is put back afterwards; nothing else of it is changed.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lifecycle.gateways.aws.dispatcher import AlbDispatcher
from tests.fault_injection.environment import Field

TASK_SECONDS = 8
PAUSE_SECONDS = 12


@contextmanager
def impatient(field: Field, *, pauses: bool) -> Iterator[None]:
    """Every task of both machines may take TASK_SECONDS; with `pauses`, only a pause for a human PAUSE_SECONDS."""
    states = field.aws.client("stepfunctions")
    known = {
        arn: states.describe_state_machine(stateMachineArn=arn)["definition"]
        for arn in field.facts["state_machines"].values()
    }
    try:
        for arn, text in known.items():
            states.update_state_machine(
                stateMachineArn=arn, definition=json.dumps(_hurried(json.loads(text), pauses))
            )
        yield
    finally:
        for arn, text in known.items():
            states.update_state_machine(stateMachineArn=arn, definition=text)


def _hurried(found: Any, pauses: bool) -> Any:  # noqa: FBT001
    if isinstance(found, list):
        return [_hurried(each, pauses) for each in found]
    if not isinstance(found, dict):
        return found
    hurried = {name: _hurried(each, pauses) for name, each in found.items()}
    if hurried.get("Type") == "Task" and str(hurried["Resource"]).endswith(".waitForTaskToken") == pauses:
        hurried["TimeoutSeconds"] = PAUSE_SECONDS if pauses else TASK_SECONDS
    return hurried


def root_dispatcher(field: Field) -> AlbDispatcher:
    """The load balancer as the account's root sees it: a person who takes out a host by hand."""
    import boto3  # noqa: PLC0415

    known = field.facts
    keys: Any = known["credentials"]
    client: Any = boto3.client(
        "elbv2",
        endpoint_url=known["elbv2_endpoint"],
        region_name=known["region"],
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
    )
    return AlbDispatcher(client, field.aws.client("ssm"))
