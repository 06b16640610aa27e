"""Pushes: turn a webhook's event into one delivery, a run of the delivery state machine.

Called by functions/delivery/receive_push, for GitHub's signed push event and for CodeCommit's EventBridge
event.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lifecycle.application.ports.executions import Executions
from lifecycle.domain.delivery.delivery_name import DeliveryName, next_delivery_name
from lifecycle.domain.delivery.skip_marker import skip_marker, skipped_because

# GitHub caps its own payloads at 25 MB; a push event with its commits is far below one.
LARGEST_BODY = 1_000_000

# The fields of a push that most pushes do not have.
_OPTIONAL = ("skip", "folder", "again", "pushed")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Push:
    """One push to a repository's default branch.

    `skip` is the marker in the head commit's message that asks for no build. `again` says that a person repeats the
    build and wants it anyway. `folder` is that of the one service that a run is for; empty for the whole push.
    `pushed` is then the start of the push's own run, so that snapshots of a service have the order of the pushes.
    """

    repository: str
    name: str
    commit: str
    branch: str
    pusher: str
    delivery: str
    skip: str = ""
    folder: str = ""
    again: bool = False
    pushed: str = ""

    @property
    def execution(self) -> str:
        """The name of the delivery: a commit that is pushed twice is delivered once."""
        return str(DeliveryName.of(self.name, self.commit))


def receive_github(headers: Mapping[str, str], body: bytes, secret: bytes, executions: Executions) -> Response:
    """Check the size, then the signature over the raw bytes, and only then parse. `headers` are in lower case."""
    if len(body) > LARGEST_BODY:
        return Response(413, {"error": f"the body must have at most {LARGEST_BODY} bytes, found {len(body)}"})
    expected = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), headers.get("x-hub-signature-256", "").encode()):
        return Response(401, {"error": "X-Hub-Signature-256 must be made with the webhook's secret"})
    event = headers.get("x-github-event", "")
    if event == "ping":
        return Response(200, {"message": "pong"})
    if event != "push":
        return Response(202, {"message": f"ignored: {event!r} is not a push event"})
    try:
        found = _github_push(json.loads(body), headers.get("x-github-delivery", ""))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        return Response(400, {"error": f"not a push event of GitHub: {error!r:.200}"})
    return start(found, executions) if isinstance(found, Push) else Response(202, {"message": found})


def _github_push(event: dict[str, Any], delivery: str) -> Push | str:
    """Return the push, or why there is nothing to deliver."""
    repository = event["repository"]
    branch = str(event["ref"]).removeprefix("refs/heads/")
    if branch != repository["default_branch"] or not str(event["ref"]).startswith("refs/heads/"):
        return f"ignored: {event['ref']} is not the default branch {repository['default_branch']}"
    if event.get("deleted") or not str(event["after"]).strip("0"):
        return f"ignored: {branch} was deleted"
    return Push(
        repository=_clone_url(str(repository["clone_url"])),
        name=str(repository["name"]),
        commit=_commit(event["after"]),
        branch=branch,
        pusher=str((event.get("pusher") or {}).get("name", "unknown"))[:100],
        delivery=delivery[:100],
        skip=skip_marker(str((event.get("head_commit") or {}).get("message", ""))),
    )


def _commit(text: Any) -> str:
    if not isinstance(text, str) or not _COMMIT.fullmatch(text):
        message = f"a commit must have 40 hex digits, found {text!r:.60}"
        raise ValueError(message)
    return text


def _clone_url(text: str) -> str:
    if text.startswith("-") or not re.fullmatch(r"(https://|file://|/)[^\s\x00-\x1f]{1,1000}", text):
        message = f"not a clone URL: {text!r:.100}"
        raise ValueError(message)
    return text


def codecommit_push(event: dict[str, Any]) -> Push | str:
    """Return the push in EventBridge's event CodeCommit Repository State Change, or why there is none."""
    detail = event["detail"]
    branch = str(detail.get("referenceName", ""))
    if detail.get("event") not in ("referenceCreated", "referenceUpdated") or branch not in ("main", "master"):
        return f"ignored: {detail.get('event')} of {branch}"
    name, region = str(detail["repositoryName"]), str(event["region"])
    return Push(
        repository=f"https://git-codecommit.{region}.amazonaws.com/v1/repos/{name}",
        name=name,
        commit=_commit(detail["commitId"]),
        branch=branch,
        pusher=str(detail.get("callerUserArn", "unknown"))[:100],
        delivery=str(event.get("id", "")),
    )


def start(push: Push, executions: Executions) -> Response:
    """Start the delivery of a commit, once; a commit whose delivery failed is delivered again by a new push event.

    The delivery of a commit that asks for no build is started too: it records that, and ends.
    """
    run, started = start_once(executions, push.execution, payload_of(push))
    message = skipped_because(push.skip) if push.skip else "started"
    if not started:
        message = "this commit was pushed before; its delivery is running or has succeeded"
    return Response(202, {"message": message, "run": run})


def start_once(executions: Executions, run: str, payload: Mapping[str, Any]) -> tuple[str, bool]:
    """Start a delivery, or the next one after those that failed; return its name, and whether it was started now."""
    while not executions.start_delivery(run, payload):
        if not executions.delivery_failed(run):
            return run, False
        run = next_delivery_name(run)
    return run, True


def payload_of(push: Push) -> dict[str, Any]:
    """Return the input of a delivery; what is not set is left out."""
    return {name: value for name, value in asdict(push).items() if value or name not in _OPTIONAL}
