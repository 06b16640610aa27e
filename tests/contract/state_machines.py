"""State machines in the emulator: one that ends at once, and one that waits for an answer."""

import itertools
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from apps.local.aws.clients import Clients

_NUMBERS = itertools.count(1)


def new_token(aws: Clients) -> str:
    """Start an execution that waits for an answer; returns its task token."""
    sqs, states = aws.client("sqs"), aws.client("stepfunctions")
    queue = sqs.create_queue(QueueName=f"tokens-{next(_NUMBERS)}")["QueueUrl"]
    message = {"QueueUrl": queue, "MessageBody": "{% $states.context.Task.Token %}"}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": message,
        "End": True,
    }
    states.start_execution(stateMachineArn=a_machine(aws, task))
    found: dict[str, Any] = {}
    while not found.get("Messages"):
        found = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)
    return str(found["Messages"][0]["Body"])


def a_machine(aws: Clients, state: Mapping[str, Any] = MappingProxyType({"Type": "Pass", "End": True})) -> str:
    """Create a state machine of one state, which by default ends at once; returns its ARN."""
    name = f"delivery-{next(_NUMBERS)}"
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "states.amazonaws.com"},
    }
    role = aws.client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    definition = {"QueryLanguage": "JSONata", "StartAt": "Only", "States": {"Only": dict(state)}}
    made = aws.client("stepfunctions").create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=role["Role"]["Arn"]
    )
    return str(made["stateMachineArn"])
