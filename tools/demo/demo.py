"""What `make run` does: one push of the example service, all the way to production, on this machine.

The commands that it runs are the ones that a person would run next. A second run commits a small change, or
whatever was changed by hand in the working copy, and takes that to production. Exit code 1 says which phase
failed, and why; the environment stays up either way.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.local import environment, status
from apps.local.aws.clients import Aws
from apps.local.errors import LaptopError
from apps.local.git.repositories import REMOTE, commit_all, git
from apps.local.paths import REPOSITORY, Layout
from apps.local.ports import Ports, chosen_ports
from apps.local.progress import Progress, Say
from apps.local.services import clusters
from apps.local.services.clusters import Added
from lifecycle.domain.errors import LifecycleError
from tools.demo import test_beds
from tools.demo.delivery import Delivered, follow
from tools.demo.traffic import Tally, Traffic, WhenAnswering

EXAMPLE = REPOSITORY / "examples" / "hello"
# A host gets a quarter of it: enough for the test bed to judge by within half a minute.
RATE = 120.0
_GREETING = re.compile(r'GREETING = "([^"]*)"')
_GREETINGS = ("Hello", "Welcome", "Good day", "Well met")


class PhaseFailed(LaptopError):
    """A phase of the tour did not succeed."""

    def __init__(self, phase: str, why: str) -> None:
        super().__init__(f"{phase} failed: {why}")


@dataclass(slots=True)
class Tour:
    """One run: where it happens, and how long each phase took."""

    layout: Layout
    progress: Progress
    bakes: bool = True  # whether production has a test bed, which is shown then
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.progress.heading(name)
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - began, 1)


def main() -> int:
    """Run the tour; the exit code."""
    tour = Tour(Layout.find(), Progress())
    try:
        take(tour)
    except (LifecycleError, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        print("\ninterrupted" if interrupted else f"\nerror: {error}", file=sys.stderr)
        if tour.layout.environment.exists():
            print(
                "the environment stays up: look around with .venv/bin/lifecycle; `make stop` ends it",
                file=sys.stderr,
            )
        return 130 if interrupted else 1
    return 0


def take(tour: Tour) -> None:
    """Every phase in turn; raises LifecycleError at the first that fails."""
    with tour.phase("The embedded environment"):
        facts = environment.up(tour.layout, tour.progress, chosen_ports())
        added = clusters.add_service(tour.layout, EXAMPLE, tour.progress)
    first = not test_beds.was_deployed(facts, added.service)
    if not tour.bakes:
        test_beds.do_without(added.working_copy)
    with tour.phase("Push"):
        commit = push(tour, added)
    with tour.phase("Build and test, to a snapshot, and to staging"):
        delivered = _deliver(tour, facts, f"{added.service}-{commit}")
    with tour.phase("Release candidate"):
        release = _promote(tour, delivered)
    with tour.phase(f"Production, one host at a time, under {RATE:.0f} requests a second"):
        deploy(tour, added, release)
    if first and tour.bakes:
        # The first version has nothing to be compared with: two more show what the test bed is for.
        test_beds.show(tour, facts, added)
    _summary(tour, added, facts["console"])


def release_next(tour: Tour, facts: dict[str, Any], added: Added) -> str:
    """The next change, all the way to a release candidate; its number."""
    commit = push(tour, added)
    return _promote(tour, _deliver(tour, facts, f"{added.service}-{commit}"))


def push(tour: Tour, added: Added) -> str:
    """Commit what was changed by hand, else a small change if there is nothing new, and push it."""
    copy = added.working_copy
    bare = tour.layout.repositories / f"{added.service}.git"
    commit_all(copy, "A change made by hand")
    if _head(copy) == _head(bare):
        word = _greet_differently(copy / "lifecycle.toml")
        commit_all(copy, f"Greet with {word!r}")
    tour.progress.say(f"  {git(copy, 'log', '-1', '--format=%h %s').strip()}   (in {copy})")
    _run(tour, "the push", ["git", "-C", str(copy), "push", REMOTE, "HEAD"], f"git push {REMOTE} HEAD")
    return _head(copy)


def _deliver(tour: Tour, facts: dict[str, Any], run: str) -> Delivered:
    """Watch the run and the staging rollout that it starts; a failure of the latter is only told."""
    problem = None
    try:
        lifecycle(tour, "staging", "watch", run)
    except PhaseFailed as failed:
        problem = failed
    delivered = follow(Aws(Ports(**facts["ports"])), facts["state_machines"]["delivery"], run)
    if not delivered.succeeded:
        raise PhaseFailed("the build", delivered.reason)
    if problem:
        # A person would stop here.
        tour.progress.say(f"  {problem}; to show what production makes of it, the tour goes on")
    return delivered


def _promote(tour: Tour, delivered: Delivered) -> str:
    found = _lifecycle_json(tour, "the promotion", "promote", delivered.service, delivered.version)
    tour.progress.say(f"  release {found['release']}: the snapshot's bytes, sha256 {found['digest'][:16]}…")
    return str(found["release"])


def deploy(tour: Tour, added: Added, release: str, *, bad: bool = False) -> None:
    """Deploy under traffic; the requests that a bad version fails are its own.

    A first deployment has nothing to serve until its first host does.
    """
    production = next(cluster for cluster in added.clusters if cluster.environment == "production")
    traffic = Traffic(f"{production.address}/", RATE)
    try:
        with WhenAnswering(traffic):
            lifecycle(tour, "the deployment", "deploy", added.service, release, "--yes")
    finally:
        _tell(tour.progress.say, traffic.tally)
    if traffic.tally.failed and not bad:
        raise PhaseFailed("the rollout", f"{traffic.tally.failed} requests failed while hosts were updated")


def _tell(say: Say, tally: Tally) -> None:
    facts = tally.facts()
    latency = facts["latency_ms"].get("p99", "-")
    say(f"  {facts['requests']} requests meanwhile, {facts['failed']} failed, 99% within {latency} ms")
    if facts["failed"]:
        say(f"  failures: {facts['failures']}, the first at {facts['first_failure']}")
    say(
        f"  answered by: {', '.join(f'{version} {n}' for version, n in facts['versions'].items()) or 'nobody'}"
    )


def _summary(tour: Tour, added: Added, console: str) -> None:
    say = tour.progress.say
    tour.progress.heading("Done")
    for name, seconds in tour.seconds.items():
        say(f"  {seconds:6.1f} s  {name}")
    total = status.totals(status.rows(tour.layout))
    memory = (
        f"{total['rss'] / 1e6:.0f} MB resident, {total['pss'] / 1e6:.0f} MB with shared pages counted once"
    )
    say(f"\n  {total['processes']} processes, {memory}\n")
    for cluster in added.clusters:
        count = len(cluster.hosts)
        say(f"  {cluster.name:18} {cluster.address}   {count} host{'s' * (count > 1)}")
    say("")
    folder = shlex.quote(str(added.working_copy))
    for what, command in (
        ("ask it", f"curl -i {added.clusters[-1].address}/"),
        ("what runs where", f".venv/bin/lifecycle hosts {added.service}"),
        ("undo the release", f".venv/bin/lifecycle rollback {added.service}"),
        ("change it", f"edit {folder}, then: make run"),
        (
            "make it fail",
            f"sed -i 's/^self_test_fails = false/self_test_fails = true/' {folder}/switches.toml",
        ),
        ("", "make run     # halts at the first host, and says how to decide"),
        ("your own service", ".venv/bin/lifecycle local add FOLDER     # with a lifecycle.toml in it"),
        ("end everything", "make stop"),
    ):
        say(f"  {what:18} {command}")
    say(f"\n  Watch it, and decide, in the console: {console}")


def _greet_differently(file: Path) -> str:
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


def lifecycle(tour: Tour, phase: str, *arguments: str) -> None:
    """Run a command of the CLI, its output shown as it comes."""
    tour.progress.say(f"  $ lifecycle {shlex.join(arguments)}")
    _run(tour, phase, _command(*arguments), f"lifecycle {shlex.join(arguments)}")


def _lifecycle_json(tour: Tour, phase: str, *arguments: str) -> dict[str, Any]:
    """Run a command of the CLI for its facts."""
    tour.progress.say(f"  $ lifecycle {shlex.join(arguments)}")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    done = _ended(tour, _command(*arguments, "--json"), **pipes)
    if done.returncode != 0:
        raise PhaseFailed(phase, done.stderr.strip().removeprefix("error: ") or done.stdout.strip()[-500:])
    return dict(json.loads(done.stdout))


def _run(tour: Tour, phase: str, command: list[str], shown: str) -> None:
    sys.stdout.flush()
    code = _ended(tour, command).returncode
    if code != 0:
        raise PhaseFailed(phase, f"`{shown}` ended with exit code {code}, see above")


def _ended(tour: Tour, command: list[str], **more: Any) -> "subprocess.CompletedProcess[str]":
    """Nobody is asked on the way: what it does is what it says."""
    return subprocess.run(command, env=_variables(tour), stdin=subprocess.DEVNULL, check=False, **more)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "apps.cli.main", *arguments]


def _variables(tour: Tour) -> dict[str, str]:
    return {**os.environ, "LIFECYCLE_HOME": str(tour.layout.home)}
