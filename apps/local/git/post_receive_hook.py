"""The post-receive hook of a laptop's bare repository: it sends GitHub's push event, signed, to receive_push.

Git writes one line for each pushed ref to its standard input, and shows its output to the pusher. On AWS, GitHub
sends the same request to the Function URL, so the product code cannot tell the two apart.
"""

import hashlib
import hmac
import http.client
import json
import os
import shlex
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from apps.local.aws.clients import Aws
from apps.local.errors import LaptopError, NotRunning
from apps.local.git.repositories import clone_url, git
from apps.local.own_files import read_environment
from apps.local.paths import Layout
from lifecycle.domain.delivery.webhook_secrets import OTHERS, WebhookSecrets
from lifecycle.domain.foreign_json import object_or_empty

Send: TypeAlias = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]
_NOTHING = "0" * 40
_BRANCHES = "refs/heads/"
_TAKEN = range(200, 300)
# receive_push, or what is in front of it, has refused the event. Another answer may come after a run began.
_REFUSED = range(400, 500)
_FAILURES = (LaptopError, OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class PushedRef:
    """One updated ref, as Git reports it."""

    before: str
    after: str
    ref: str

    @classmethod
    def parse(cls, line: str) -> "PushedRef":
        return cls(*line.rstrip("\n").split(" ", 2))


def push_event(bare: Path, pushed: PushedRef) -> dict[str, Any]:
    """Return GitHub's push event, with the fields that receivers use."""
    name = bare.name.removesuffix(".git")
    deleted = pushed.after == _NOTHING
    commit = None if deleted else _commit(bare, pushed.after)
    author = commit["author"] if commit else {"name": os.environ.get("USER", "unknown"), "email": ""}
    return {
        "ref": pushed.ref,
        "before": pushed.before,
        "after": pushed.after,
        "created": pushed.before == _NOTHING,
        "deleted": deleted,
        "forced": _is_forced(bare, pushed),
        "repository": {
            "name": name,
            "full_name": f"local/{name}",
            "private": True,
            "clone_url": clone_url(bare),
            "pushed_at": int(time.time()),
            "default_branch": git(bare, "symbolic-ref", "--short", "HEAD").rstrip("\n"),
        },
        "pusher": author,
        "sender": {"login": author["name"], "type": "User"},
        "head_commit": commit,
        "commits": [commit] if commit else [],
    }


def _is_forced(bare: Path, pushed: PushedRef) -> bool:
    """Return whether the new commit leaves out the one before it; False where Git no longer has that one."""
    if _NOTHING in (pushed.before, pushed.after):
        return False
    try:
        return bool(git(bare, "rev-list", "--max-count=1", pushed.before, f"^{pushed.after}"))
    except LaptopError:
        return False


def signed_headers(body: bytes, secret: bytes, delivery: str) -> dict[str, str]:
    """Return the headers of GitHub's delivery; the signature is over the raw bytes of the body."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/lifecycle-local",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }


def deliver(
    environment: Mapping[str, Any], event: Mapping[str, Any], delivery: str = ""
) -> tuple[int, dict[str, Any]]:
    """Send one event to receive_push's Function URL; return the answer's status and body.

    A repeated `delivery` has the id of the first one.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 (slow to import)

    aws = Aws.of(environment)
    try:
        secret = aws.client("secretsmanager").get_secret_value(SecretId=environment["webhook_secret"])
    except (BotoCoreError, ClientError) as error:
        raise LaptopError(
            f"the webhook's secret could not be read ({error}); `lifecycle local up` restarts what died"
        ) from error
    name = str(event["repository"]["full_name"])
    if not (valid := WebhookSecrets.parse(secret["SecretString"]).of(name)):
        raise LaptopError(f"expected a secret of {name}, or of {OTHERS}, in {environment['webhook_secret']}")
    body = json.dumps(event).encode()
    headers = signed_headers(body, valid[0].encode(), delivery or str(uuid.uuid4()))
    url = f"{environment['function_url']}?{urlencode({'repository': name})}"
    return post(environment["endpoint"], url, body, headers)


def post(endpoint: str, function_url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """POST to a Function URL: connect to the emulator's address, and put the URL's name in the Host header."""
    address, target = urlsplit(endpoint), urlsplit(function_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    try:
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        connection.request("POST", path, body, {**headers, "Host": target.netloc})
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    finally:
        connection.close()
    return response.status, object_or_empty(text) or {"message": text[:500]}


def deliver_each(bare: Path, lines: Iterable[str], send: Send) -> int:
    """Deliver each pushed branch and print the result; return 1 if one of them could not be delivered."""
    code = 0
    for pushed in map(PushedRef.parse, lines):
        if not pushed.ref.startswith(_BRANCHES):
            print(f"lifecycle: ignored: {pushed.ref} is not a branch")
            continue
        try:
            status, answer = send(push_event(bare, pushed))
        except _FAILURES as error:
            code = _not_started(error, bare)
            continue
        said = f"{status} {answer.get('message') or answer.get('error') or answer or 'without a word'}"
        if status not in _TAKEN:
            code = _refused(said, bare, known=status in _REFUSED)
            continue
        run = f"; follow it with `lifecycle watch {answer['run']}`" if "run" in answer else ""
        print(f"lifecycle: {said}{run}")
    return code


def main() -> int:
    """Deliver the refs on standard input; return the exit code, which Git ignores."""
    bare = Path(os.environ.get("GIT_DIR", ".")).resolve()
    try:
        environment = read_environment(Layout.find().environment)
        if environment is None:
            raise NotRunning
    except (LaptopError, OSError) as error:
        return _not_started(error, bare)
    lines = (line.decode(errors="replace") for line in sys.stdin.buffer)
    return deliver_each(bare, lines, partial(deliver, environment))


def _not_started(error: Exception, bare: Path) -> int:
    """Say what is known of the run. Once the event was sent, the answer alone is missing."""
    sent = isinstance(error, (TimeoutError, http.client.HTTPException, ConnectionResetError))
    return _refused(str(error) or "no answer", bare, known=not sent)


def _refused(why: str, bare: Path, *, known: bool) -> int:
    """Say that no run was started if that is `known`, and how to look and to start it; return the exit code."""
    how = f"`lifecycle build --head {shlex.quote(str(bare))}`"
    if known:
        print(f"lifecycle: the push is stored, but its run was not started: {why}")
        print(f"lifecycle: start it with {how}, or with `lifecycle local up`, which starts what is missing")
    else:
        print(f"lifecycle: the push is stored, but it is not known whether its run began: {why}")
        print(f"lifecycle: look with `lifecycle status`; if it did not, start it with {how}")
    return 1


def _commit(bare: Path, commit: str) -> dict[str, Any]:
    form = "%H%x00%T%x00%cI%x00%an%x00%ae%x00%B"
    found = git(bare, "show", "--no-patch", f"--format={form}", commit).rstrip("\n").split("\0", 5)
    identifier, tree, timestamp, name, email, message = found
    return {
        "id": identifier,
        "tree_id": tree,
        "message": message.strip(),
        "timestamp": timestamp,
        "author": {"name": name, "email": email},
    }


if __name__ == "__main__":
    sys.exit(main())
