"""The builds of a repository with several services, and the decision which of them a push leaves unchanged.

start_build records the run and passes `known_to` to the build. The build, which has the clone, decides with it.
record_snapshot records the sources of a new snapshot. Where anything is missing, the build goes ahead.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifecycle.domain.errors import InvalidJson
from lifecycle.domain.foreign_json import parse_object

# An execution of statemachines/delivery.asl.json ends after three hours, so no older run is still building.
LONGEST_RUN = timedelta(hours=3)
# CodeBuild takes 5,120 characters of environment variables; these limits keep `known` well below.
MOST_SERVICES = 50
MOST_RUNS = 100
_MOST_CHARACTERS = 4_500
# A build names its sources in 16 digits, and its commands can make it say anything.
LONGEST_SOURCE = 64
_COMMIT_DIGITS = 12
# The newest runs whose start may be repeated; a start is repeated within minutes.
_REPEATABLE_RUNS = 10
# A snapshot's name has its time to the second.
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class LastBuild:
    """The newest snapshot of a service: the sources it was built from, and when its run started."""

    snapshot: str
    source: str
    started: datetime


@dataclass(frozen=True, slots=True)
class NewestSnapshot:
    """The newest snapshot of a service from the followed branch, and the number of its commits; 0 if not known."""

    snapshot: str
    built: datetime
    commits: int = 0


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run of the last hours; it may still be building.

    `known` is what its build was started with. A repeated start needs the same, or CodeBuild refuses its token.
    """

    commit: str
    started: datetime
    known: str = ""


@dataclass(frozen=True, slots=True)
class RepositoryBuilds:
    """The record of a repository: its services' newest snapshots, and the runs of the last hours.

    `branch` is its default branch, as a push has said, and `branch_at` the time of the first push that said so.
    `names` are the services that it was built as, the newest last, also those with which no push can compare.
    `cache` is the random prefix of its builds' caches, which only its own builds are given. `newest` says from which
    snapshot commits are counted that a cluster is behind.
    """

    repository: str
    services: dict[str, LastBuild] = field(default_factory=dict)
    runs: tuple[StartedRun, ...] = ()
    branch: str = ""
    branch_at: datetime | None = None
    names: tuple[str, ...] = ()
    cache: str = ""
    newest: dict[str, NewestSnapshot] = field(default_factory=dict)

    def followed(self, branch: str, at: datetime) -> "RepositoryBuilds":
        """Return the record after a push to the default branch, unless it is older than the record's branch."""
        if branch == self.branch or (self.branch_at is not None and at < self.branch_at):
            return self
        return replace(self, branch=branch, branch_at=at)

    def begun(self, commit: str, started: datetime, cache: str = "") -> "RepositoryBuilds":
        """Return the record with one more run, and without those that must have ended; once for each run.

        `cache` is a random text: the prefix of the repository's caches, if they have none yet.
        """
        if not self.cache and cache:
            return replace(self, cache=cache).begun(commit, started)
        if self._run(commit, started):
            return self
        lasting = tuple(each for each in self.runs if started - each.started < LONGEST_RUN)
        run = StartedRun(commit, started, _known(self.services, lasting, commit).to_text())
        others = 1 - _REPEATABLE_RUNS
        older = (replace(each, known="") for each in lasting[:others])
        return replace(self, runs=(*older, *lasting[others:], run))

    def without(self, services: Collection[str]) -> "RepositoryBuilds":
        """Return the record without the newest snapshots of these services, so that the next push builds them."""
        left = {name: each for name, each in self.services.items() if name not in services}
        return self if len(left) == len(self.services) else replace(self, services=left)

    def _run(self, commit: str, started: datetime) -> StartedRun | None:
        return next((each for each in self.runs if (each.commit, each.started) == (commit, started)), None)

    def recorded(self, service: str, build: LastBuild | None) -> "RepositoryBuilds":
        """Return the record with a new snapshot, unless it has a newer one of this service.

        None stands for a snapshot of the whole repository, with which no later push can compare. Only the newest
        MOST_SERVICES stay, so a service that is gone leaves at last.
        """
        names = (*(each for each in self.names if each != service), service)[-MOST_SERVICES:]
        named = replace(self, names=names)
        if build is None:
            return replace(named, services={name: each for name, each in self.services.items() if name != service})
        last = self.services.get(service)
        if last and last.started > build.started:
            return named
        newest = sorted({**self.services, service: build}.items(), key=lambda each: each[1].started)
        return replace(named, services=dict(newest[-MOST_SERVICES:]))

    def built(self, service: str, build: LastBuild | None, branch: str, newest: NewestSnapshot) -> "RepositoryBuilds":
        """Return the record after a snapshot was published: `recorded` and `counted`."""
        return self.recorded(service, build).counted(service, branch, newest)

    def counted(self, service: str, branch: str, newest: NewestSnapshot) -> "RepositoryBuilds":
        """Return the record with this snapshot as the newest one, unless a newer one is known or another branch."""
        before = self.newest.get(service)
        if self.branch not in ("", branch) or (before and before.built >= newest.built):
            return self
        every = sorted({**self.newest, service: newest}.items(), key=lambda each: each[1].built)
        return replace(self, newest=dict(every[-MOST_SERVICES:]))

    def known_to(self, commit: str, started: datetime) -> str:
        """Return what the build of a run may compare with, as `Known.to_text`; the same at each call."""
        run = self._run(commit, started)
        return (run.known if run else "") or _known(self.services, self.runs, commit).to_text()


