"""Each kind of record, each way to be damaged or of another version, with every function and command.

Kinds come from the ledger of tests/support/account.py, functions from functions/, commands from the command line.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from typer.testing import CliRunner

from apps.cli.main import COMMANDS, app
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.entrypoints import widget
from lifecycle.gateways.record_kinds import KINDS, kind_of
from lifecycle.gateways.serialization import RECORD_VERSION
from tests.support.account import FUNCTIONS, HELLO, OTHER, ROOT, Account, calls, invoke, plain

DESIRED, MANIFEST = "/lifecycle/production/hello/desired", "release/hello/1.0.1/manifest.json"
DOCUMENTS = {DESIRED: "desired version", MANIFEST: "manifest"}
# No view reads these. Their remedy is in the error of the function that needs them.
NOT_IN_VIEWS = {
    *("host command", "promotion in the catalogue", "checkpoint", "manifest", "finding in the audit log"),
    *(
        "builds of a repository",
        "branch of a repository",
        "host in rotation",
        "digests of a version",
        "recorded request",
        "statuses sent to a forge",
        "cursor of convergence",
    ),
}
# Kinds that garbage collection reads.
RETAINS = {
    *("lease", "pending deployment", "deployment", "order of hosts", "report", "desired version"),
    *("snapshot in the catalogue", "release in the catalogue"),
}
# Numbers of bytes, which another form of the same record changes.
_SIZES = re.compile(r'"(bytes|freed)": \d+')
WIDGETS = [name for name in FUNCTIONS if name.startswith("show_")]


@dataclass(frozen=True)
class Stored:
    """One stored record: an item by its keys, or a document by its name."""

    kind: str
    pk: str
    sk: str = ""

    @property
    def key(self) -> str:
        return f"{self.pk} {self.sk}".strip()

    def read(self, account: Account) -> dict[str, Any]:
        """Return the item; a document as an item without a version."""
        if self.pk == DESIRED:
            return {"body": {"S": account.parameters.values[DESIRED]}}
        if self.pk == MANIFEST:
            return {"body": {"S": account.objects.objects[MANIFEST].decode()}}
        return dict(account.ledger.items[self.pk][self.sk])

    def write(self, account: Account, item: dict[str, Any] | None) -> None:
        if self.pk == DESIRED:
            account.parameters.values.pop(DESIRED)
            if item:
                account.parameters.values[DESIRED] = item["body"]["S"]
        elif self.pk == MANIFEST:
            account.objects.objects.pop(MANIFEST)
            if item:
                account.objects.objects[MANIFEST] = item["body"]["S"].encode()
        elif item is None:
            account.ledger.forget({"pk": {"S": self.pk}, "sk": {"S": self.sk}})
        else:
            account.ledger.store(item)


def stored() -> list[Stored]:
    """Return one record of each kind: of production/hello, where there are several the last of its partition."""
    found = {}
    for each in Account.of().ledger.all_items():
        pk, sk = each["pk"]["S"], each["sk"]["S"]
        if "other" not in pk and sk not in ("host-1", "host-3"):
            found[kind_of(pk, sk).name] = Stored(kind_of(pk, sk).name, pk, sk)
    return [*found.values(), *(Stored(kind, name) for name, kind in DOCUMENTS.items())]


def with_body(item: dict[str, Any], body: str) -> dict[str, Any]:
    return {**item, "body": {"S": body}}


def more(item: dict[str, Any], version: int) -> dict[str, Any]:
    """Return the record with one field more, as this version."""
    body = json.loads(item["body"]["S"])
    added = {**body, "added_later": {"by": "a newer version"}} if isinstance(body, dict) else body
    if "v" not in item:  # a document
        return with_body(item, json.dumps({**added, "v": version}))
    return {**with_body(item, json.dumps(added)), "v": {"N": str(version)}}


def older(item: dict[str, Any]) -> dict[str, Any]:
    """Return the record as version 1 wrote it."""
    body = json.loads(item["body"]["S"])
    if isinstance(body, dict):
        for former, name in (("set_aside", "skipped_hosts"), ("despite", "overrides")):
            for part in (body, body.get("request")):
                if isinstance(part, dict) and name in part:
                    part[former] = part.pop(name)
        if "choices" in body:
            del body["kind"], body["evidence_kind"]
        if "who" in body:
            del body["kind"]
    return {**{name: value for name, value in item.items() if name != "v"}, "body": {"S": json.dumps(body)}}


Damage = Callable[[dict[str, Any]], dict[str, Any] | None]
READABLE: dict[str, Damage] = {
    "older": older,
    "next version": lambda item: more(item, RECORD_VERSION + 1),
}
UNREADABLE: dict[str, Damage] = {
    "not json": lambda item: with_body(item, "not json"),
    "empty object": lambda item: with_body(item, "{}"),
    "version beyond": lambda item: more(item, RECORD_VERSION + 2),
    "bare": lambda item: {"pk": item["pk"], "sk": item["sk"]} if "pk" in item else with_body(item, ""),
}
KINDS_STORED = stored()


def damaged(record: Stored, damage: Damage) -> Account:
    account = Account.of()
    record.write(account, damage(record.read(account)))
    return account


def answer(account: Account, patch: pytest.MonkeyPatch, phase: str, event: dict[str, Any]) -> str:
    """Return the answer of a function, or its expected error; every other error is raised."""
    account.use(patch)
    patch.setattr(widget, "clock", account.clock)  # else "3 h ago" differs from one call to the next, once an hour
    try:
        return _SIZES.sub('"bytes": 0', plain(invoke(phase, event)))
    except LifecycleError as error:
        return f"error: {error}"


def every_call() -> Iterator[tuple[str, dict[str, Any]]]:
    for phase in FUNCTIONS:
        for event in calls(phase):
            yield phase, event


@cache
def intact(phase: str, event: str) -> tuple[str, frozenset[str]]:
    """Return the answer, and the targets in rotation after it, where no record is damaged."""
    account = Account.of()
    with pytest.MonkeyPatch.context() as patch:
        found = answer(account, patch, phase, json.loads(event))
    return found, in_rotation(account)


def in_rotation(account: Account) -> frozenset[str]:
    states = account.dispatcher.states[HELLO]
    return frozenset(address for address, state in states.items() if state is TargetState.HEALTHY)


def names_of(records: list[Stored]) -> list[str]:
    return [each.kind for each in records]


def test_account_has_a_record_of_every_kind() -> None:
    assert {each.kind for each in KINDS_STORED} == {each.name for each in KINDS} | set(DOCUMENTS.values())


def test_page_says_what_each_unreadable_kind_counts_as() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    table = page.partition("## Records that cannot be read")[2].partition("\n## ")[0]
    listed = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert listed[1:] == [*(each.name for each in KINDS), *DOCUMENTS.values()]


@pytest.mark.parametrize("record", KINDS_STORED, ids=names_of(KINDS_STORED))
@pytest.mark.parametrize("damage", READABLE)
def test_record_of_a_version_beside_ours_changes_no_answer(
    record: Stored, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for phase, event in every_call():
        found = answer(damaged(record, READABLE[damage]), monkeypatch, phase, event)
        assert found == intact(phase, json.dumps(event))[0], (phase, event)


@pytest.mark.parametrize("record", KINDS_STORED, ids=names_of(KINDS_STORED))
@pytest.mark.parametrize("damage", ["empty object", "bare", "missing"])
def test_unreadable_record_stays_alone(record: Stored, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    damages: dict[str, Damage] = {**UNREADABLE, "missing": lambda _: None}
    for phase, event in every_call():
        account = damaged(record, damages[damage])
        found = answer(account, monkeypatch, phase, event)
        before, rotation = intact(phase, json.dumps(event))
        assert "failed unexpectedly" not in found, (phase, event)
        assert rotation <= in_rotation(account), (phase, event, "took a host out of rotation")
        assert set(account.dispatcher.states[OTHER].values()) == {TargetState.HEALTHY}
        if damage == "missing":
            continue
        if found.startswith(("error: ", '{"error"')) and found != before:
            assert record.key in found, (phase, event, found)
            assert "`" in found or "write" in found or "Update" in found, (phase, event, found)
        if phase == "converge":
            assert json.loads(found)[1:] == json.loads(before)[1:], "the other cluster"
        if phase == "gc" and record.kind in RETAINS:
            assert found.startswith('{"error"') or not json.loads(found)["deleted"], found


@pytest.mark.parametrize("record", KINDS_STORED, ids=names_of(KINDS_STORED))
@pytest.mark.parametrize("damage", UNREADABLE)
def test_views_show_a_row_for_an_unreadable_record(
    record: Stored, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = damaged(record, UNREADABLE[damage])
    account.use(monkeypatch)
    drawn = [answer(account, monkeypatch, name, {}) for name in WIDGETS]
    typed = [run(account, each) for each in ("status", "hosts", "history hello", "history hello --trail")]
    typed += [run(account, each) for each in ("snapshots hello", "releases hello", "freezes", "quarantined")]
    typed += [run(account, "config history hello")]
    assert not [each for each in drawn if "not shown" in each]
    assert not [each for each in typed if "error:" in each]
    assert all("production/other" in each for each in typed[:2])
    shown = any(record.key in each.replace("&#x27;", "'") for each in (*drawn, *typed))
    assert shown == (record.kind not in NOT_IN_VIEWS)


def run(account: Account, command: str) -> str:
    """Return all that a command prints."""
    done = CliRunner().invoke(app, shlex.split(command), obj=lambda _: account.connection())
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return f"{done.stdout}{done.stderr}".replace("\n", " ").replace("  ", " ")


def snake(name: str) -> str:
    return name.replace("-", "_")


def examples() -> list[str]:
    """Return the examples in the help of every command that reads the account, and ends."""
    found = []
    for name, entry in COMMANDS.items():
        if name in ("validate", "build", "local") or "." not in entry.module:
            continue
        module = import_module(f"apps.cli.{entry.module}")
        group = getattr(module, "app", None)
        run_by = [each.callback for each in group.registered_commands] if group else [getattr(module, snake(name))]
        texts = [each.__doc__.partition("Examples:")[2].replace("\\\n", "") for each in run_by]
        found += [line.strip().removeprefix("lifecycle ") for text in texts for line in text.splitlines()]
    # Nobody is asked here, so what ends something is confirmed beforehand.
    found = [f"{each} --yes" if each.startswith(("reject ", "cancel ", "abort ")) else each for each in found]
    return [each for each in found if each and not {"--run", "--follow", "--watch"} & set(each.split())]


@pytest.mark.parametrize("record", KINDS_STORED, ids=names_of(KINDS_STORED))
def test_command_with_an_unreadable_record_answers_in_words(record: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in examples():
        account = damaged(record, UNREADABLE["empty object"])
        account.use(monkeypatch)
        found = run(account, command)
        assert "Traceback" not in found
        assert "unexpected" not in found.lower(), (command, found)
