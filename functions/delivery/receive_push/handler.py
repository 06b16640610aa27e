"""Receive a push: GitHub's signed webhook at a Function URL, or CodeCommit's event through EventBridge."""

import base64
import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from lifecycle.application.delivery.github_push import receive_github
from lifecycle.application.delivery.receive_push import Push, Response, codecommit_push, start
from lifecycle.application.delivery.refused_push import record_refusal
from lifecycle.domain.errors import LifecycleError
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
    found = codecommit_push(event, bootstrap.repositories())
    if not isinstance(found, Push):
        return Response(202, {"message": found})
    return _recorded(start(found, bootstrap.executions(), bootstrap.catalogue(), datetime.now(UTC)), found.name)


def _github(event: dict[str, Any]) -> Response:
    text = (event.get("body") or "").encode("utf-8", "surrogatepass")
    claimed = (event.get("queryStringParameters") or {}).get("repository", "")
    try:
        body = base64.b64decode(text) if event.get("isBase64Encoded") else text
    except ValueError:
        unread = Response(400, {"error": "the body is marked as base64, but is none; send it as it is"})
        return _recorded(unread, claimed, read=False)
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    secrets, executions, catalogue = bootstrap.webhook_secrets(), bootstrap.executions(), bootstrap.catalogue()
    answer = receive_github(headers, body, claimed, secrets, executions, catalogue, datetime.now(UTC))
    return _recorded(answer, claimed)


def _recorded(answer: Response, repository: str, *, read: bool = True) -> Response:
    """Record a refusal; the answer is the same if that fails."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        return answer
    try:
        record_refusal(bootstrap.catalogue(), answer, repository, datetime.now(UTC), read=read)
    except LifecycleError as error:
        logger.warning("a refused push is not on record", extra={"reason": str(error)})
    return answer
