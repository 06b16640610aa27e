"""A push makes one snapshot and deploys it to staging, if the signature is valid and the unit tests pass."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from apps.local.git.post_receive_hook import PushedRef, deliver, post, push_event, signed_headers
from apps.local.git.repositories import commit_all, git
from lifecycle import names
from lifecycle.application.delivery.github_push import LARGEST_BODY
from lifecycle.domain.delivery.webhook_secrets import OTHERS
from tests.conftest import Laptop
from tests.end_to_end.command_line import Output
from tests.end_to_end.service import Service
from tests.support.polling import wait_for

pytestmark = pytest.mark.emulator


def runs(laptop: Laptop) -> list[str]:
    machine = laptop.facts["state_machines"]["delivery"]
    found = laptop.aws.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return sorted(run["name"] for run in found)


def delivery_of(laptop: Laptop, run: str) -> str:
    """Return the id of the delivery that started a run; a repeated one has the same."""
    arn = f"{laptop.facts['state_machines']['delivery'].replace(':stateMachine:', ':execution:')}:{run}"
    found = laptop.aws.client("stepfunctions").describe_execution(executionArn=arn)
    return str(json.loads(found["input"])["delivery"])


def sent(laptop: Laptop, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    return post(laptop.facts["endpoint"], laptop.facts["function_url"], body, headers)


def test_a_push_becomes_a_snapshot_and_is_deployed_to_staging(hello: Service, first_push: Output) -> None:
    events = first_push.events
    snapshot = next(event for event in events if event["event"] == "snapshot")
    assert snapshot["version"].startswith("1.4.0-")
    assert (events[-1]["deployment"], events[-1]["state"]) == (snapshot["staging"], "DONE")
    assert snapshot["version"] in hello.snapshots()
    # Another test may have deployed to staging since.
    history = hello.operator.read("history", hello.name, "--limit", "1000").facts["deployments"]
    (staged,) = (each for each in history if each["deployment"] == snapshot["staging"])
    assert (staged["cluster"], staged["state"], staged["version"]) == ("staging/hello", "DONE", snapshot["version"])
    staging = hello.status("staging")
    assert (sum(staging["running"].values()), staging["healthy"]) == (1, 1)


def test_a_forged_signature_starts_nothing(laptop: Laptop, hello: Service) -> None:
    before = runs(laptop)
    event = {"ref": "refs/heads/main", "after": "a" * 40}
    body = json.dumps(event).encode()
    status, answer = sent(laptop, body, signed_headers(body, b"guessed", "1"))
    assert (status, runs(laptop)) == (401, before), answer
    assert "X-Hub-Signature-256" in answer["error"]
    refused = hello.operator.read("status").facts["refused_pushes"][-1]
    assert (refused["status"], refused["why"]) == (401, answer["error"])
    widget = laptop.aws.client("lambda").invoke(FunctionName=names.function("show_pipeline"), Payload=b"{}")
    assert "refused in the last day" in widget["Payload"].read().decode()


def test_a_body_that_is_too_large_starts_nothing(laptop: Laptop, hello: Service) -> None:
    before = runs(laptop)
    body = b" " * (LARGEST_BODY + 1)
    status, answer = sent(laptop, body, signed_headers(body, b"guessed", "1"))
    assert (status, runs(laptop)) == (413, before), answer


def test_the_same_commit_delivered_twice_is_one_run(laptop: Laptop, hello: Service, first_push: Output) -> None:
    run = str(next(event["run"] for event in first_push.events if event["event"] == "snapshot"))
    before = runs(laptop)
    bare = laptop.layout.repositories / "hello.git"
    event = push_event(bare, PushedRef("0" * 40, run.rpartition("-")[2], "refs/heads/main"))
    delivery = delivery_of(laptop, run)
    status, answer = deliver(laptop.facts, event, delivery)
    assert (status, answer["run"]) == (202, run)
    assert "pushed before" in answer["message"]
    event["commits"] = [{"id": run.rpartition("-")[2], "message": "m" * 700}] * 2048
    assert len(json.dumps(event)) > 1_500_000
    status, answer = deliver(laptop.facts, event, delivery)
    assert (status, answer["run"]) == (202, run)
    assert runs(laptop) == before


def test_commit_that_is_not_on_the_pushed_branch_is_not_built(
    laptop: Laptop, hello: Service, first_push: Output
) -> None:
    bare = laptop.layout.repositories / "hello.git"
    git(hello.copy, "switch", "--quiet", "--create", "unreviewed")
    try:
        (hello.copy / "unreviewed").write_text("a change")
        commit = commit_all(hello.copy, "Not on main")
        git(hello.copy, "push", "--quiet", "lifecycle", "unreviewed")
    finally:
        git(hello.copy, "switch", "--quiet", "main")
    before = hello.snapshots()
    status, answer = deliver(laptop.facts, push_event(bare, PushedRef("0" * 40, commit, "refs/heads/main")))
    assert status == 202, answer
    end = hello.operator("watch", "--run", answer["run"], code=1).events[-1]
    assert f"expected commit {commit} to be on the branch main" in end["cause"]
    assert hello.snapshots() == before
    # The event has moved the branch, as Lifecycle knows it; the repository says where it is.
    again = hello.operator("build", "--head", "hello").facts["run"]
    hello.operator("watch", "--run", again)
    assert hello.snapshots() == before


def test_secret_of_one_repository_is_heeded_by_functions_that_run(
    laptop: Laptop, hello: Service, first_push: Output
) -> None:
    run = str(next(event["run"] for event in first_push.events if event["event"] == "snapshot"))
    bare = laptop.layout.repositories / "hello.git"
    event = push_event(bare, PushedRef("0" * 40, run.rpartition("-")[2], "refs/heads/main"))
    secrets, name = laptop.aws.client("secretsmanager"), laptop.facts["webhook_secret"]
    old = secrets.get_secret_value(SecretId=name)["SecretString"]
    delivery = delivery_of(laptop, run)
    assert deliver(laptop.facts, event, delivery)[0] == 202
    own = {OTHERS: old, "local/hello": ["a new secret"]}
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(own))
    try:
        wait_for("the new secret to be heeded", lambda: deliver(laptop.facts, event, delivery)[0] == 202)
        body = json.dumps(event).encode()
        status, answer = sent(laptop, body, signed_headers(body, old.encode(), "1"))
        assert (status, "?repository=local/hello" in answer["error"]) == (401, True)
    finally:
        secrets.put_secret_value(SecretId=name, SecretString=old)
    wait_for("the old secret to be heeded again", lambda: deliver(laptop.facts, event, delivery)[0] == 202)


def test_a_repeated_build_is_a_new_version(hello: Service, first_push: Output) -> None:
    """Commit and files are the same, but the hosts install and report the new version."""
    before = next(event for event in first_push.events if event["event"] == "snapshot")
    with head_forced_back(hello, before["run"].rpartition("-")[2]):
        again = hello.operator("build", "--again", before["run"]).facts["run"]
        events = hello.operator("watch", "--run", again).events
    version = next(event["version"] for event in events if event["event"] == "snapshot")
    assert version != before["version"]
    assert events[-1]["state"] == "DONE"
    assert hello.status("staging")["running"] == {version: 1}


@contextmanager
def head_forced_back(service: Service, commit: str) -> Iterator[None]:
    """Make a commit the head of main in this block; an automatic staging serves no other."""
    push = ("git", "-C", str(service.copy), "push", "--force", "lifecycle")
    said = service.operator.run([*push, f"{commit}:main"]).err
    if run := re.search(r"lifecycle watch ([\w-]+)", said):
        service.operator("watch", "--run", run[1])
    yield
    service.operator.run([*push, "HEAD:main"])


def test_a_failing_unit_test_makes_no_snapshot_and_its_log_is_shown(hello: Service, first_push: Output) -> None:
    broken = hello.copy / "tests" / "unit" / "test_broken.py"
    before = hello.snapshots()
    broken.write_text(
        "import unittest\n\n\nclass Broken(unittest.TestCase):\n"
        "    def test_that_two_and_two_make_five(self):\n        self.assertEqual(2 + 2, 5)\n"
    )
    try:
        run = hello.push("Break a unit test")
    finally:
        broken.unlink()
    end = hello.operator("watch", "--run", run, code=1).events[-1]
    assert (end["error"], end["state"]) == ("BuildFailed", "FAILED")
    assert "AssertionError: 4 != 5" in end["cause"]
    assert "test_that_two_and_two_make_five" in end["cause"]
    assert hello.snapshots() == before


def test_cancelled_run_ends_with_the_processes_of_its_build(hello: Service) -> None:
    mark = hello.laptop.layout.home / "daemon.pid"
    # The daemon has a session of its own, and no parent in the build.
    daemon = f"(setsid sh -c 'echo $$ > {mark}; exec sleep 600' >/dev/null 2>&1 &); sleep 600"
    hello.change("lifecycle.toml", r"^unit_tests = \[", f'unit_tests = ["""{daemon}""", ')
    try:
        run = hello.push("A build that does not end")
        pid = int(wait_for("the daemon of the build", lambda: mark.read_text().strip() if mark.exists() else ""))
        done = hello.operator("cancel", run, "--yes", "--why", "it does not end")
        assert done.facts["build"].startswith("lifecycle-build:")
        wait_for("the end of the daemon", lambda: not is_running(pid))
        end = hello.operator("watch", "--run", run, code=1).events[-1]
        assert (end["state"], end["error"]) == ("ABORTED", "Cancelled")
        assert "it does not end" in end["cause"]
    finally:
        hello.change("lifecycle.toml", r'^unit_tests = \["""[^"]*""", ', "unit_tests = [")
        commit_all(hello.copy, "Tests that end")


def is_running(pid: int) -> bool:
    """Return whether a process runs; a dead one that nobody has reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
