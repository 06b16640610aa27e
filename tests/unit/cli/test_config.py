"""config list, set, unset, import, diff and history, as typed. No output, record or error has a value unasked."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.cli.errors import FunctionRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.configuration import Value
from lifecycle.gateways.serialization import to_json
from tests.fakes.configurations import MemoryConfigStore
from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk

PLANTED = "planted-8d1c"


def store(desk: Desk) -> MemoryConfigStore:
    return desk.machine.memory.config_store


def values(desk: Desk) -> Mapping[str, Value]:
    return store(desk).read(CLUSTER).values


def typed(desk: Desk, text: str, *more: str, given: str | None = None) -> str:
    """Run a command that must succeed; return its output without the first line."""
    done = desk.type(f"config {text}", *more, given=given)
    assert done.exit_code == 0, done.output
    return done.stdout.partition("\n")[2]


def refused(desk: Desk, text: str, *more: str, given: str | None = None) -> str:
    done = desk.type(f"config {text}", *more, given=given)
    assert done.exit_code == 1, done.output
    return done.stderr


def test_value_is_set_and_nothing_is_deployed(desk: Desk) -> None:
    before = desk.machine.installed()
    assert typed(desk, "set hello LOG=debug DATABASE_URL=postgres://u:p=w@db/x") == (
        "revision 1 of production/hello: set DATABASE_URL, LOG\n"
        "nothing changes until: lifecycle deploy hello --config\n"
    )
    assert values(desk) == {"LOG": "debug", "DATABASE_URL": "postgres://u:p=w@db/x"}
    assert desk.machine.installed() == before
    assert typed(desk, "set hello LOG=info").startswith("revision 2 of production/hello: set LOG\n")
    assert values(desk)["DATABASE_URL"] == "postgres://u:p=w@db/x"


def test_same_value_again_is_no_revision(desk: Desk) -> None:
    typed(desk, "set hello LOG=debug")
    assert typed(desk, "set hello LOG=debug") == (
        "nothing changed: revision 1 of production/hello has these values already\n"
    )
    assert len(desk.machine.memory.configurations.recorded(CLUSTER)) == 1


def test_each_environment_has_its_own_configuration(desk: Desk) -> None:
    desk.machine.memory.registry._deployed.add(Cluster("staging", "hello"))
    said = typed(desk, "set hello LOG=debug -e staging")
    assert "nothing changes until: lifecycle deploy hello --config --environment staging" in said
    assert not values(desk)
    assert typed(desk, "diff hello --against staging") == ("NAME  STAGING   PRODUCTION\nLOG   (hidden)  -\n")


@pytest.mark.parametrize(
    ("given", "stored"),
    [("pass word\n", "pass word"), ("two\nlines\n\n", "two\nlines\n"), ("x\r\n", "x")],
)
def test_value_comes_from_standard_input(desk: Desk, given: str, stored: str) -> None:
    typed(desk, "set hello PASSWORD", given=given)
    assert values(desk) == {"PASSWORD": stored}


@pytest.mark.parametrize("given", ["", "\n", "\r\n"])
def test_empty_standard_input_is_no_value(desk: Desk, given: str) -> None:
    """A command before the pipe that failed gives nothing."""
    typed(desk, "set hello PASSWORD=before")
    said = refused(desk, "set hello PASSWORD", given=given)
    assert "no value for PASSWORD; an empty value is set with PASSWORD=" in said
    assert values(desk) == {"PASSWORD": "before"}
    typed(desk, "set hello PASSWORD=")
    assert values(desk) == {"PASSWORD": ""}


def test_names_are_recorded_although_the_revision_before_cannot_be_read(desk: Desk) -> None:
    store(desk).documents[CLUSTER] = ["by hand, and no JSON", '{"A":"1"}']
    assert "its names are recorded now" in typed(desk, "list hello")
    [found] = desk.machine.memory.configurations.recorded(CLUSTER)
    assert (found.revision, found.names, found.changed) == (2, ("A",), ("A",))


def test_unreadable_configuration_is_replaced_although_a_writer_was_killed(desk: Desk, tmp_path: Path) -> None:
    typed(desk, "set hello A=1")
    store(desk).documents[CLUSTER].append("by hand, and no JSON")
    [first] = desk.machine.memory.configurations.recorded(CLUSTER)
    desk.machine.memory.configurations.record(replace(first, revision=3, by="somebody"))  # and wrote no values
    file = tmp_path / ".env"
    file.write_text("A=2\n")
    assert typed(desk, "import hello --replace", str(file)).startswith("revision 3 of production/hello: set A\n")
    assert values(desk) == {"A": "2"}


def test_secret_is_named_not_copied(desk: Desk) -> None:
    said = typed(desk, "set hello PASSWORD --secret lifecycle/production/hello/db:password")
    assert "the hosts may read" not in said
    assert "PASSWORD  secret lifecycle/production/hello/db:password" in typed(desk, "list hello")
    foreign = typed(desk, "set hello OTHER --secret shared/db")
    assert "OTHER: the hosts may read secrets named lifecycle/production/hello/* only" in foreign.replace(
        "*;", "* only"
    )
    assert "lc-host-production-hello" in foreign


def test_values_are_shown_only_when_asked_for(desk: Desk) -> None:
    typed(desk, f"set hello A={PLANTED}")
    assert typed(desk, "list hello") == "revision 1 of production/hello: 1 names\nNAME  VALUE\nA     (hidden)\n"
    assert PLANTED in typed(desk, "list hello --show")
    assert desk.facts("config list hello")["values"] == {"A": {"kind": "text"}}
    assert desk.facts("config list hello --show")["values"] == {"A": {"kind": "text", "value": PLANTED}}


def test_names_are_removed(desk: Desk) -> None:
    typed(desk, "set hello A=1 B=2 C=3")
    assert typed(desk, "unset hello A C").startswith("revision 2 of production/hello: removed A, C\n")
    assert values(desk) == {"B": "2"}
    assert "name 'A, X' of the configuration of production/hello not found; known: B" in refused(
        desk, "unset hello X A B"
    )
    assert values(desk) == {"B": "2"}
    typed(desk, "unset hello B")
    assert store(desk).read(CLUSTER).revision == 3


def test_file_is_imported(desk: Desk, tmp_path: Path) -> None:
    typed(desk, "set hello OLD=1 A=0")
    file = tmp_path / ".env"
    file.write_text("# comment\nexport A=1\nB='two words' # why\n")
    assert typed(desk, "import hello", str(file)).startswith("revision 2 of production/hello: set A, B\n")
    assert values(desk) == {"OLD": "1", "A": "1", "B": "two words"}
    given = json.dumps({"A": "2", "S": {"secret": "lifecycle/production/hello/db"}})
    said = typed(desk, "import hello - --replace", given=given)
    assert said.startswith("revision 3 of production/hello: set A, S; removed B, OLD\n")


def test_configuration_that_cannot_be_read_is_replaced_as_a_whole(desk: Desk) -> None:
    typed(desk, "set hello A=1")
    store(desk).documents[CLUSTER].append(f'{{"A": "{PLANTED}"')
    said = refused(desk, "list hello") + refused(desk, "set hello B=1")
    assert said.count("revision 2 of the configuration cannot be read") == 2
    assert "lifecycle config import SERVICE FILE --replace" in said
    assert PLANTED not in said
    typed(desk, "import hello - --replace", given="B=1\n")
    assert values(desk) == {"B": "1"}


def test_large_configuration_says_what_it_costs_and_a_larger_one_is_refused(desk: Desk) -> None:
    said = typed(desk, "set hello", f"A={'x' * 5000}")
    assert "5008 bytes: above 4096, AWS charges for the parameter" in said
    error = refused(desk, "set hello", f"B={'y' * 5000}")
    assert "'10015 bytes' is not a configuration that can be stored; allowed: at most 8192 bytes" in error
    assert "yyyy" not in error
    assert [each.revision for each in desk.machine.memory.configurations.recorded(CLUSTER)] == [1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["PORT=1"], "'PORT' is not a name for a configuration"),
        ([f"{PLANTED} x"], "'argument 1' is not a NAME or NAME=VALUE"),
        (["A=1", f"B C={PLANTED}"], "'argument 2' is not a NAME or NAME=VALUE"),
        ([f"={PLANTED}"], "'argument 1' is not a NAME"),
        ([f"A={PLANTED}", "A=2"], "A: given more than once"),
        ([f"A={PLANTED}", "--secret", "db"], "--secret needs exactly one NAME, without a value"),
        (["A", "B", "--secret", "db"], "--secret needs exactly one NAME"),
        (["A", "--secret", "a b"], "'a b' is not a secret"),
        (["A", "B"], "standard input has one value, but these names have none: A, B"),
    ],
)
def test_wrong_arguments_are_refused_without_a_value(desk: Desk, arguments: list[str], said: str) -> None:
    error = refused(desk, "set hello", *arguments, given=PLANTED)
    assert said in error
    assert PLANTED not in error
    assert not desk.machine.memory.audit_log.entries or "configuration" not in str(
        desk.machine.memory.audit_log.entries
    )
    assert not store(desk).documents


def test_cluster_must_exist(desk: Desk) -> None:
    assert "cluster 'staging/hello' not found" in refused(desk, "set hello A=1 -e staging")
    assert "cluster 'production/helo' not found" in refused(desk, "list helo")


def test_revisions_are_compared_by_their_names(desk: Desk) -> None:
    typed(desk, "set hello A=1 B=1")
    typed(desk, f"set hello A={PLANTED} C=1")
    typed(desk, "unset hello B")
    assert typed(desk, "diff hello") == "NAME  REVISION 2  REVISION 3\nB     (hidden)    -\n"
    assert typed(desk, "diff hello 1 2").splitlines()[1:] == [
        "A     (hidden)    (hidden)", "C     -           (hidden)",
    ]  # fmt: skip
    assert PLANTED in typed(desk, "diff hello 1 --show")
    assert typed(desk, "diff hello 3 3") == "revision 3 and revision 3 are the same\n"
    assert typed(desk, "diff hello 0 1").splitlines()[1] == "A     -           (hidden)"
    assert "configuration 'config-9' of production/hello not found" in refused(desk, "diff hello 9")
    assert "--against compares the newest revisions" in refused(desk, "diff hello 1 --against staging")


def test_history_says_who_changed_what_and_why(desk: Desk) -> None:
    typed(desk, "set hello A=1 B=2 --why", "first values")
    typed(desk, "unset hello A")
    rows = typed(desk, "history hello").splitlines()
    assert rows[0].split("  ")[0] == "REVISION"
    assert rows[1].startswith("2         ")
    assert "ada" in rows[1]
    assert rows[2].endswith("A, B     -            first values")
    facts = desk.facts("config history hello --limit 1")
    assert [each["revision"] for each in facts["revisions"]] == [2]
    assert facts["revisions"][0] | {"at": ""} == {
        "revision": 2, "at": "", "by": "ada", "why": "", "changed": ["A"], "names": ["B"], "deployment": "",
    }  # fmt: skip


def test_cluster_without_a_configuration_says_how_to_begin(desk: Desk) -> None:
    assert typed(desk, "history hello") == "production/hello has no configuration\n"
    assert typed(desk, "list hello").endswith("begin with: lifecycle config set hello NAME=VALUE\n")
    assert typed(desk, "diff hello") == "revision 0 and revision 0 are the same\n"


def test_revision_that_somebody_wrote_by_hand_is_recorded_when_it_is_listed(desk: Desk) -> None:
    typed(desk, "set hello A=1")
    store(desk).write(CLUSTER, {"A": "2", "B": "3"}, 1)
    said = typed(desk, "history hello")
    assert "revision 2 is not recorded; this records it: lifecycle config list hello" in said
    assert "its names are recorded now" in typed(desk, "list hello")
    assert "recorded now" not in typed(desk, "list hello")
    newest = desk.machine.memory.configurations.recorded(CLUSTER)[0]
    assert (newest.revision, newest.names, newest.changed) == (2, ("A", "B"), ("A", "B"))


class Meanwhile:
    """A store in which other writers act at the first writes or reads of ours."""

    def __init__(self, desk: Desk, before_write: Callable[[], object]) -> None:
        self.desk, self.before_write, self.store = desk, [before_write], store(desk)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def write(self, cluster: Cluster, values: Mapping[str, Value], expected: int) -> int:
        if self.before_write:
            self.before_write.pop()()
        return self.store.write(cluster, values, expected)


def beside(desk: Desk, act: Callable[[], object]) -> None:
    """Let something happen right before the next write of a command."""
    desk.connection = replace(desk.connection, config_store=Meanwhile(desk, act))


def test_two_writers_at_once_lose_nothing(desk: Desk) -> None:
    typed(desk, "set hello A=1 B=1")
    by_hand = store(desk)
    beside(desk, lambda: by_hand.write(CLUSTER, {"A": "1", "B": "2", "C": "theirs"}, 1))
    assert typed(desk, "set hello A=mine").startswith("revision 4 of production/hello: set A\n")
    assert values(desk) == {"A": "mine", "B": "2", "C": "theirs"}
    recorded = {each.revision: each for each in desk.machine.memory.configurations.recorded(CLUSTER)}
    assert recorded[4].names == ("A", "B", "C")
    assert recorded[3].changed == ("A", "B", "C")


def test_two_command_lines_write_one_after_the_other(desk: Desk) -> None:
    typed(desk, "set hello A=1")
    payload = {"service": "hello", "environment": "production", "names": ["A", "B"], "changed": ["B"], "by": "grace"}
    desk.functions.call("record_config", {**payload, "revision": 2})  # grace has claimed, and not written yet
    desk.at_tick(3, lambda: store(desk).write(CLUSTER, {"A": "1", "B": "theirs"}, 1))
    typed(desk, "set hello C=mine")
    assert values(desk) == {"A": "1", "B": "theirs", "C": "mine"}
    assert [each.by for each in desk.machine.memory.configurations.recorded(CLUSTER)] == ["ada", "grace", "ada"]


def test_claim_of_a_command_line_that_ended_is_taken_over(desk: Desk) -> None:
    payload = {"service": "hello", "environment": "production", "names": ["X"], "changed": ["X"], "by": "grace"}
    desk.functions.call("record_config", {**payload, "revision": 1})
    before = desk.machine.now
    typed(desk, "set hello A=1")
    assert 10 <= (desk.machine.now - before).total_seconds() <= 12
    [only] = desk.machine.memory.configurations.recorded(CLUSTER)
    assert (only.names, only.by) == (("A",), "ada")


def test_nothing_is_written_that_is_not_recorded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str, __: Mapping[str, Any]) -> Any:
        raise FunctionRefused("the function lifecycle-record-config failed")

    monkeypatch.setattr(desk.functions, "call", refuse)
    assert "lifecycle-record-config failed" in refused(desk, f"set hello A={PLANTED}")
    assert not store(desk).documents


def test_planted_value_is_nowhere_but_in_the_store(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps({"B": PLANTED, "C": f"x{PLANTED}"}))
    said = typed(desk, f"set hello A={PLANTED} --why", "new password") + typed(desk, "set hello D", given=PLANTED)
    said += typed(desk, "import hello", str(file)) + typed(desk, "list hello") + typed(desk, "unset hello A")
    said += typed(desk, "diff hello 1 3") + typed(desk, "history hello")
    said += refused(desk, "import hello -", given=f'{{"A": {PLANTED}') + refused(
        desk, "import hello -", given=PLANTED
    )
    for command in ("list hello", "diff hello 1 3", "history hello", f"set hello E={PLANTED}", "unset hello E"):
        said += json.dumps(desk.facts(f"config {command}"))
    said += desk.type("history hello --trail").stdout + desk.type("status").stdout
    memory = desk.machine.memory
    records = [to_json(each) for each in (*memory.audit_log.entries, *memory.configurations.recorded(CLUSTER))]
    assert "configuration revision 1: set A" in "".join(records)
    for each in (said, *records, str(desk.functions.calls), repr(store(desk).read(CLUSTER))):
        assert PLANTED not in each
    assert PLANTED in str(store(desk).documents)
