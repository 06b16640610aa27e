"""GitHub's webhook: check who signed it, then read the push.

Called by functions/delivery/receive_push. The secret is chosen by the repository that the webhook's URL names, so a
body is read only after its signature was checked. Then its own repository must have that same secret.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from lifecycle.application.delivery.receive_push import Push, Response, checked_commit, start, time_of
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.executions import Executions
from lifecycle.domain.delivery.branch import NOTHING
from lifecycle.domain.delivery.clone_url import clone_url, place_and_name
from lifecycle.domain.delivery.skip_marker import skip_marker
from lifecycle.domain.delivery.webhook_secrets import OTHERS, WebhookSecrets
from lifecycle.domain.errors import InvalidJson, InvalidValue
from lifecycle.domain.foreign_json import parse_object

# Lambda takes a request of 6 MB. GitHub's own limit is 25 MB; a push of 2,048 commits has 1.6 MB.
LARGEST_BODY = 6 * 1024 * 1024

_FULL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_UNREADABLE = (AttributeError, InvalidJson, InvalidValue, KeyError, TypeError, ValueError)


def receive_github(
    headers: Mapping[str, str],
    body: bytes,
    claimed: str,
    secrets: WebhookSecrets,
    executions: Executions,
    catalogue: Catalogue,
    now: datetime,
) -> Response:
    """Check the size, then the signature over the raw bytes, and only then parse. `headers` are in lower case.

    `claimed` is the repository that the webhook's URL names, such as `acme/shop`; empty if it names none.
    """
    if len(body) > LARGEST_BODY:
        return Response(413, {"error": f"the body must have at most {LARGEST_BODY} bytes, found {len(body)}"})
    if not any(_signed(body, secret, headers) for secret in secrets.of(claimed)):
        whose = f" of {claimed[:100]}" if claimed else ""
        return Response(401, {"error": f"X-Hub-Signature-256 must be made with the webhook's secret{whose}"})
    event = headers.get("x-github-event", "")
    if event not in ("ping", "push"):
        return Response(202, {"message": f"ignored: {event!r} is not a push event"})
    try:
        found = _content(headers.get("content-type", ""), body)
        # The ping of an organisation's webhook names no repository.
        signed, name, url = secrets.entry(claimed), claimed, ""
        if event == "push" or "repository" in found:
            name, url = _named(found["repository"])
            signed = secrets.entry(name, place_and_name(url)[0])
        if signed != secrets.entry(claimed):
            whole = name if signed in (OTHERS, name.casefold()) else signed
            error = f"{whole} has a secret of its own: end the webhook's URL with ?repository={whole}"
            return Response(401, {"error": error})
        push = _github_push(found, name, url, headers.get("x-github-delivery", "")) if event == "push" else "pong"
    except _UNREADABLE as error:
        return Response(400, {"error": f"not a {event} event of GitHub: {error!r:.200}"})
    return start(push, executions, catalogue, now) if isinstance(push, Push) else Response(202, {"message": push})


def _signed(body: bytes, secret: str, headers: Mapping[str, str]) -> bool:
    sent = headers.get("x-hub-signature-256", "")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), sent.encode("utf-8", "surrogatepass"))


def _content(content_type: str, body: bytes) -> dict[str, Any]:
    """Return the event from a body in either form that GitHub sends; raise ValueError for another one."""
    form = content_type.partition(";")[0].strip().lower()
    if form not in (_JSON, _FORM):
        message = f"the content type must be {_JSON} or {_FORM}, found {form!r:.60}"
        raise ValueError(message)
    text = body if form == _JSON else parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)["payload"][0]
    return parse_object(text)


def _github_push(event: Mapping[str, Any], name: str, url: str, delivery: str) -> Push | str:
    """Return the push, or why there is nothing to deliver."""
    repository = event["repository"]
    branch = str(event["ref"]).removeprefix("refs/heads/")
    if branch != repository["default_branch"] or not str(event["ref"]).startswith("refs/heads/"):
        return f"ignored: {event['ref']} is not the default branch {repository['default_branch']}"
    if event.get("deleted") or not str(event["after"]).strip("0"):
        return f"ignored: {branch} was deleted"
    if not delivery:
        message = "X-GitHub-Delivery must have the id of the delivery"
        raise ValueError(message)
    return Push(
        repository=url,
        name=name.partition("/")[2],
        commit=checked_commit(event["after"]),
        branch=branch,
        pusher=str((event.get("pusher") or {}).get("name", "unknown"))[:100],
        delivery=delivery[:100],
        before=checked_commit(event.get("before") or NOTHING),
        at=time_of(repository.get("pushed_at")),
        skip=skip_marker(str((event.get("head_commit") or {}).get("message", ""))),
        forced=event.get("forced") is True,
    )


def _named(repository: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of a repository and its clone URL; raise ValueError unless both are of the same one.

    The name chooses the secret, and the URL the branch that moves. So no secret signs for another's URL.
    """
    name = str(repository["full_name"])
    if not _FULL_NAME.fullmatch(name):
        message = f"a repository must have an owner and a name, found {name!r:.60}"
        raise ValueError(message)
    url = clone_url(str(repository["clone_url"]))
    if place_and_name(url)[1] != name:
        message = f"the clone URL must be that of {name} at its forge, found {url!r:.100}"
        raise ValueError(message)
    return name, url
