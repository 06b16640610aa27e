"""Whatever a record or an error holds, neither a command nor a widget shows a character that cannot be seen."""

import io
import json
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from apps.cli import main as command_line
from apps.cli.command import error_boundary
from apps.cli.output.printer import Printer
from apps.cli.output.screen import VisibleStream, visible_streams
from lifecycle.domain.visible_text import visible, with_controls
from tests.support.account import Account
from tests.unit.records.test_unreadable_records import (
    KINDS_STORED,
    WIDGETS,
    Stored,
    answer,
    damaged,
    examples,
    names_of,
    run,
    with_body,
)

# One of each family: a direction, a joiner, a tag, a selector, a filler, a line break, a C1 control, a soft hyphen.
HOSTILE = "\u202e\u2066\u200b\u2060\ufeff\U000e0041\ufe0f\u3164\u2028\x9b\xad\u061c"
# Format characters with a shape of their own: marks of numbers and verses, before the digits that they enclose.
SHOWN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}


def hidden(text: str) -> set[str]:
    """Return the characters of a text that no reader sees, but for the line feeds and tabs of a layout."""
    return {each for each in text if each not in "\n\t" and not visible(each)}


def hostile(found: Any) -> Any:
    """Return a value whose texts end in characters that cannot be seen."""
    if isinstance(found, str):
        return f"{found}{HOSTILE}"
    if isinstance(found, list):
        return [hostile(each) for each in found]
    return {name: hostile(value) for name, value in found.items()} if isinstance(found, dict) else found


def every_text(item: dict[str, Any]) -> dict[str, Any]:
    return with_body(item, json.dumps(hostile(json.loads(item["body"]["S"]))))


def one_text_each(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the item with one hostile text: the record stays readable where that text is free."""
    body = json.loads(item["body"]["S"])
    if isinstance(body, dict):
        for name, value in body.items():
            if isinstance(value, str):
                yield with_body(item, json.dumps({**body, name: hostile(value)}))


VIEWS = ("status", "hosts", "history hello", "history hello --trail", "snapshots hello", "freezes", "quarantined")


@pytest.mark.parametrize("record", KINDS_STORED, ids=names_of(KINDS_STORED))
def test_no_view_shows_what_cannot_be_seen(record: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    for item in one_text_each(record.read(Account.of())):
        account = damaged(record, lambda _, item=item: item)  # type: ignore[misc]
        account.use(monkeypatch)
        for command in VIEWS:
            assert not hidden(run(account, command)), (command, item)
        for name in WIDGETS:
            assert not hidden(answer(account, monkeypatch, name, {})), (name, item)


def test_no_command_shows_what_cannot_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    for command in examples():
        account = Account.of()
        for record in KINDS_STORED:
            record.write(account, every_text(record.read(account)))
        account.use(monkeypatch)
        assert not hidden(run(account, command)), command


@given(st.text())
def test_visible_text_has_no_unseen_character_and_loses_no_other(text: str) -> None:
    found = visible(text)
    assert not hidden(found)
    assert visible(found) == found
    assert [each for each in text if visible(each)] == list(found)


def test_every_format_character_and_control_is_removed() -> None:
    kept = {number for number in range(sys.maxunicode + 1) if visible(chr(number))}
    unseen = {
        number for number in range(sys.maxunicode + 1) if unicodedata.category(chr(number)) in ("Cc", "Cf", "Cs")
    }
    assert kept & unseen == SHOWN | {ord("\n"), ord("\t")}
    assert all(number in kept for number in range(0x20, 0x7F))
    assert with_controls("\x1b[31mred\x1b[0m\r\n") == "\x1b[31mred\x1b[0m\r\n"


@pytest.mark.parametrize("debug", [False, True])
def test_error_of_any_kind_is_printed_without_unseen_characters(
    *, debug: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit), error_boundary(debug=debug):
        raise RuntimeError(f"{HOSTILE}\x1b]0;title\x07\x1b[2Jfailed") from OSError(HOSTILE)
    printed = capsys.readouterr().err
    assert "failed" in printed
    assert ("Traceback" in printed) == debug
    assert not hidden(printed)


def test_confirmation_shows_no_unseen_character(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stderr", printed)
    assert Printer().confirm(f"deploy {HOSTILE}hello?")
    assert "deploy hello?" in printed.getvalue()
    assert not hidden(printed.getvalue())


def test_message_of_typer_repeats_no_unseen_character(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["status", f"--{HOSTILE}x"], [f"stat{HOSTILE}us"], ["watch", "--run", HOSTILE, HOSTILE]):
        monkeypatch.setattr(sys, "argv", ["lifecycle", *arguments])
        with pytest.raises(SystemExit):
            command_line.main()
        captured = capsys.readouterr()
        printed = f"{captured.out}{captured.err}"
        assert printed
        assert not hidden(printed), arguments


def test_stream_that_shows_visible_text_only_is_otherwise_the_stream() -> None:
    inner = io.StringIO()
    stream = VisibleStream(inner)
    assert stream.write(f"a{HOSTILE}b") == 2 + len(HOSTILE)
    stream.writelines(["c", HOSTILE, "d\n"])
    stream.flush()
    assert inner.getvalue() == "abcd\n"
    assert not stream.isatty()
    before = sys.stdout
    with visible_streams():
        assert sys.stdout is not before
    assert sys.stdout is before
