"""All services on one screen: the console and `lifecycle status` say the same of the same facts."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifecycle.application.queries.matrix import Cell, Row, StateOf, arranged
from lifecycle.application.queries.state_words import DEPLOYMENTS, Tone
from lifecycle.console.theme import SIGNS
from lifecycle.domain.delivery.repository import NewestSnapshot, RepositoryBuilds
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.service.commits import CommitCounts
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk as Terminal
from tests.unit.console.desk import SNAPSHOTS, Desk, draw
from tests.unit.console.read_widget import read_widget

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = ("apple", "banana", "cherry", "damson")
REPOSITORY = "https://example.test/hello.git"


def cell(service: str, environment: str = "production", **changes: Any) -> Cell:
    usual = Cell(
        Cluster(environment, service),
        "1.9.0",
        (StateOf(DEPLOYMENTS[DeploymentState.DONE]),),
        NOW,
        "ada",
        behind=0,
    )
    return replace(usual, **changes)


def row(service: str, **changes: Any) -> Row:
    return Row(service, {"production": cell(service, **changes)})


def names(rows: list[Row]) -> list[str]:
    return [each.service for each in rows]


@pytest.fixture
def rows() -> list[Row]:
    halted = (StateOf(DEPLOYMENTS[DeploymentState.HALTED], "2.0.0"),)
    return [
        row("cherry", version="1.10.0", behind=12, since=NOW - timedelta(days=2)),
        row("apple", states=halted, behind=None),
        row("banana", by="grace", version="1.2.0", since=NOW - timedelta(days=1)),
        Row("damson", {"staging": cell("damson", "staging")}),
    ]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("", "apple banana cherry damson"),
        ("-", "damson cherry banana apple"),
        ("production.version", "banana apple cherry damson"),
        ("production.state", "apple banana cherry damson"),
        ("-production.since", "apple banana cherry damson"),
        ("production.since", "cherry banana apple damson"),
        ("production.by", "apple cherry banana damson"),
        ("-production.behind", "cherry banana apple damson"),
        ("staging.version", "damson apple banana cherry"),
        ("production.nonsense", "apple banana cherry damson"),
    ],
)
def test_rows_are_sorted_by_each_fact_and_those_without_it_come_last(rows: list[Row], order: str, found: str) -> None:
    assert " ".join(names(arranged(rows, "", order))) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("grace", "banana"),
        ("HALTED", "apple"),
        ("1.10", "cherry"),
        ("staging", "damson"),
        ("app ada", "apple"),
    ],
)
def test_filter_finds_every_word_of_a_row(rows: list[Row], words: str, found: str) -> None:
    assert names(arranged(rows, words, "")) == [found]
    assert names(arranged(rows, f"{words}\n nowhere", "")) == []


def test_state_of_a_cell_has_the_tone_of_the_worst() -> None:
    both = cell(
        "apple",
        states=(StateOf(DEPLOYMENTS[DeploymentState.DONE]), StateOf(DEPLOYMENTS[DeploymentState.REFUSED], "2.0.0")),
    )
    assert (both.state.tone, both.state.word) == (Tone.BAD, "DONE, REFUSED 2.0.0")
    assert cell("apple", states=()).state.word == "-"


def test_commits_behind_are_unknown_without_both_counts() -> None:
    counts = CommitCounts("1.1.0-x", 119, {"1.0.0": 101, "other": 130})
    assert [counts.behind(each) for each in ("1.0.0", "1.1.0-x", "other", "unknown", "")] == [18, 0, None, None, None]
    assert CommitCounts().behind("1.0.0") is None


def test_newest_snapshot_is_of_the_followed_branch() -> None:
    older, newer = (NewestSnapshot(f"1.0.0-{n}", NOW + timedelta(hours=n), n) for n in (1, 2))
    builds = RepositoryBuilds(REPOSITORY, branch="main").built("hello", None, "main", newer)
    assert builds.newest == {"hello": newer}
    assert builds.counted("hello", "main", older) == builds
    later = replace(newer, built=NOW + timedelta(days=1))
    assert builds.counted("hello", "feature", later) == builds
    assert RepositoryBuilds(REPOSITORY).counted("hello", "feature", later).newest == {"hello": later}


@pytest.fixture
def terminal(desk: Desk) -> Terminal:
    """Return the command line over the console's account of many clusters."""
    memory, facts = desk.machine.memory, {"commit": "c" * 40, "digest": "d" * 64, "branch": "main", "built": "-"}
    for name in NAMES:
        memory.registry.deploy(Cluster("staging", name))
    snapshot = "1.2.0-20261123114000-ddddddd"
    memory.catalogue.claim_service("hello", REPOSITORY)
    memory.catalogue.record_snapshot("hello", snapshot, facts | {"commits": "19"})
    memory.catalogue.claim_release("hello", snapshot, "1.0.2")
    newest = NewestSnapshot(SNAPSHOTS[2], NOW, 21)
    memory.catalogue.change_builds(REPOSITORY, lambda before: before.counted("hello", "main", newest))
    made = Terminal()
    made.connection = replace(
        made.connection,
        context=desk.machine.context,
        cluster_queries=memory.cluster_queries,
        catalogue=memory.catalogue,
    )
    return made


