"""Tables, help and versions at 80 columns; and the commands that ask before they end something."""

from dataclasses import replace
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from apps.cli.help import first_sentence
from apps.cli.main import COMMANDS, app
from apps.cli.output.layout import aligned, fitting, rich_table, wrapped_widths
from apps.cli.output.printer import Printer
from apps.cli.output.text import clean
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.commits import Commit, History
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import manifest
from tests.unit.cli.conftest import Desk
from tests.unit.cli.test_unknown_names import leaves

COLUMNS = ("host", "zone", "state")
ROWS = [["production-hello-1", "eu-central-1a", "in rotation, healthy"]]


def test_columns_are_dropped_in_their_order_until_the_rest_fits() -> None:
    drop = ("zone", "state")
    assert fitting(COLUMNS, ROWS, drop, 80) == [0, 1, 2]
    assert fitting(COLUMNS, ROWS, drop, 50) == [0, 2]
    assert fitting(COLUMNS, ROWS, drop, 20) == [0]
    assert fitting(COLUMNS, ROWS, (), 20) == [0, 1, 2]


def test_table_names_what_a_narrow_terminal_does_not_show(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    Printer(terminal=True).table(COLUMNS, ROWS, ("zone",))
    lines = [clean(line).rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0].split() == ["HOST", "STATE"]
    assert lines[-1] == "(not shown at this width: zone)"


def test_no_word_of_a_table_is_broken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    row = ["hello-production-20261123014630-ab12", "the first host was slower than it had been before"]
    Printer(terminal=True).console.print(rich_table(("deployment", "why"), [row], 40))
    words = set(clean(capsys.readouterr().out).split())
    assert set(" ".join(row).split()) <= words


@pytest.mark.parametrize("width", range(1, 81))
def test_columns_fill_a_width_and_keep_every_word(width: int) -> None:
    columns, rows = ("host", "why", "what"), [["h-12", "latency rises in two", "slow for days"]]
    widths = wrapped_widths(columns, rows, width)
    narrowest = [4, len("latency"), len("slow")]
    assert bool(widths) == (width >= sum(narrowest) + 4)
    if widths:
        assert all(each >= least for each, least in zip(widths, narrowest, strict=True))
        assert sum(widths) + 4 == min(width, len("".join(rows[0])) + 4)


def test_what_is_piped_has_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    Printer(terminal=False).table(COLUMNS, ROWS, ("zone", "state"))
    assert capsys.readouterr().out.splitlines() == aligned(COLUMNS, ROWS)


@pytest.mark.parametrize("name", ["", *(name for name, _ in leaves()), "config", "policy", "service"])
def test_help_fits_80_columns_and_cuts_no_name(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = desk.type(f"{name} --help")
    assert done.exit_code == 0
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    assert "…" not in done.stdout
    assert not any(line.endswith("...") for line in done.stdout.partition("\n\n")[2].splitlines())


def test_version_is_printed(desk: Desk) -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout.split()[0]) == (0, "lifecycle")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("List it.", "List it."), ("List it. Then more.", "List it."), ("One\nline\n\nMore", "One line")],
)
def test_first_sentence_of_a_help(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence


@pytest.mark.parametrize("typed", ["decide hello ABORT --why x", "decide hello ABORT --host host-2 --why x"])
def test_abort_without_a_keyboard_needs_yes(desk: Desk, typed: str) -> None:
    name = desk.halted()
    done = desk.type(typed)
    assert done.exit_code == 1
    assert f"nobody can answer 'Abort {name}?': standard input is no terminal; repeat the command with --yes" in (
        done.stderr
    )
    assert desk.functions.calls == []
    assert desk.type(f"{typed} --yes").exit_code == 0


def test_rejection_without_a_keyboard_needs_yes() -> None:
    gated = Desk(Policy(approval=ApprovalGate.AFTER_FIRST_HOST))
    gated.machine.deploy("1.0.0")
    assert "--yes" in gated.type("reject hello --why slow").stderr
    assert gated.functions.calls == []
    assert gated.type("reject hello --why slow --yes").exit_code == 0
    assert gated.functions.calls[0][1]["choice"] == Choice.REJECT


def test_cancellation_without_a_keyboard_needs_yes(desk: Desk) -> None:
    desk.halted()
    desk.type("deploy hello 1.0.2 --no-watch")
    calls = len(desk.functions.calls)
    assert "--yes" in desk.type("cancel hello --why x").stderr
    assert len(desk.functions.calls) == calls
    assert desk.type("cancel hello --why x --yes").exit_code == 0


def test_releases_say_when_they_were_built_and_where_they_serve(desk: Desk) -> None:
    desk.machine.memory.clock.sleep(timedelta(hours=2).total_seconds())
    output = desk.type("releases hello").stdout
    [line] = [line for line in output.splitlines() if line.startswith("1.0.0 ")]
    assert "2026-11-23 10:00:00  " in line
    assert "production: 4 of 4" in line
    found = {each["version"]: each for each in desk.facts("releases hello")["releases"]}
    assert (found["1.0.0"]["serves_on"], found["1.0.1"]["serves_on"]) == ({"production": [4, 4]}, {})


def test_snapshots_and_releases_show_the_commits_that_they_bring(desk: Desk) -> None:
    catalogue, names = desk.machine.memory.catalogue, [each * 12 for each in "cba"]
    every = [Commit(each, f"Do {each[0]}", "Ada", parents=tuple(names[at:][:1])) for at, each in enumerate(names, 1)]
    for patch, count in ((0, 1), (1, 3)):
        commits, snapshot = tuple(every[3 - count :]), f"1.2.{patch}-2026112411000{patch}-aaaaaaa"
        catalogue.record_snapshot("hello", snapshot, {"commit": commits[0].hash, "branch": "main"})
        catalogue.claim_release("hello", snapshot, f"1.2.{patch}")
        for version in (snapshot, f"1.2.{patch}"):
            made = manifest(version, commit=commits[0].hash[0] * 40, repository="https://github.com/o/hello")
            desk.machine.publish(replace(made, history=History(commits, len(commits))))
    output = desk.type("snapshots hello")
    assert (output.exit_code, "ccccccc Do c  Ada" in output.stdout) == (0, True), output.output
    released = desk.type("releases hello").stdout
    assert "2 since 1.2.0" in released
    assert f"  ccccccc Do c (Ada); https://github.com/o/hello/compare/{'a' * 40}...{'c' * 40}" in released
    [newest, *_] = desk.facts("releases hello")["releases"]
    assert (newest["head"]["author"], newest["changes"]["count"]) == ("Ada", 2)


def test_versions_beyond_the_limit_are_named(desk: Desk) -> None:
    output = desk.type("releases hello --limit 1")
    assert output.stdout.splitlines()[-1] == "and 1 older: lifecycle releases hello --limit 2"
    assert desk.type("snapshots hello --limit 1").exit_code == 0


# The names of the console's actions (docs/console.md), as one types them.
CONSOLE_ACTIONS = (
    *("promote", "deploy", "approve", "reject", "extend", "decide", "rollback", "pause", "resume", "abort", "cancel"),
    *("freeze", "unfreeze", "quarantine", "unquarantine", "converge", "remove-host"),
)


@pytest.mark.parametrize("action", CONSOLE_ACTIONS)
def test_action_of_the_console_is_a_command(action: str) -> None:
    assert action in COMMANDS


def test_halted_deployment_is_aborted(desk: Desk) -> None:
    name = desk.halted()
    assert "--yes" in desk.type("abort hello --why bad").stderr
    done = desk.type("abort hello --why bad --yes")
    assert done.exit_code == 0, done.output
    assert desk.machine.record(name).state is DeploymentState.ABORTED
    assert desk.functions.calls[-1][1]["host"] == "host-2"


def test_abort_of_a_deployment_that_waits_for_an_approval_names_the_other_ways() -> None:
    gated = Desk(Policy(approval=ApprovalGate.AFTER_FIRST_HOST))
    name = gated.machine.deploy("1.0.0")
    done = gated.type("abort hello --why bad --yes")
    assert done.exit_code == 1
    assert f"{name} is AWAITING_APPROVAL and waits for no decision that could end it" in done.stderr
    assert "`lifecycle reject hello`" in done.stderr
