"""The command line and the console show every state with the same word and the same tone."""

import re
from dataclasses import replace
from enum import StrEnum
from typing import Any

import pytest

from apps.cli.output.layout import STYLES, style_of
from apps.cli.output.live import live_table
from apps.cli.watch.deployment_view import WatchedDeployment
from lifecycle.application.queries import state_words
from lifecycle.application.queries.host_status import view_host_progress
from lifecycle.application.queries.state_words import Status, Tone, every_status
from lifecycle.console.status_styles import status_badge
from lifecycle.domain.analysis.model import Verdict
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.attempt import AttemptState, Blame
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.test_bed.model import BedOutcome
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk as Terminal
from tests.unit.console.desk import Desk
from tests.unit.console.read_widget import read_widget

TABLES = (
    (DeploymentState, state_words.DEPLOYMENTS),
    (AttemptState, state_words.ATTEMPTS),
    (state_words.HostStatus, state_words.HOSTS),
    (TargetState, state_words.TARGETS),
    (AgentStage, state_words.STAGES),
    (BedOutcome, state_words.TEST_BEDS),
    (Verdict, state_words.VERDICTS),
    (Blame, {Blame.NONE: None, **state_words.BLAMES}),
    (Kind, state_words.KINDS),
)


def badge(html: str, word: str) -> str:
    """Return the tone of the page's badge with this word."""
    found = re.findall(rf'lc-badge lc-(\w+)"><span[^>]*>[^<]*</span>{re.escape(word)}<', html)
    assert found, f"no badge says {word}"
    assert len(set(found)) == 1
    return str(found[0])


def cell(table: Any, word: str) -> str:
    """Return the style of the terminal's cell with this word."""
    cells = [text for column in table.columns for text in column._cells if str(text) == word]
    assert cells, f"no cell says {word}"
    return str(cells[0].style)


@pytest.mark.parametrize(("states", "table"), TABLES)
def test_every_state_has_a_word(states: type[StrEnum], table: dict[StrEnum, object]) -> None:
    assert set(table) == set(states)


@pytest.mark.parametrize("status", every_status(), ids=str)
def test_every_status_has_one_tone_in_both(status: Status) -> None:
    assert style_of(status) == STYLES[status.tone]
    assert badge(str(status_badge(status)), status.word) == status.tone


def test_every_tone_has_a_colour_of_its_own_on_the_terminal() -> None:
    assert set(STYLES) == set(Tone)
    assert len(set(STYLES.values())) == len(Tone)


@pytest.mark.parametrize("state", DeploymentState)
def test_deployment_reads_alike_in_the_history_of_both(state: DeploymentState) -> None:
    terminal = Terminal()
    name = terminal.machine.deploy("1.0.0")
    changed = replace(terminal.machine.record(name), state=state)
    terminal.machine.memory.deployments._deployments[CLUSTER, name] = changed
    desk = Desk.of()
    desk.machine.memory.deployments._deployments[CLUSTER, name] = changed
    status = state_words.DEPLOYMENTS[state]
    row = terminal.type("history hello").stdout.splitlines()[2].split()
    assert status.word in row
    assert badge(desk.see("history").html, status.word) == status.tone


@pytest.mark.parametrize("state", AttemptState)
@pytest.mark.parametrize("unreachable", [False, True])
def test_attempt_reads_alike_on_the_timeline_and_in_watch(
    desk: Desk, state: AttemptState, *, unreachable: bool
) -> None:
    name = desk.halted()
    context, deployments = desk.machine.context, desk.machine.memory.deployments
    [attempt] = deployments.attempts(name)
    changed = replace(attempt, state=state, unreachable=unreachable and state is AttemptState.FAILED)
    deployments._attempts[changed.deployment, changed.host, changed.number] = changed
    deployment = desk.machine.record(name)
    [host] = [each for each in view_host_progress(context, deployment, [changed], ()) if each.attempt]
    polled = WatchedDeployment(name, CLUSTER, None, deployment, (host,))
    table = live_table(polled, 200).renderables[-1]
    assert cell(table, host.status.word) == STYLES[host.status.tone]
    assert badge(desk.see("deployment").html, host.status.word) == host.status.tone


def test_host_reads_alike_on_its_tile_and_in_hosts(desk: Desk) -> None:
    fleet = desk.machine.memory.fleet
    fleet.quarantine_host(CLUSTER, "host-1", "its disk is full")
    fleet.write_report(CLUSTER, replace(desk.machine.report("host-2"), running=False, boot=""))
    fleet.write_report(CLUSTER, replace(desk.machine.report("host-3"), installed="0.9.0", digest="e" * 64))
    terminal = Terminal()
    terminal.connection = replace(terminal.connection, context=desk.machine.context)
    [cluster] = terminal.facts("hosts")["clusters"]
    words = [host["state"] for host in cluster["hosts"]]
    assert words == ["quarantined", "stopped", "drifted", "serving"]
    tiles = re.findall(r'lc-tile lc-(\w+)".*?</span>([\w ]+)</span>', desk.see("clusters").html)
    assert [word for _, word in tiles] == words
    statuses = {status.word: status for status in state_words.HOSTS.values()}
    assert [tone for tone, _ in tiles] == [statuses[word].tone for word in words]
    assert read_widget(desk.see("clusters").html).text
