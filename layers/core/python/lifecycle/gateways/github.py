"""Commit statuses and deployments by GitHub's REST API, version 2022-11-28.

https://docs.github.com/en/rest/commits/statuses and https://docs.github.com/en/rest/deployments have the schema, and
tests/support/github_server.py checks the bodies of these calls by it.
"""

import http.client
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from threading import Timer
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from lifecycle.domain.delivery.forge_status import CommitStatus, ForgeDeployment
from lifecycle.domain.delivery.forge_tokens import ForgeTokens
from lifecycle.domain.delivery.reported_status import LIMIT, REFUSED, UNREACHABLE
from lifecycle.domain.errors import ForgeFailed
from lifecycle.domain.foreign_json import object_or_empty

GITHUB_API = "https://api.github.com"
# GitHub refuses calls without a name, and answers in well under a second.
_USER_AGENT = "lifecycle"
_VERSION = "2022-11-28"
_TIMEOUT = 5.0
_DEADLINE = 8.0
_LONGEST_ANSWER = 262_144
_REDIRECTS = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
# A wait that GitHub asks for, at most.
_LONGEST_PAUSE = 3600.0
_PROBLEMS: Mapping[int, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: ("token", "the token is not valid any more, or was never; make a new one"),
    HTTPStatus.FORBIDDEN: ("permission", "the token needs Commit statuses: write and Deployments: write"),
    HTTPStatus.NOT_FOUND: ("unknown", "no such repository or deployment, or the token does not reach it"),
    HTTPStatus.UNPROCESSABLE_ENTITY: (REFUSED, "GitHub does not accept the content"),
}


class GitHubForge:
    """Statuses of repositories on github.com, for which there is a token. A call takes at most ten seconds or so.

    The token is sent to `api` and nowhere else. No message has it, and neither has one the body of an answer.
    """

    def __init__(self, tokens: Callable[[], ForgeTokens], api: str = GITHUB_API) -> None:
        self._tokens = tokens
        self._api = api.rstrip("/")

    def serves(self, repository: str) -> bool:
        tokens = self._tokens()
        return bool(tokens.of(repository)) if repository else tokens.any

    def set_status(self, repository: str, commit: str, status: CommitStatus) -> None:
        body = {"state": status.state, "description": status.description, "context": status.context}
        self._post(repository, f"statuses/{quote(commit, safe='')}", body | _link(status.url))

    def create_deployment(self, repository: str, commit: str, deployment: ForgeDeployment) -> int:
        body = {
            "ref": commit,
            "environment": deployment.environment,
            "description": deployment.description,
            # Lifecycle deploys the commit: GitHub merges nothing into it, and waits for no status of it.
            "auto_merge": False,
            "required_contexts": [],
        }
        number = self._post(repository, "deployments", body).get("id")
        if not isinstance(number, int) or number <= 0:
            raise ForgeFailed("answer", f"GitHub created a deployment of {repository} and gave it no number")
        return number

    def set_deployment_state(self, repository: str, number: int, deployment: ForgeDeployment) -> None:
        body = {"state": deployment.state, "description": deployment.description}
        log = {"log_url": deployment.url} if deployment.url else {}
        self._post(repository, f"deployments/{number}/statuses", body | log)

    def _post(self, repository: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a POST; follows one redirect of a renamed repository, within the API."""
        token = self._tokens().of(repository)
        if not token:
            raise ForgeFailed("token", f"no token for {repository}")
        url = f"{self._api}/repos/{quote(repository, safe='/')}/{path}"
        answer = _send(url, token, body)
        if answer.status in _REDIRECTS:
            moved = urljoin(url, answer.headers.get("location", ""))
            if not moved.startswith(f"{self._api}/"):
                raise ForgeFailed("moved", f"GitHub names another address for {repository}, which is not followed")
            answer = _send(moved, token, body)
        if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            raise _failure(answer, f"GitHub answered {answer.status} to POST /repos/{repository}/{path}")
        return answer.content


class _Answer:
    """The status, the headers in lower case, and the JSON object of an answer; empty for another one."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content: Mapping[str, Any] = object_or_empty(body)


def _send(url: str, token: str, body: Mapping[str, Any]) -> _Answer:
    """Send one POST; raises ForgeFailed if there is no answer in time."""
    place = urlsplit(url)
    secure = place.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(place.hostname or "", place.port, timeout=_TIMEOUT)
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        "X-GitHub-Api-Version": _VERSION,
    }
    timer = None
    try:
        connection.connect()
        # The time-out of a socket starts again with each byte.
        timer = Timer(_DEADLINE, _hang_up, (connection.sock,))
        timer.daemon = True
        timer.start()
        connection.request("POST", place.path, json.dumps(dict(body)), headers)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return _Answer(response.status, found, response.read(_LONGEST_ANSWER))
    except (OSError, http.client.HTTPException, ValueError) as error:
        # The text of an error may quote a header.
        message = f"no answer of {place.hostname} in time, or none that can be read: {type(error).__name__}"
        raise ForgeFailed(UNREACHABLE, message) from None
    finally:
        if timer:
            timer.cancel()
        connection.close()


def _hang_up(found: socket.socket) -> None:
    with suppress(OSError):
        found.shutdown(socket.SHUT_RDWR)


def _link(url: str) -> dict[str, str]:
    return {"target_url": url} if url else {}


def _failure(answer: _Answer, said: str) -> ForgeFailed:
    limited = answer.status == HTTPStatus.TOO_MANY_REQUESTS or (
        answer.status == HTTPStatus.FORBIDDEN
        and ("retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0")
    )
    pause = answer.headers.get("retry-after", "")
    seconds = min(float(pause), _LONGEST_PAUSE) if pause.isdecimal() else 0.0
    if limited:
        return ForgeFailed(LIMIT, f"{said}: too many calls for now", seconds or 60.0)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ForgeFailed(UNREACHABLE, said, seconds)
    problem, why = (
        _PROBLEMS.get(HTTPStatus(answer.status), ("answer", "")) if _known(answer.status) else ("answer", "")
    )
    return ForgeFailed(problem, f"{said}: {why}" if why else said)


def _known(status: int) -> bool:
    return status in set(HTTPStatus)
