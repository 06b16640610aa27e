"""The hook of a laptop's repositories: it delivers each push as GitHub would, and says what is known of its run."""

import hashlib
import hmac
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from apps.local.aws import root_key
from apps.local.errors import LaptopError
from apps.local.git.post_receive_hook import PushedRef, deliver_each, post, push_event, signed_headers
from apps.local.git.repositories import adopt, commit_all, git, write_hooks
from apps.local.paths import Layout, write_json
from apps.local.ports import Ports
from lifecycle.application.delivery.github_push import receive_github
from lifecycle.domain.delivery.webhook_secrets import WebhookSecrets
from tests.fakes.catalogue import MemoryCatalogue
from tests.integration.environment.conftest import SECRET, pushed


@dataclass
class Runs:
    """A fake state machine that records the started executions."""

    started: dict[str, dict[str, str]] = field(default_factory=dict)

    def start_delivery(self, name: str, payload: dict[str, str]) -> bool:
        return self.started.setdefault(name, payload) is payload


def test_hook_of_an_older_version_is_written_again(repository: tuple[Path, Path], tmp_path: Path) -> None:
    bare, _ = repository
    hook = bare / "hooks" / "post-receive"
    written = hook.read_text()
    hook.write_text("#!/bin/sh\nexec python -m apps.local.hook\n")
    write_hooks(Layout(tmp_path / "home"))
    assert hook.read_text() == written
    assert os.access(hook, os.X_OK)


def test_a_push_from_the_hook_starts_a_run_of_that_commit(repository: tuple[Path, Path]) -> None:
    bare, copy = repository
    ref = pushed(bare, copy)
    body = json.dumps(push_event(bare, ref)).encode()
    headers = {name.lower(): value for name, value in signed_headers(body, SECRET, "a-delivery").items()}
    runs = Runs()
    secrets = WebhookSecrets.parse(SECRET.decode())
    now = datetime.now(UTC)
    found = receive_github(headers, body, "local/hello", secrets, runs, MemoryCatalogue(), now)  # type: ignore[arg-type]
    assert found.status == 202
    (payload,) = runs.started.values()
    assert payload == {
        "repository": str(bare),
        "name": "hello",
        "commit": ref.after,
        "branch": "main",
        "pusher": payload["pusher"],
        "delivery": "a-delivery",
    }


