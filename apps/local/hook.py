"""The post-receive hook of a laptop's bare repository: GitHub's push event, signed, to receive_push.

Git gives it one line a pushed ref on standard input; what it prints, the pusher sees. It is the same request
that GitHub makes of the Function URL on AWS, so the product code cannot tell them apart.
"""

import hashlib
import hmac
import http.client
import json
import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from apps.local.errors import LaptopError, NotRunning
from apps.local.layout import Layout, read_json
from apps.local.repositories import git

_NOTHING = "0" * 40


@dataclass(frozen=True, slots=True)
class PushedRef:
    """One updated ref, as Git tells it."""

    before: str
    after: str
    ref: str

    @classmethod
    def parse(cls, line: str) -> "PushedRef":
        return cls(*line.split())


def push_event(bare: Path, pushed: PushedRef) -> dict[str, Any]:
    """GitHub's push event, with the fields that deliveries carry and receivers use."""
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
        "forced": False,
        "repository": {
            "name": name,
            "full_name": f"local/{name}",
            "private": True,
            "clone_url": _clone_url(bare),
            "default_branch": git(bare, "symbolic-ref", "--short", "HEAD").strip(),
        },
        "pusher": author,
        "sender": {"login": author["name"], "type": "User"},
        "head_commit": commit,
        "commits": [commit] if commit else [],
    }


def signed_headers(body: bytes, secret: bytes, delivery: str) -> dict[str, str]:
    """The headers of GitHub's delivery; the signature is over the raw bytes of the body."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/lifecycle-local",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }


def deliver(environment: Mapping[str, Any], event: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Send one event to receive_push's Function URL; answers its status and body."""
    from apps.local.emulator import Aws  # noqa: PLC0415  (boto3 takes as long to import as git to push)
    from apps.local.ports import Ports  # noqa: PLC0415

    aws = Aws(Ports(**environment["ports"]))
    secret = aws.client("secretsmanager").get_secret_value(SecretId=environment["webhook_secret"])
    body = json.dumps(event).encode()
    headers = signed_headers(body, secret["SecretString"].encode(), str(uuid.uuid4()))
    return post(environment["endpoint"], environment["function_url"], body, headers)


def post(
    endpoint: str, function_url: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, dict[str, Any]]:
    """POST to a Function URL: its name goes in the Host header, the emulator's address is connected to."""
    address, target = urlsplit(endpoint), urlsplit(function_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    try:
        connection.request("POST", target.path or "/", body, {**headers, "Host": target.netloc})
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    finally:
        connection.close()
    try:
        return response.status, json.loads(text)
    except json.JSONDecodeError:
        return response.status, {"message": text[:500]}


def main() -> int:
    """Deliver every pushed ref, and say what came of it."""
    bare = Path(os.environ.get("GIT_DIR", ".")).resolve()
    try:
        environment = read_json(Layout.find().environment, None)
        if environment is None:
            raise NotRunning
        for line in sys.stdin:
            status, answer = deliver(environment, push_event(bare, PushedRef.parse(line)))
            run = f"; follow it with `lifecycle watch {answer['run']}`" if "run" in answer else ""
            print(f"lifecycle: {status} {answer.get('message') or answer.get('error') or answer}{run}")
    except (LaptopError, OSError) as error:
        print(f"lifecycle: the push is stored, but its run was not started: {error}")
        return 1
    return 0


def _commit(bare: Path, commit: str) -> dict[str, Any]:
    form = "%H%x00%T%x00%cI%x00%an%x00%ae%x00%B"
    found = git(bare, "show", "--no-patch", f"--format={form}", commit).rstrip("\n").split("\0")
    identifier, tree, timestamp, name, email, message = found
    return {
        "id": identifier,
        "tree_id": tree,
        "message": message.strip(),
        "timestamp": timestamp,
        "author": {"name": name, "email": email},
    }


def _clone_url(bare: Path) -> str:
    return str(bare) if not any(letter.isspace() for letter in str(bare)) else bare.as_uri()


if __name__ == "__main__":
    sys.exit(main())
