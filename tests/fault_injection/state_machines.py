"""The state machines with less patience: what takes 60, 120 or 910 s to time out on AWS takes seconds here.

Only for the cases about lateness, and for a pause whose function died, of which the emulator says nothing (on AWS
that fails the pause at once). A definition is put back afterwards; nothing else of it is changed.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lifecycle.gateways.aws.dispatcher import AlbDispatcher
from tests.fault_injection.environment import Environment

TASK_SECONDS = 8
PAUSE_SECONDS = 12


@contextmanager
def short_timeouts(env: Environment, *, pauses: bool) -> Iterator[None]:
    """Every task of both machines may take TASK_SECONDS; with `pauses`, only a pause for a human PAUSE_SECONDS."""
    states = env.aws.client("stepfunctions")
    known = {
        arn: states.describe_state_machine(stateMachineArn=arn)["definition"]
        for arn in env.facts["state_machines"].values()
    }
    try:
        for arn, text in known.items():
            states.update_state_machine(
                stateMachineArn=arn, definition=json.dumps(_with_timeouts(json.loads(text), pauses))
            )
        yield
    finally:
        for arn, text in known.items():
            states.update_state_machine(stateMachineArn=arn, definition=text)


def _with_timeouts(found: Any, pauses: bool) -> Any:  # noqa: FBT001
    if isinstance(found, list):
        return [_with_timeouts(each, pauses) for each in found]
    if not isinstance(found, dict):
        return found
    changed = {name: _with_timeouts(each, pauses) for name, each in found.items()}
    if changed.get("Type") == "Task" and str(changed["Resource"]).endswith(".waitForTaskToken") == pauses:
        changed["TimeoutSeconds"] = PAUSE_SECONDS if pauses else TASK_SECONDS
    return changed


def root_dispatcher(env: Environment) -> AlbDispatcher:
    """The load balancer as the account's root sees it: a person who takes out a host by hand."""
    import boto3  # noqa: PLC0415

    known = env.facts
    keys: Any = known["credentials"]
    client: Any = boto3.client(
        "elbv2",
        endpoint_url=known["elbv2_endpoint"],
        region_name=known["region"],
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
    )
    return AlbDispatcher(client, env.aws.client("ssm"))
