"""A local server that takes what GitHub's REST API documents about statuses and deployments, and refuses the rest.

Schema: https://docs.github.com/en/rest/commits/statuses, .../rest/deployments/deployments and .../statuses, version
2022-11-28. It keeps what it accepts.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lifecycle.domain.delivery.forge_tokens import ForgeTokens
from lifecycle.gateways.github import GitHubForge

SHOP, TOKEN = "acme/shop", "github_pat_of_a_test"
STATUS_STATES = ("error", "failure", "pending", "success")
DEPLOYMENT_STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")
LONGEST_DESCRIPTION = 140
MOST_STATUSES = 1000
_TEXT, _FLAG = ("string", str), ("boolean", bool)
_STATUS = {"state": _TEXT, "target_url": _TEXT, "description": _TEXT, "context": _TEXT}
_DEPLOYMENT = {
    "ref": _TEXT,
    "task": _TEXT,
    "auto_merge": _FLAG,
    "required_contexts": ("array", list),
    "payload": ("object or string", (dict, str)),
    "environment": _TEXT,
    "description": _TEXT,
    "transient_environment": _FLAG,
    "production_environment": _FLAG,
}
_DEPLOYMENT_STATUS = {
    **dict.fromkeys(("state", "target_url", "log_url", "description", "environment", "environment_url"), _TEXT),
    "auto_inactive": _FLAG,
}
_STATUSES = re.compile(r"/repos/([^/]+/[^/]+)/statuses/([^/]+)")
_DEPLOYMENTS = re.compile(r"/repos/([^/]+/[^/]+)/deployments")
_STATES = re.compile(r"/repos/([^/]+/[^/]+)/deployments/([0-9]+)/statuses")

_TRICKLE = 0.05

Answer = tuple[int, Any, Mapping[str, str]]


@dataclass
class GitHubServer:
    """The state of the server. `answers` stand in for the next ones. A `silent` server answers when it ends.

    One that is `trickling` sends a byte now and then, until it ends.

    `moved` has renamed repositories, by their old names. The tokens in `limited` have the scope of statuses only.
    """

    commits: dict[str, set[str]]
    tokens: dict[str, set[str]]
    statuses: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    deployments: dict[int, dict[str, Any]] = field(default_factory=dict)
    states: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    requests: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    limited: set[str] = field(default_factory=set)
    silent: bool = False
    trickling: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if self.answers:
            return self.answers.pop(0)
        if not headers.get("user-agent"):
            return 403, _said("Request forbidden by administrative rules."), {}
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme not in ("Bearer", "token") or token not in self.tokens:
            return 401, _said("Bad credentials"), {}
        if headers.get("x-github-api-version", "2022-11-28") != "2022-11-28":
            return 400, _said("The API version is not supported"), {}
        return self._routed(path, token, body)

    def _routed(self, path: str, token: str, body: bytes) -> Answer:
        found = next((match for each in (_STATUSES, _STATES, _DEPLOYMENTS) if (match := each.fullmatch(path))), None)
        repository = found[1].lower() if found else ""
        if found and repository in self.moved:
            return 307, _said("Moved"), {"location": self.url + path.replace(found[1], self.moved[repository])}
        if found is None or repository not in self.tokens[token]:
            return 404, _said("Not Found"), {}
        given = _object(body)
        if given is None:
            return 400, _said("Problems parsing JSON"), {}
        if found.re is _STATUSES:
            return self._status(repository, found[2], given)
        if token in self.limited:
            return 403, _said("Resource not accessible by personal access token"), {}
        of_state = found.re is _STATES
        return self._state(repository, int(found[2]), given) if of_state else self._deployed(repository, given)

    def _status(self, repository: str, sha: str, given: dict[str, Any]) -> Answer:
        if wrong := _problems(given, _STATUS, ("state",)) + _one_of(given, STATUS_STATES) + _description(given):
            return 422, _invalid(wrong), {}
        if sha not in self.commits[repository]:
            return 422, _said(f"No commit found for SHA: {sha}"), {}
        stored = self.statuses.setdefault((repository, sha), [])
        context = given.get("context", "default")
        if sum(each["context"].lower() == context.lower() for each in stored) >= MOST_STATUSES:
            return 422, _invalid(["This SHA and context has reached the maximum number of statuses."]), {}
        if (url := given.get("target_url")) and not url.startswith(("http://", "https://")):
            return 422, _invalid(["target_url must use http(s) scheme"]), {}
        stored.append({"description": None, "target_url": None, **given, "context": context})
        return 201, {"id": len(stored), **stored[-1]}, {}

    def _deployed(self, repository: str, given: dict[str, Any]) -> Answer:
        if wrong := _problems(given, _DEPLOYMENT, ("ref",)):
            return 422, _invalid(wrong), {}
        if given["ref"] not in self.commits[repository]:
            return 422, _said(f"No ref found for: {given['ref']}"), {}
        if given.get("auto_merge", True):
            return 202, _said("Auto-merged main into the ref on deployment."), {}
        found = self.statuses.get((repository, given["ref"]), [])
        newest = {each["context"]: each["state"] for each in found}
        wanted = given.get("required_contexts", list(newest))
        if any(newest.get(each) != "success" for each in wanted):
            return 409, _said("Conflict: Commit status checks failed for the ref."), {}
        number = 1000 + len(self.deployments)
        self.deployments[number] = {"environment": "production", **given, "repository": repository}
        return 201, {"id": number, **self.deployments[number]}, {}

    def _state(self, repository: str, number: int, given: dict[str, Any]) -> Answer:
        if self.deployments.get(number, {}).get("repository") != repository:
            return 404, _said("Not Found"), {}
        wrong = _problems(given, _DEPLOYMENT_STATUS, ("state",)) + _one_of(given, DEPLOYMENT_STATES)
        if wrong := wrong + _description(given):
            return 422, _invalid(wrong), {}
        self.states.setdefault(number, []).append(given)
        return 201, {"id": len(self.states[number]), **given}, {}


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _problems(given: dict[str, Any], schema: Mapping[str, tuple[str, Any]], required: tuple[str, ...]) -> list[str]:
    """Return what is wrong with the fields; unlike GitHub's, this schema takes no unknown ones, which it ignores."""
    missing = [f"{name} wasn't supplied" for name in required if name not in given]
    unknown = [f"{name} is not a field" for name in given if name not in schema]
    wrong = [
        f"{name} is not a {schema[name][0]}"
        for name, value in given.items()
        if name in schema and value is not None and not isinstance(value, schema[name][1])
    ]
    return missing + unknown + wrong


