"""The phases of a release: push, build, promote and deploy, each with the command that a person would type.

Used by demo.py and test_beds.py, and by the bench (tools/bench/laboratory.py).
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.cli.connection import on_laptop
from apps.local.aws.clients import Aws
from apps.local.errors import LaptopError
from apps.local.git.repositories import REMOTE, commit_all, git
from apps.local.paths import PYTHONPATH, REPOSITORY, Layout
from apps.local.progress import Progress, Say
from apps.local.services.clusters import Added
from lifecycle.ambient import git_environment, without_python
from lifecycle.domain.fleet.cluster import Cluster
from tools.demo.delivery import Delivered, follow
from tools.demo.started import Started
from tools.demo.traffic import Tally, Traffic, WhenAnswering

EXAMPLE = REPOSITORY / "examples" / "hello"
# A test-bed host gets a quarter of the requests: enough for a verdict within half a minute.
RATE = 120.0
_GREETING = re.compile(r'GREETING = "([^"]*)"')
_GREETINGS = ("Hello", "Welcome", "Good day", "Well met")
_MOTTO = "one host at a time"
_NEXT = "Fix the cause, then run `make run` again"
# A person's proxy cannot reach this machine's loopback addresses.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


# How long the demo waits for unreachable agents before it deploys: the plan would be refused.
_AGENTS_SECONDS = 60.0


class PhaseFailed(LaptopError):
    """A phase of the demo did not succeed; `next_step` says what to do about it."""

    def __init__(self, phase: str, why: str, next_step: str = _NEXT) -> None:
        super().__init__(f"{phase} failed: {why.rstrip('.')}. {next_step}.")


class DeploymentFailed(PhaseFailed):
    """The demo's deployment was refused, or ended otherwise than DONE."""


@dataclass(slots=True)
class Demo:
    """One run of the demo: where it happens, and how many seconds each phase took."""

    layout: Layout
    progress: Progress
    with_test_bed: bool = True  # False: production is deployed without the waits of its policy
    with_tour: bool = True  # False: the first run shows no test beds after the first version
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.progress.heading(name)
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - began, 1)


def release_next(demo: Demo, facts: dict[str, Any], added: Added) -> str:
    """Push the next change, build it and promote it; return the release's version."""
    change(demo, added)
    commit = push(demo, added)
    return promote(demo, build(demo, facts, f"{added.service}-{commit}"))


def change(demo: Demo, added: Added) -> None:
    """Commit what was changed by hand, or a small change if there is nothing new."""
    copy = added.working_copy
    bare = demo.layout.repositories / f"{added.service}.git"
    commit_all(copy, "A change made by hand")
    if _head(copy) == _head(bare):
        word = _change_greeting(copy / "lifecycle.toml")
        commit_all(copy, f"Greet with {word!r}")


def push(demo: Demo, added: Added) -> str:
    """Push what is committed; return the commit."""
    copy = added.working_copy
    demo.progress.say(f"  {git(copy, 'log', '-1', '--format=%h %s').strip()}   (in {copy})")
    _run(demo, "the push", ["git", "-C", str(copy), "push", REMOTE, "HEAD"], f"git push {REMOTE} HEAD")
    return _head(copy)


def build(demo: Demo, facts: dict[str, Any], run: str) -> Delivered:
    """Watch a delivery and the staging rollout that it starts; raise PhaseFailed when one of them failed.

    `promote` would refuse a snapshot that failed in staging.
    """
    problem = None
    try:
        lifecycle(demo, "staging", "watch", run)
    except PhaseFailed as failed:
        problem = failed
    delivered = follow(Aws.of(facts), facts["state_machines"]["delivery"], run)
    if not delivered.succeeded:
        raise PhaseFailed("the build", delivered.reason)
    if problem:
        raise problem
    return delivered


def promote(demo: Demo, delivered: Delivered) -> str:
    """Promote a snapshot; return the release's version."""
    found = _lifecycle_json(demo, "the promotion", "promote", delivered.service, delivered.version)
    demo.progress.say(
        f"  release {found['release']} has the same bytes as the snapshot: sha256 {found['digest'][:16]}…"
    )
    return str(found["release"])


def start_of(demo: Demo, service: str, release: str) -> Started:
    """Note what was deployed to production before the demo deploys this release."""
    context = on_laptop(demo.layout.environment, "operator").context
    return Started.begin(context, Cluster("production", service), release)


