"""Receive a push: GitHub's signed webhook at a Function URL, or CodeCommit's event through EventBridge."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from lifecycle.application.delivery.github_push import receive_github
from lifecycle.application.delivery.receive_push import Push, Response, codecommit_push, start
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.handler import logger


def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Start one execution of the delivery state machine for each pushed commit."""
    response = _codecommit(event) if event.get("source") == "aws.codecommit" else _github(event)
    logger.info("push", extra={"status": response.status, "answer": response.body})
    return {
        "statusCode": response.status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(response.body),
    }


def _codecommit(event: dict[str, Any]) -> Response:
    found = codecommit_push(event)
    if not isinstance(found, Push):
        return Response(202, {"message": found})
    return start(found, bootstrap.executions(), bootstrap.catalogue(), datetime.now(UTC))


def _github(event: dict[str, Any]) -> Response:
    text = (event.get("body") or "").encode("utf-8", "surrogatepass")
    try:
        body = base64.b64decode(text) if event.get("isBase64Encoded") else text
    except ValueError:
        return Response(400, {"error": "the body is marked as base64, but is none; send it as it is"})
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    claimed = (event.get("queryStringParameters") or {}).get("repository", "")
    secrets, executions, catalogue = bootstrap.webhook_secrets(), bootstrap.executions(), bootstrap.catalogue()
    return receive_github(headers, body, claimed, secrets, executions, catalogue, datetime.now(UTC))
