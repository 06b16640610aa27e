"""Queues that receive notifications: by EventBridge, as programs do, and by SNS, as people do."""

import json
from typing import Any

from apps.local.aws.clients import Aws
from tests.support.polling import wait_for


class Queue:
    """An SQS queue that anyone may send to; `messages` has the bodies of all messages so far."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._sqs = aws.client("sqs")
        anybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
        self._url = self._sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        self.arn = str(attributes["Attributes"]["QueueArn"])
        self.messages: list[str] = []

    def receive(self) -> list[str]:
        """Receive new messages without waiting; return all messages so far."""
        while page := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in page:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                self.messages.append(message["Body"])
        return self.messages

    def await_messages(self, count: int) -> list[str]:
        """Wait for so many messages; return all messages so far."""
        wait_for(f"{count} messages; received {self.messages}", lambda: len(self.receive()) >= count, every=0.1)
        return self.messages


def on_bus(aws: Aws, name: str) -> Queue:
    """Return a queue behind a rule for all events of Lifecycle."""
    queue, events = Queue(aws, name), aws.client("events")
    events.put_rule(Name=name, EventPattern='{"source": ["lifecycle"]}')
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": queue.arn}])
    return queue


def on_topic(aws: Aws, name: str, topic: str, wanted: dict[str, Any]) -> Queue:
    """Return a queue that is subscribed to a topic, for messages with these attributes."""
    queue = Queue(aws, name)
    attributes = {"FilterPolicy": json.dumps(wanted), "RawMessageDelivery": "true"}
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes)
    return queue