def test_the_signature_is_githubs_over_the_raw_body() -> None:
    headers = signed_headers(b'{"a": 1}', SECRET, "d")
    expected = hmac.new(SECRET, b'{"a": 1}', hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={expected}"
    assert headers["X-GitHub-Event"] == "push"


def test_event_has_the_commit_its_author_and_its_message(repository: tuple[Path, Path]) -> None:
    bare, copy = repository
    (copy / "new").write_text("x")
    commit_all(copy, "A line\n\nand more")
    event = push_event(bare, pushed(bare, copy))
    assert event["head_commit"]["message"] == "A line\n\nand more"
    assert event["head_commit"]["id"] == event["after"]
    assert event["repository"]["default_branch"] == "main"
    assert event["created"] is True


def test_event_says_whether_the_push_was_forced(repository: tuple[Path, Path]) -> None:
    bare, copy = repository
    first = pushed(bare, copy).after
    (copy / "new").write_text("x")
    second = commit_all(copy, "More")
    git(copy, "push", "--quiet")
    assert push_event(bare, PushedRef(first, second, "refs/heads/main"))["forced"] is False
    assert push_event(bare, PushedRef(second, first, "refs/heads/main"))["forced"] is True
    assert push_event(bare, PushedRef("5" * 40, first, "refs/heads/main"))["forced"] is False


def test_a_deleted_branch_has_no_commit(repository: tuple[Path, Path]) -> None:
    bare, _ = repository
    event = push_event(bare, PushedRef("1" * 40, "0" * 40, "refs/heads/old"))
    assert event["deleted"] is True
    assert event["head_commit"] is None


def test_second_adoption_keeps_changes_in_the_working_copy(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("first")
    layout = Layout(tmp_path / "home")
    copy = adopt(layout, "hello", source)
    (copy / "file").write_text("changed")
    assert adopt(layout, "hello", source) == copy
    assert (copy / "file").read_text() == "changed"


def test_git_repository_is_used_in_place_with_one_more_remote(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "file").write_text("x")
    git(own, "init", "--quiet", "--initial-branch=trunk")
    commit_all(own, "mine")
    layout = Layout(tmp_path / "home")
    assert adopt(layout, "hello", own) == own
    assert git(own, "remote").split() == ["lifecycle"]
    bare = layout.repositories / "hello.git"
    assert git(bare, "symbolic-ref", "--short", "HEAD").strip() == "trunk"


def test_a_push_without_an_environment_is_stored_and_says_so(repository: tuple[Path, Path]) -> None:
    bare, copy = repository
    done = subprocess.run(["git", "-C", str(copy), "push"], capture_output=True, text=True, check=True)
    assert "the push is stored, but its run was not started" in done.stderr
    assert git(bare, "rev-parse", "main") == git(copy, "rev-parse", "HEAD")


def test_a_push_to_an_emulator_that_died_is_stored_and_says_so(repository: tuple[Path, Path]) -> None:
    bare, copy = repository
    keys = {"credentials": root_key.record(root_key.new())}
    facts = {"ports": asdict(Ports.free()), "webhook_secret": "lifecycle/webhook", **keys}
    write_json(bare.parents[1] / "environment.json", facts)
    done = subprocess.run(["git", "-C", str(copy), "push"], capture_output=True, text=True, check=True)
    assert "the push is stored, but its run was not started: the webhook's secret" in done.stderr
    assert "`lifecycle local up`" in done.stderr
    assert "Traceback" not in done.stderr


@dataclass
class Receiver:
    """A fake receive_push that records the refs it receives, and does not answer for some."""

    silent_for: str = ""
    received: list[str] = field(default_factory=list)

    def send(self, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.received.append(event["ref"])
        if event["ref"] == self.silent_for:
            raise LaptopError("it does not answer")
        return 202, {"message": "started", "run": "hello-1"}


def test_every_ref_is_delivered_by_itself(repository: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    bare, copy = repository
    ref = pushed(bare, copy)
    receiver = Receiver(silent_for="refs/heads/one")
    lines = [
        f"{ref.before} {commit} refs/heads/{name}\n"
        for commit, name in ((ref.after, "one"), ("5" * 40, "two"), (ref.after, "main"))
    ]
    assert deliver_each(bare, lines, receiver.send) == 1
    assert receiver.received == ["refs/heads/one", "refs/heads/main"]
    first, how, second, _, third = capsys.readouterr().out.splitlines()
    assert f"`lifecycle build --head {bare}`" in how
    assert first == "lifecycle: the push is stored, but its run was not started: it does not answer"
    assert second.startswith("lifecycle: the push is stored, but its run was not started: git show failed")
    assert third == "lifecycle: 202 started; follow it with `lifecycle watch hello-1`"


def test_hook_says_after_a_time_out_that_nobody_knows_of_a_run(
    repository: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bare, copy = repository
    ref = pushed(bare, copy)

    def times_out(event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        raise TimeoutError("timed out")

    assert deliver_each(bare, [f"{ref.before} {ref.after} {ref.ref}\n"], times_out) == 1
    first, how = capsys.readouterr().out.splitlines()
    assert first == "lifecycle: the push is stored, but it is not known whether its run began: timed out"
    assert "`lifecycle status`" in how
    assert f"`lifecycle build --head {bare}`" in how


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (
            502,
            {"message": "Internal Server Error"},
            "it is not known whether its run began: 502 Internal Server Error",
        ),
        (504, {"message": "Task timed out"}, "it is not known whether its run began: 504 Task timed out"),
        (500, {}, "it is not known whether its run began: 500 without a word"),
        (302, {}, "it is not known whether its run began: 302 without a word"),
        (401, {"error": "the secret is another"}, "its run was not started: 401 the secret is another"),
        (413, {"error": "the body is too long"}, "its run was not started: 413 the body is too long"),
        (429, {"message": "Rate Exceeded."}, "its run was not started: 429 Rate Exceeded."),
    ],
)
def test_hook_says_after_an_error_what_is_known_of_the_run(
    status: int,
    answer: dict[str, Any],
    said: str,
    repository: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    bare, copy = repository
    ref = pushed(bare, copy)
    assert deliver_each(bare, [f"{ref.before} {ref.after} {ref.ref}\n"], lambda _: (status, answer)) == 1
    first, how = capsys.readouterr().out.splitlines()
    assert first == f"lifecycle: the push is stored, but {said}"
    assert f"`lifecycle build --head {bare}`" in how
    assert ("`lifecycle status`" in how) is (status not in range(400, 500))


def test_tag_of_a_tree_or_blob_is_ignored(repository: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    bare, copy = repository
    ref = pushed(bare, copy)
    git(copy, "tag", "tree", "HEAD^{tree}")
    git(copy, "push", "--quiet", "lifecycle", "tree")
    tree = git(bare, "rev-parse", "tree").strip()
    receiver = Receiver()
    lines = [f"{ref.before} {tree} refs/tags/tree\n", f"{ref.before} {ref.after} refs/heads/main\n"]
    assert deliver_each(bare, lines, receiver.send) == 0
    assert receiver.received == ["refs/heads/main"]
    assert capsys.readouterr().out.startswith("lifecycle: ignored: refs/tags/tree is not a branch\n")


def test_ref_may_contain_any_whitespace_but_a_plain_space() -> None:
    ref = "refs/heads/a\u00a0b"
    assert PushedRef.parse(f"{'0' * 40} {'1' * 40} {ref}\n") == PushedRef("0" * 40, "1" * 40, ref)


def test_latin_1_author_and_message_are_delivered_with_replacement_characters(
    repository: tuple[Path, Path],
) -> None:
    bare, copy = repository
    tree = git(copy, "rev-parse", "HEAD^{tree}").strip()
    who = b"J\xf6rg <joerg@example.org> 1700000000 +0000"
    raw = b"tree %s\nauthor %s\ncommitter %s\n\nGr\xfc\xdfe\n" % (tree.encode(), who, who)
    command = ["git", "-C", str(copy), "hash-object", "-t", "commit", "-w", "--stdin"]
    commit = subprocess.run(command, input=raw, capture_output=True, check=True).stdout.decode().strip()
    git(copy, "reset", "--hard", "--quiet", commit)
    event = push_event(bare, pushed(bare, copy))
    assert event["pusher"] == {"name": "J\ufffdrg", "email": "joerg@example.org"}
    assert event["head_commit"]["message"] == "Gr\ufffd\ufffde"


class Recorder(BaseHTTPRequestHandler):
    seen: ClassVar[dict[str, str]] = {}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.update(host=self.headers["Host"], path=self.path, body=body.decode())
        self.send_response(202)
        self.end_headers()
        self.wfile.write(b'{"message": "started"}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_function_url_is_called_by_name_at_the_emulators_address(server: str) -> None:
    url = "https://abc.lambda-url.us-east-1.on.aws/"
    assert post(server, url, b"{}", {}) == (202, {"message": "started"})
    assert Recorder.seen == {"host": "abc.lambda-url.us-east-1.on.aws", "path": "/", "body": "{}"}
