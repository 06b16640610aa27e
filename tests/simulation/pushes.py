"""Pushes to a branch, and an automatic staging behind it: late, repeated, lost and forced, with slow builds.

`python -m tests.simulation.pushes --seeds 1000` runs seeds, `--seed 7` prints the end of one. Both state machines run
over the real functions, as in step_functions.py. Tasks fail at random there, agents are unreachable for a while, and
freezes come and go. Nobody answers what a halted deployment asks. Once the pushes stop, so do the faults; invariant
36 must hold then.
"""

import argparse
import hashlib
import logging
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from lifecycle.application.delivery.receive_push import Push, start, start_head
from lifecycle.domain.delivery.branch import NOTHING
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.service.policy import Policy
from tests.simulation.definition import delivery
from tests.simulation.failures import NEVER, Failure
from tests.simulation.step_functions import FailingExecution, StepFunctions
from tests.support.rollout import Machine, manifest

STAGING = Cluster("staging", "hello")
REPOSITORY = "https://example.test/hello.git"
POLICY = Policy(automatic=True, min_alive_seconds=0, max_unreachable=0)
# Seconds. Pushes and faults end at CALM, and an execution of the delivery at most three hours later.
PUSHES, CALM, END = 5_400.0, 7_200.0, 7_200.0 + 5 * 3_600


class RandomFailures:
    """Tasks that fail at random until the run is calm, as `Failing` says it of chosen ones."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._rate = rng.choice((0.0, 0.02, 0.1))
        self.calm = False
        self.states: Mapping[str, Failure] = {}

    def now(self, state: str) -> Failure | None:
        del state
        if self.calm or self._rng.random() >= self._rate:
            return None
        after = self._rng.random() < 0.5
        if self._rng.random() < 0.1:
            return Failure("never answers", instead=NEVER, after_effect=after)
        return Failure("is killed", "Lambda.Unknown", after_effect=after)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the branch: how long its build takes, and whether its build or its self-test fails.

    `parent` is the commit that it was made on. `skips` says that it asks for no build.
    """

    id: str
    parent: str
    seconds: float
    builds: bool
    works: bool
    skips: bool


@dataclass(frozen=True, slots=True)
class BuildState:
    """The state of a build, as the port gives it."""

    kind: str
    reason: str = ""
    exported: Mapping[str, str] = field(default_factory=dict)
    stopped: bool = False


class Builds:
    """Builds that take the time of their commit; each uploads its snapshot when it ends."""

    def __init__(self, world: "Pushes") -> None:
        self._world = world
        self._started: dict[str, tuple[Commit, float, str]] = {}
        self._stopped: set[str] = set()
        self.details = ""

    def start(self, repository: str, commit: str, token: str, environment: Mapping[str, str]) -> str:
        del repository
        built_at = datetime.fromisoformat(environment["LIFECYCLE_BUILT_AT"])
        version = f"1.0.0-{built_at:%Y%m%d%H%M%S}-{commit[:7]}"
        self._started.setdefault(token, (self._world.commits[commit], self._world.now, version))
        return token

    def state(self, build: str) -> BuildState:
        commit, began, version = self._started[build]
        if build in self._stopped:
            return BuildState("FAILED", "build STOPPED in BUILD", stopped=True)
        if self._world.now < began + commit.seconds:
            return BuildState("RUNNING")
        if not commit.builds:
            return BuildState("FAILED", "a unit test failed")
        upload = f"incoming/{build}"
        made = manifest(version, commit=commit.id, repository=REPOSITORY, policies={"staging": POLICY})
        made = replace(made, supersede=self._world.supersede)
        self._world.memory.artifacts.upload(upload, made, version.encode())
        if not commit.works:
            self._world.machine.host("host-1").breaks[version] = AgentStage.SELF_TESTING
        return BuildState(
            "SUCCEEDED",
            exported={"LIFECYCLE_SERVICE": "hello", "LIFECYCLE_VERSION": version, "LIFECYCLE_UPLOAD": upload},
        )

    def stop(self, build: str) -> None:
        self._stopped.add(build)


