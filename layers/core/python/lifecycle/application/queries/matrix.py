"""All services on one screen: what each environment runs, its state, since when, by whom, and how far behind it is.

Read by functions/console/show_clusters and by `lifecycle status`, so that both say the same; reads only. No host is
read, because an account has thousands of them: one cluster's view shows them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lifecycle.application.context import Context
from lifecycle.application.ports.cluster_queries import ClusterQueries
from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.queries.permissions import frozen_reasons
from lifecycle.application.queries.state_words import DEPLOYMENTS, PERMISSIONS, Status, Tone
from lifecycle.application.rollout.observe import verifies
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.actions import Ruling
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.policy_floor import Floors
from lifecycle.domain.service.commits import CommitCounts

NOTHING = "-"
# What a cell says, and the columns of the matrix in each environment.
FACTS = ("version", "state", "since", "by", "behind")
HEADINGS = {"behind": "commits behind"}
# Tones by how much they matter to the reader.
_WORST_FIRST = (Tone.BAD, Tone.WARN, Tone.BUSY, Tone.IDLE, Tone.GOOD)
_LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class StateOf:
    """A state of a cluster, and the version that it is about; empty for the one that serves."""

    status: Status
    version: str = ""

    def __str__(self) -> str:
        return f"{self.status} {self.version}".rstrip()


@dataclass(frozen=True, slots=True)
class Cell:
    """One cluster: the verified version, its states, since when and by whom, and how many commits it is behind.

    `since` and `by` are of the deployment that runs, else of the one that ended badly, else of the one that verified
    the version. `behind` is None where it is not known.
    `frozen` maps each reason that blocks new deployments to the scope to unfreeze.
    """

    cluster: Cluster
    version: str
    states: tuple[StateOf, ...]
    since: datetime | None
    by: str
    behind: int | None
    frozen: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Status:
        """All its states in one, with the tone of the worst."""
        tones = [each.status.tone for each in self.states]
        worst = next((tone for tone in _WORST_FIRST if tone in tones), Tone.IDLE)
        return Status(worst, ", ".join(map(str, self.states)) or NOTHING)

    @property
    def behind_words(self) -> str:
        """The number of commits; a hyphen where it is not known."""
        return NOTHING if self.behind is None else str(self.behind)

    @property
    def words(self) -> str:
        """Everything that a filter may find."""
        return f"{self.cluster} {self.version} {self.state} {self.by}".lower()


@dataclass(frozen=True, slots=True)
class Row:
    """A service, and its cell in each environment that has a cluster."""

    service: str
    cells: Mapping[str, Cell]


def cell_of(view: ClusterView, counts: CommitCounts, frozen: Mapping[str, str]) -> Cell:
    """Return the cell of a cluster as its view has it."""
    verified = next((each for each in view.recent if verifies(each)), None)
    shown = view.running or view.last_not_done or verified
    version = verified.target.version if verified else ""
    return Cell(
        view.cluster,
        verified.target.in_words if verified else NOTHING,
        tuple(_states(view, verified, frozen=bool(frozen))),
        _since(view, shown),
        shown.request.requested_by if shown else NOTHING,
        counts.behind(version),
        frozen,
    )


def read_cells(
    context: Context, queries: ClusterQueries, views: Sequence[ClusterView], freezes: Sequence[Freeze]
) -> Mapping[Cluster, Cell]:
    """Return the cell of each view; `freezes` are all that exist."""
    versions: dict[str, set[str]] = defaultdict(set)
    for each in views:
        versions[each.cluster.service] |= {each.verified.version} if each.verified else set()
    counts = queries.commit_counts(versions)

    def cell(view: ClusterView) -> Cell:
        floors = Floors(view.last.floors if view.last else ())  # Parameter Store answers 40 reads a second
        frozen = frozen_reasons(context, view, freezes, floors.known)
        return cell_of(view, counts[view.cluster.service], frozen)

    return {each.cluster: cell(each) for each in views}


def rows_of(cells: Iterable[Cell]) -> list[Row]:
    """Return a row for each service, by name."""
    found: dict[str, dict[str, Cell]] = defaultdict(dict)
    for each in cells:
        found[each.cluster.service][each.cluster.environment] = each
    return [Row(service, found[service]) for service in sorted(found)]


def arranged(rows: Sequence[Row], find: str, sort: str) -> list[Row]:
    """Return the rows that have every word of `find`, in the order `sort`, such as `-production.since`.

    A hyphen reverses the order. Rows without the fact come last. An unknown order is that of the names.
    """
    words = find.lower().split()
    left = [row for row in rows if all(word in _words(row) for word in words)]
    environment, _, fact = sort.removeprefix("-").partition(".")
    backwards = sort.startswith("-")
    if fact not in FACTS:
        return sorted(left, key=lambda row: row.service, reverse=backwards)
    known: list[Row] = []
    unknown: list[Row] = []
    for row in sorted(left, key=lambda row: row.service):
        cell = row.cells.get(environment)
        (unknown if cell is None or _KEYS[fact](cell) is None else known).append(row)
    known.sort(key=lambda row: _KEYS[fact](row.cells[environment]), reverse=backwards)
    return known + unknown


def _words(row: Row) -> str:
    return " ".join([row.service, *(each.words for each in row.cells.values())])


_KEYS: Mapping[str, Callable[[Cell], Any]] = {
    "version": lambda cell: None if cell.version == NOTHING else _natural(cell.version),
    "state": lambda cell: (_WORST_FIRST.index(cell.state.tone), cell.state.word),
    "since": lambda cell: cell.since,
    "by": lambda cell: None if cell.by == NOTHING else cell.by,
    "behind": lambda cell: cell.behind,
}


def _natural(version: str) -> tuple[list[int], str]:
    """Return a key by which 1.10.0 comes after 1.9.0."""
    numbers = version.partition("-")[0].split(".")
    return [int(each) if each.isdecimal() else 0 for each in numbers], version


def _states(view: ClusterView, verified: Deployment | None, *, frozen: bool) -> Iterable[StateOf]:
    shown = view.running or view.last_not_done
    if view.status:
        yield StateOf(view.status, shown.target.version if shown else "")
    elif verified:
        yield StateOf(DEPLOYMENTS[verified.state])
    if view.refused:
        yield StateOf(DEPLOYMENTS[DeploymentState.REFUSED], view.refused.target.version)
    if view.waiting:
        yield StateOf(DEPLOYMENTS[DeploymentState.QUEUED], view.waiting.request.version)
    if frozen:
        yield StateOf(PERMISSIONS[Ruling.FROZEN])


def _since(view: ClusterView, shown: Deployment | None) -> datetime | None:
    if shown is None:
        return view.lease.since if view.lease.deployment else None
    return shown.finished_at or shown.started_at