def deploy(demo: Demo, added: Added, started: Started, *, bad: bool = False) -> None:
    """Deploy to production under traffic; raise PhaseFailed if requests failed, unless `bad`.

    Raise DeploymentFailed if the deployment was refused, or did not end DONE. Before a first deployment nothing
    serves, so the traffic starts with the first answer.
    """
    production = next(cluster for cluster in added.clusters if cluster.environment == "production")
    traffic = Traffic(f"{production.address}/", RATE)
    _await_agents(demo, started)
    try:
        with WhenAnswering(traffic):
            lifecycle(demo, "the deployment", "deploy", added.service, started.version, "--yes")
    except PhaseFailed as failed:
        raise DeploymentFailed("the deployment", started.failure(), f"Its output is above. {_NEXT}") from failed
    finally:
        _report_traffic(demo.progress.say, traffic.tally)
    if traffic.tally.failed and not bad:
        raise PhaseFailed(
            "the rollout",
            f"{traffic.tally.failed} of {traffic.tally.sent} requests failed during the rollout, expected none",
            f"See what was done to each host with `.venv/bin/lifecycle history {added.service} --trail`",
        )


def change_configuration(demo: Demo, added: Added) -> None:
    """Set a value of staging's configuration, and take it to its host with the version that runs there."""
    staging = next(cluster for cluster in added.clusters if cluster.environment == "staging")
    for arguments in (
        ("config", "set", added.service, f"MOTTO={_MOTTO}", "--why", "to show how a configuration is deployed"),
        ("deploy", added.service, "--config", "--yes"),
    ):
        lifecycle(demo, "the configuration", *arguments, "-e", "staging")
    with _DIRECT.open(f"{staging.address}/", timeout=10) as answer:
        found = json.load(answer)
    demo.progress.say(f"  {staging.address}/ answers {json.dumps(found)}")
    if found.get("motto") != _MOTTO:
        raise PhaseFailed("the configuration", f"expected the motto {_MOTTO!r} in this answer, found none")


def _await_agents(demo: Demo, started: Started) -> None:
    """Wait until every agent reports in time, as on a busy machine some do not; then deploy all the same."""
    until = time.monotonic() + _AGENTS_SECONDS
    if unreachable := started.unreachable_agents():
        demo.progress.say(f"  waits until the agents of {', '.join(unreachable)} report again; this machine is busy")
    while started.unreachable_agents() and time.monotonic() < until:
        time.sleep(1)


def _report_traffic(say: Say, tally: Tally) -> None:
    facts = tally.facts()
    latency = facts["latency_ms"].get("p99", "-")
    say(f"  {facts['requests']} requests sent meanwhile, {facts['failed']} failed; 99% took at most {latency} ms")
    if facts["failed"]:
        say(f"  failures: {facts['failures']}; the first: {facts['first_failure']}")
    versions = ", ".join(f"{version} ({count} times)" for version, count in facts["versions"].items())
    say(f"  answered by version: {versions or 'none'}")


def _change_greeting(file: Path) -> str:
    text = file.read_text()
    found = _GREETING.search(text)
    current = found[1] if found else _GREETINGS[0]
    position = _GREETINGS.index(current) + 1 if current in _GREETINGS else 0
    word = _GREETINGS[position % len(_GREETINGS)]
    file.write_text(_GREETING.sub(f'GREETING = "{word}"', text, count=1))
    return word


def _head(repository: Path) -> str:
    try:
        return git(repository, "rev-parse", "--verify", "--quiet", "HEAD").strip()
    except LaptopError:
        return ""


def lifecycle(demo: Demo, phase: str, *arguments: str) -> None:
    """Run a command of the CLI and show its output as it comes; raise PhaseFailed when it fails."""
    shown = f"lifecycle {shlex.join(arguments)}"
    demo.progress.say(f"  $ {shown}")
    _run(demo, phase, _command(*arguments), shown)


def _lifecycle_json(demo: Demo, phase: str, *arguments: str) -> dict[str, Any]:
    """Run a command of the CLI with --json; return its facts."""
    shown = f"lifecycle {shlex.join(arguments)}"
    demo.progress.say(f"  $ {shown}")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    done = _completed(demo, _command(*arguments, "--json"), **pipes)
    if done.returncode != 0:
        error = done.stderr.strip().removeprefix("error: ") or done.stdout.strip()[-500:]
        raise PhaseFailed(phase, f"`{shown}` ended with exit code {done.returncode}: {error}")
    return dict(json.loads(done.stdout))


def _run(demo: Demo, phase: str, command: list[str], shown: str) -> None:
    sys.stdout.flush()
    code = _completed(demo, command).returncode
    if code != 0:
        raise PhaseFailed(phase, f"`{shown}` ended with exit code {code}", f"Its output is above. {_NEXT}")


def _completed(demo: Demo, command: list[str], **more: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command without a standard input, so that it cannot ask anything."""
    # A profile of the person's AWS would take the commands there.
    target = {"LIFECYCLE_HOME": str(demo.layout.home), "LIFECYCLE_PROFILE": "", "PYTHONPATH": PYTHONPATH}
    environment = git_environment(without_python(os.environ)) | target
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False, **more)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "apps.cli.main", *arguments]