class Pushes(StepFunctions):
    """One run of a seed. `head` is where the branch really is; nothing of Lifecycle reads it."""

    def __init__(self, seed: int) -> None:
        self.supersede = seed % 3 > 0
        self.rng = random.Random(seed)  # noqa: S311 (chance, no secret)
        self.failures = RandomFailures(self.rng)
        super().__init__(Machine(2, POLICY, cluster=STAGING), self.failures)  # type: ignore[arg-type]
        self.builds = Builds(self)  # type: ignore[assignment]
        self.commits: dict[str, Commit] = {}
        self.head = NOTHING
        self.violations: list[str] = []
        self._path: list[str] = []
        self._deliveries = 0
        self._lost = False
        self._seen = ""
        self._seed = seed
        self._plan()

    @property
    def wanted(self) -> str:
        """The newest commit on the branch that asks for a build; the head where a person has read it."""
        if self._lost:
            return self.head
        return next((each for each in self._ancestors(self.head) if not self.commits[each].skips), "")

    def _ancestors(self, commit: str) -> Iterator[str]:
        while commit != NOTHING:
            yield commit
            commit = self.commits[commit].parent

    def _plan(self) -> None:
        rng = self.rng
        at = 0.0
        for _ in range(rng.randint(1, 9)):
            at += rng.choice((0.0, 0.3, 20.0, 200.0, 900.0)) * rng.random()
            self.after(min(at, PUSHES), 0, self._push)
        for host in self.machine.hosts:
            for _ in range(rng.choice((0, 0, 1, 2))):
                began = PUSHES * rng.random()
                self.after(began, 0, partial(setattr, host, "silent", True))
                self.after(began + 2_000 * rng.random(), 0, partial(setattr, host, "silent", False))
        if rng.random() < 0.3:
            freeze = Freeze(str(STAGING), "ada", "the fair", self.time())
            began = PUSHES * rng.random()
            self.after(began, 0, lambda: self.memory.freezes.put(freeze))
            self.after(began + 3_000 * rng.random(), 0, lambda: _ignored(self.memory.freezes.lift(freeze)))
        self.after(CALM, 0, self._calm_down)

    def _push(self) -> None:
        """Move the branch to a new commit, or by force to an older one, and send the event."""
        rng = self.rng
        before, older = self.head, [each for each in self._path if each != self.head]
        if older and rng.random() < 0.35:
            self.head = rng.choice(older)
        else:
            self.head = self._new_commit()
        self._path.append(self.head)
        self._deliveries += 1
        at = self.time().replace(microsecond=0).isoformat()
        push = Push(REPOSITORY, "hello", self.head, "main", "ada", str(self._deliveries), before=before, at=at)
        forced = before not in (NOTHING, *self._ancestors(self.head))
        push = replace(push, skip="[skip ci]" if self.commits[self.head].skips else "", forced=forced)
        if rng.random() < 0.1:
            self._lost = True
        else:
            self._send(push)

    def _new_commit(self) -> str:
        rng = self.rng
        name = hashlib.sha1(str(len(self.commits)).encode(), usedforsecurity=False).hexdigest()
        seconds = rng.choice((5.0, 60.0, 600.0)) * (0.5 + rng.random())
        builds, works = rng.random() < 0.85, rng.random() < 0.8
        skips = self._seed % 2 == 0 and rng.random() < 0.25
        self.commits[name] = Commit(name, self.head, seconds, builds=builds, works=works, skips=skips)
        return name

    def _send(self, push: Push) -> None:
        """Deliver an event once or more often, perhaps late."""
        rng = self.rng
        delays = [rng.choice((0.1, 0.1, 5.0, 600.0)) * rng.random()]
        delays += [rng.choice((1.0, 600.0)) * rng.random() for _ in range(rng.choice((0, 0, 1)))]
        delays += [1_800.0 + 3_600.0 * rng.random() for _ in range(rng.choice((0, 0, 0, 1)))]
        for delay in delays:
            self.after(delay, 0, lambda: self._receive(push))

    def _receive(self, push: Push) -> None:
        start(push, self.machine.context.executions, self.catalogue, self.time())

    def _calm_down(self) -> None:
        """End the faults. A person reads the head if a push was lost."""
        self.failures.calm = True
        for host in self.machine.hosts:
            host.silent = False
        for freeze in self.memory.freezes.all():
            self.memory.freezes.lift(freeze)
        if self._lost:
            at = self.time().isoformat()
            push = Push(REPOSITORY, "hello", self.head, "main", "grace", "", head_read=at)
            start_head(push, self.machine.context.executions, self.catalogue)

    def _function(self, function: str, given: Mapping[str, Any]) -> Any:
        found = super()._function(function, given)
        if function == "plan" and found["kind"] == "PLANNED":
            self._only_the_head_begins(str(given["deployment"]))
        return found

    def _only_the_head_begins(self, name: str) -> None:
        """36: what begins is what the branch is at, by the events that have arrived."""
        desired = self.memory.registry.desired(STAGING)
        if desired is None or name == self._seen or desired.deployment != name:
            return
        self._seen = name
        record = self.memory.deployments.get(STAGING, name)
        made = self.memory.artifacts.manifest("hello", desired.version)
        wanted = self.catalogue.branch(REPOSITORY, "main").wanted("", "")
        if record and record.request.requested_by.startswith("delivery") and made.commit != wanted:
            self.violations.append(f"36 head: {name} begins with {made.commit[:7]}, wanted is {wanted[:7]}")

    def check(self) -> list[str]:
        """Return what is wrong at the end: staging serves the head's snapshot, or something says why not."""
        if self.violations or not self.wanted:
            return self.violations
        runs = [each for each in self.by_name.values() if self._is_wanted(each)]
        if not runs:
            return [f"36 head: no run of the head {self.wanted[:7]}"]
        facts = self.catalogue.snapshots("hello")
        wanted = [version for version, each in facts.items() if each["commit"] == self.wanted]
        if wanted and set(self.machine.installed().values()) <= set(wanted):
            return []
        return [] if self._says_why(runs, wanted) else [f"36 head: {self.wanted[:7]} is not served: {self.report()}"]

    def _is_wanted(self, execution: FailingExecution) -> bool:
        return execution.definition is delivery() and execution.given.get("commit") == self.wanted

    def _says_why(self, runs: list[FailingExecution], wanted: list[str]) -> bool:
        if runs[-1].error:  # its build failed, or a function failed for ever
            return True
        recent = self.memory.deployments.recent(STAGING, 50)
        halted = [each for each in recent if each.request.version in wanted and each.state is DeploymentState.HALTED]
        return any(self.open(each) for each in halted)

    def report(self) -> str:
        """Return what the records say, for a person who looks at a violation."""
        lines = [
            f"path {' '.join(each[:7] + '!' * self.commits[each].skips for each in self._path)}",
            f"installed {self.machine.installed()}",
        ]
        for name, each in self.by_name.items():
            said = each.error or (each.output if each.definition is delivery() else "")
            lines.append(f"{each.began_at:8.0f} {name} {each.state} at {each.at} {said} {each.cause}")
        recent = reversed(self.memory.deployments.recent(STAGING, 50))
        lines += [f"{each.id} {each.request.version} {each.state}: {each.reason}" for each in recent]
        return "\n  ".join(lines)


def _ignored(_: object) -> None:
    return


def run(seed: int) -> Pushes:
    """Run one seed to its end; `check` judges it."""
    world = Pushes(seed)
    world.run(END / 3600)
    return world


def main() -> int:
    """Run seeds, and print the first violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.pushes", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one, and print its end")
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds to run (default 1000)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed (default 0)")
    given = parser.parse_args()
    logging.disable(logging.INFO)  # each function logs its answer
    seeds = range(given.first, given.first + given.seeds) if given.seed is None else (given.seed,)
    for seed in seeds:
        world = run(seed)
        if given.seed is not None:
            print(world.report())
        if found := world.check():
            print(f"seed {seed}: {found[0]}")
            return 1
    print(f"{len(seeds)} seeds, no violation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