@dataclass(frozen=True, slots=True)
class Known:
    """The sources of each service's newest snapshot, and how many of the newest `runs` began after it."""

    services: Mapping[str, tuple[str, int]]
    runs: tuple[str, ...] = ()

    def unchanged(self, service: str, source: str, source_at: Callable[[str], str]) -> bool:
        """Return whether a push has nothing new of a service, nor any run that may still change its newest snapshot.

        `source_at` gives the service's sources at another commit, and an empty text where they are unknown.
        """
        if service not in self.services:
            return False
        last, later = self.services[service]
        return source == last and all(source_at(commit) == source for commit in self.runs[:later])

    def to_text(self) -> str:
        content = {"services": {name: list(each) for name, each in self.services.items()}, "runs": list(self.runs)}
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "Known":
        """Read `to_text`; nothing is known for any other text, so that everything is built."""
        try:
            found = parse_object(text)
            services = {str(name): (str(source), int(later)) for name, (source, later) in found["services"].items()}
            runs = tuple(str(each) for each in found["runs"])
        except (AttributeError, InvalidJson, KeyError, TypeError, ValueError):
            return cls({})
        # A count that is larger than the list of runs cannot be checked.
        return cls({name: each for name, each in services.items() if 0 <= each[1] <= len(runs)}, runs)


def _known(services: Mapping[str, LastBuild], runs: Sequence[StartedRun], commit: str) -> Known:
    """Return what is known before a run of this commit.

    A service is left out, and so built, if too many runs began after the one of its newest snapshot. So are those
    whose sources would make the text too long for a build.
    """
    others = sorted((run for run in runs if run.commit != commit), key=lambda run: run.started, reverse=True)
    found = {}
    for name, last in services.items():
        later = sum(run.started >= last.started - _SECOND for run in others)
        if later <= MOST_RUNS:
            found[name] = (last.source, later)
    while len((known := _with_runs(found, others)).to_text()) > _MOST_CHARACTERS and found:
        del found[max(found, key=lambda name: len(found[name][0]))]
    return known


def _with_runs(found: Mapping[str, tuple[str, int]], others: Sequence[StartedRun]) -> Known:
    most = max((later for _, later in found.values()), default=0)
    return Known(dict(found), tuple(run.commit[:_COMMIT_DIGITS] for run in others[:most]))
