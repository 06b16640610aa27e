"""Receive a push: GitHub's signed webhook at a Function URL, or CodeCommit's event through EventBridge."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from lifecycle.application.delivery.github_push import receive_github
from lifecycle.application.delivery.receive_push import Push, Response, codecommit_push, start
from lifecycle.application.delivery.refused_push import record_refusal
from lifecycle.domain.errors import CallFailed, InvalidValue, LifecycleError
from lifecycle.domain.foreign_json import object_of, whole_text
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.log import logger


def handle(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Start one execution of the delivery state machine for each pushed commit."""
    event = object_of(event)
    response = _codecommit(event) if event.get("source") == "aws.codecommit" else _github(event)
    logger.info("push", extra={"status": response.status, "answer": response.body})
    return {
        "statusCode": response.status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(response.body),
    }


def _codecommit(event: dict[str, Any]) -> Response:
    try:
        found = codecommit_push(event, bootstrap.repositories())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return _recorded(Response(400, {"error": f"not an event of CodeCommit: {error!r:.200}"}), "")
    if not isinstance(found, Push):
        return Response(202, {"message": found})
    stores = bootstrap.executions(), bootstrap.catalogue()
    return _recorded(_in_words(lambda: start(found, *stores, datetime.now(UTC))), found.name)


def _github(event: dict[str, Any]) -> Response:
    text = str(event.get("body") or "").encode("utf-8", "surrogatepass")
    claimed = _texts(event.get("queryStringParameters")).get("repository", "")
    try:
        body = base64.b64decode(text) if event.get("isBase64Encoded") else text
    except ValueError:
        unread = Response(400, {"error": "the body is marked as base64, but is none; send it as it is"})
        return _recorded(unread, claimed, read=False)
    headers = {name.lower(): value for name, value in _texts(event.get("headers")).items()}
    secrets, stores = bootstrap.webhook_secrets(), (bootstrap.executions(), bootstrap.catalogue())
    now = datetime.now(UTC)
    return _recorded(_in_words(lambda: receive_github(headers, body, claimed, secrets, *stores, now)), claimed)


def _texts(found: Any) -> dict[str, str]:
    """Return the texts of an object; a Function URL sends one, and who invokes the function may send anything."""
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _in_words(receive: Callable[[], Response]) -> Response:
    """Return the answer to a push; an error of Lifecycle is a refusal in words. What AWS could not do is raised."""
    try:
        return receive()
    except CallFailed:
        raise  # the sender may deliver it again
    except InvalidValue as error:
        return Response(400, {"error": whole_text(str(error))})
    except LifecycleError as error:
        return Response(500, {"error": whole_text(str(error))})


def _recorded(answer: Response, repository: str, *, read: bool = True) -> Response:
    """Record a refusal; the answer is the same if that fails."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        return answer
    try:
        record_refusal(bootstrap.catalogue(), answer, repository, datetime.now(UTC), read=read)
    except LifecycleError as error:
        logger.warning("a refused push is not on record", extra={"reason": str(error)})
    return answer