def _one_of(given: dict[str, Any], allowed: tuple[str, ...]) -> list[str]:
    return [] if given.get("state") in allowed else ["state is not included in the list"]


def _description(given: dict[str, Any]) -> list[str]:
    long = len(given.get("description") or "") > LONGEST_DESCRIPTION
    return [f"description is too long (maximum is {LONGEST_DESCRIPTION} characters)"] if long else []


def _said(message: str) -> dict[str, Any]:
    return {"message": message, "documentation_url": "https://docs.github.com/rest"}


def _invalid(problems: list[str]) -> dict[str, Any]:
    return {**_said("Validation Failed"), "errors": [{"message": each} for each in problems]}


@contextmanager
def serving(found: GitHubServer) -> Iterator[GitHubServer]:
    """Serve on loopback until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.requests.append((self.path, headers, body))
            if found.silent:
                found.ended.wait()
            status, content, more = found.answer(self.path, headers, body)
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            try:
                self.send_response(status)
                length = 10**6 if found.trickling else len(raw)
                for name, value in {**more, "content-length": str(length)}.items():
                    self.send_header(name, value)
                self.end_headers()
                while found.trickling and not found.ended.wait(_TRICKLE):
                    self.wfile.write(b" ")
                self.wfile.write(raw)
            except OSError:
                return  # the client has hung up

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield found
    finally:
        found.ended.set()
        server.shutdown()
        server.server_close()


def a_server() -> GitHubServer:
    """Return a server with the commits and the token that MemoryForge has too."""
    return GitHubServer({SHOP: {"a" * 40, "b" * 40}}, {TOKEN: {SHOP}})


def forge_of(server: GitHubServer) -> GitHubForge:
    """Return the gateway to a server, with the server's token for acme/shop alone."""
    tokens = ForgeTokens.parse(json.dumps({SHOP: TOKEN}))
    return GitHubForge(lambda: tokens, server.url)


_OPEN = ExitStack()


@cache
def shared_forge() -> GitHubForge:
    """Return the gateway to a server that lasts as long as the process."""
    return forge_of(_OPEN.enter_context(serving(a_server())))