def drawn(desk: Desk) -> list[str]:
    """Return what the page says of hello in production, a text for each column."""
    html = str(draw(desk.query, "clusters", desk.context(width=1200), find="hello"))
    (line,) = (each for each in re.findall("<tr>(.*?)</tr>", html) if "<td" in each)
    cells = re.findall("<td[^>]*>(.*?)</td>", line)
    return [" ".join(re.sub("<[^>]*>", " ", re.sub("<cwdb-action.*", "", each)).split()) for each in cells[1:6]]


def plain(text: str) -> str:
    """Return a text without the signs that the page has beside a colour."""
    return " ".join(word for word in text.replace(",", "").split() if word not in SIGNS.values())


def typed(terminal: Terminal) -> str:
    lines = terminal.type("status").stdout.splitlines()
    return next(each for each in lines if each.startswith(str(CLUSTER))).removeprefix(str(CLUSTER))


def rest(desk: Desk) -> list[str]:
    return ["1.0.0", "DONE"]


def known(desk: Desk) -> list[str]:
    desk.machine.deploy("1.0.2")
    return ["1.0.2", "DONE"]


def halts(desk: Desk) -> list[str]:
    desk.halted()
    return ["1.0.0", "HALTED 1.0.1"]


def aborts(desk: Desk) -> list[str]:
    desk.machine.decide(desk.halted(), Choice.ABORT, "host-2")
    return ["1.0.0", "ABORTED 1.0.1"]


def refuses(desk: Desk) -> list[str]:
    desk.machine.memory.fleet.quarantine(CLUSTER, "1.0.1", "slow")
    desk.machine.begin(desk.machine.request("1.0.1"))
    return ["1.0.0", "DONE REFUSED 1.0.1"]


def freezes(desk: Desk) -> list[str]:
    desk.machine.context.freezes.put(Freeze("production", "ada", "a fair", desk.machine.now))
    return ["1.0.0", "DONE frozen"]


@pytest.mark.parametrize("happen", [rest, known, halts, aborts, refuses, freezes])
def test_page_and_command_line_say_the_same(
    desk: Desk, terminal: Terminal, happen: Callable[[Desk], list[str]]
) -> None:
    version, state = happen(desk)
    page = [plain(each) for each in drawn(desk)]
    assert page[:2] == [version, state]
    behind = "2" if happen is known else "-"
    assert page[4] == behind
    assert plain(typed(terminal)) == " ".join(page)
    facts = next(each for each in terminal.facts("status")["clusters"] if each["cluster"] == str(CLUSTER))
    assert (facts["verified"], plain(facts["status"]), str(facts["behind"] or "-")) == (version, state, behind)
    assert datetime.fromisoformat(facts["since"]) <= desk.machine.now


def test_press_on_a_service_shows_its_hosts_and_leads_back(desk: Desk, terminal: Terminal) -> None:
    assert terminal
    service = desk.see("clusters").button("hello")
    shown = desk.see("clusters", **service.params)
    assert "host-1" in shown.text
    assert "1.0.0" in shown.text
    back = desk.see("clusters", **shown.button("All services").params)
    assert {*NAMES, "hello"} <= {each.text for each in back.buttons}


def test_press_on_a_column_sorts_and_the_next_press_turns_the_order(desk: Desk, terminal: Terminal) -> None:
    assert terminal

    def order(**params: Any) -> list[str]:
        drawn = read_widget(draw(desk.query, "clusters", desk.context(width=1200), **params))
        return [each.text for each in drawn.buttons if each.text in (*NAMES, "hello")]

    assert order() == [*NAMES, "hello"]
    assert order(sort="production.version")[0] == "hello"
    first = read_widget(draw(desk.query, "clusters", desk.context(width=1200)))
    pressed = next(each for each in first.buttons if each.text.startswith("service"))
    assert order(**pressed.params) == ["hello", *reversed(NAMES)]
