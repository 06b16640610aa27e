"""Post Lifecycle's messages to a chat with an incoming webhook: Slack, or Teams by its Workflows.

A Lambda function behind the SNS topic `lifecycle-notices`; docs/notifications.md has the steps. It needs only Python.
SNS tries a failed call again, so an answer other than 2xx is an error.
"""

import json
import os
import urllib.request

LONGEST = 3000  # Slack shows 40,000 characters, and Teams takes 28 kB; people read the beginning


def handle(event, context):
    """Post each message of the event; return their number."""
    records = event["Records"]
    for record in records:
        post(os.environ["WEBHOOK_URL"], body(os.environ.get("CHAT", "slack"), record["Sns"]))
    return len(records)


def body(chat, message):
    """Return what a chat's webhook takes for a message of SNS."""
    title, text = message.get("Subject") or "Lifecycle", message["Message"][:LONGEST]
    if chat == "teams":
        blocks = [
            {"type": "TextBlock", "text": title, "weight": "Bolder", "wrap": True},
            {"type": "TextBlock", "text": text, "wrap": True},
        ]
        card = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        return {"type": "message", "attachments": [attachment]}
    return {"text": f"*{escaped(title)}*\n{escaped(text)}"}


def escaped(text):
    """Return a text that Slack shows as it is: no mention and no link is made of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def post(url, content):
    """Send JSON to a webhook; raises an error unless it answers 2xx."""
    data = json.dumps(content).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()
