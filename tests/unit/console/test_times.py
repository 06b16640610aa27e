"""Times are in UTC and say so, and lists begin with the newest, in the console as on the command line."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.decision import Choice
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk as Terminal
from tests.unit.console.desk import Desk

MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@pytest.fixture
def terminal(desk: Desk) -> Terminal:
    made = Terminal()
    made.connection = replace(made.connection, context=desk.machine.context)
    return made


def places(text: str, words: list[str]) -> list[int]:
    return [text.index(each) for each in words]


def test_trail_has_one_order_in_the_page_and_on_the_command_line(desk: Desk, terminal: Terminal) -> None:
    now = desk.machine.now + timedelta(minutes=5)
    # The last two are of one moment: the later one comes first.
    for at, what in ((now - timedelta(minutes=1), "first-step"), (now, "second-step"), (now, "third-step")):
        desk.machine.context.audit_log.append(AuditEntry(at, str(CLUSTER), what, "ada"))
    order = ["third-step", "second-step", "first-step"]
    page, typed = desk.see("history").text, terminal.type("history hello --trail").stdout
    assert places(page, order) == sorted(places(page, order))
    assert places(typed, order) == sorted(places(typed, order))
    assert "time (UTC)" in page
    assert "times in UTC" in typed


def test_deployments_begin_with_the_newest_everywhere(desk: Desk, terminal: Terminal) -> None:
    desk.machine.deploy("1.0.1")
    newest = [each.id for each in desk.machine.memory.deployments.recent(CLUSTER, 2)]
    typed = terminal.type("history hello").stdout
    assert places(typed, newest) == sorted(places(typed, newest))
    assert "BEGAN (UTC)" in typed
    page = desk.see("history")
    began = MOMENT.findall(page.text)[:2]
    assert began == sorted(began, reverse=True)
    assert MOMENT.findall(typed)[:2] == began
    assert "began (UTC)" in page.text


def test_questions_of_a_deployment_begin_with_the_newest_and_have_their_day(desk: Desk) -> None:
    name = desk.halted()
    desk.machine.decide(name, Choice.RETRY, "host-2")
    text = desk.see("deployment", deployment=name).text
    asked = [each.asked_at for each in desk.machine.memory.deployments.questions(name)]
    assert len(asked) == 2
    shown = [f"{each:%Y-%m-%d %H:%M:%S}" for each in sorted(asked, reverse=True)]
    table = text[text.index("Decisions and approvals, the newest first") :]
    assert places(table, shown) == sorted(places(table, shown))
    assert re.search(r"RETRY by \S+, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", table)
