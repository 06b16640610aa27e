"""The state machines with shorter timeouts: seconds instead of 60, 120 or 910 s as on AWS.

They are for the cases about late calls, and about a pause whose function died. The emulator does not notice
the latter, while AWS fails the pause at once. The definitions are restored afterwards; nothing else of them
changes.
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
    """Limit every task of both machines to TASK_SECONDS, or with `pauses` only pauses, to PAUSE_SECONDS."""
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
    """Return the load balancer with the account's root credentials, to deregister a host by hand."""
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
