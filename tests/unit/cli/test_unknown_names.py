"""Every argument that names something: an unknown name exits with 1, and the message has the known names.

The table has a row for each argument of each command. A new command fails here until it has its own.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from apps.cli.main import COMMANDS, command
from tests.unit.cli.conftest import Desk

WHY = "--why x"
HELLO_DEPLOYMENT = "hello-production-20261123000000-beef"

# (command, parameter) -> what is typed, with a name of nothing, and the known name that the message has.
TABLE: dict[tuple[str, str], tuple[str, str]] = {
    ("snapshots", "service"): ("snapshots helo", "'hello'"),
    ("promote", "service"): ("promote helo", "'hello'"),
    ("promote", "snapshot"): ("promote hello 1.0.0-20261123100000-abababa", "1.0.0-20261123100000-aaaaaaa"),
    ("releases", "service"): ("releases helo", "'hello'"),
    ("withdraw", "service"): (f"withdraw helo 1.0.0 {WHY}", "'hello'"),
    ("withdraw", "version"): (f"withdraw hello 9.9.9 {WHY}", "1.0.1"),
    ("verify", "service"): ("verify helo 1.0.0", "'hello'"),
    ("verify", "version"): ("verify hello 9.9.9", "1.0.1"),
    ("gc", "service"): ("gc helo", "'hello'"),
    ("plan", "service"): ("plan helo", "'production/hello'"),
    ("plan", "version"): ("plan hello nope", "1.0.1"),
    ("plan", "environment"): ("plan hello -e stagin", "'staging'"),
    ("deploy", "service"): ("deploy helo", "'production/hello'"),
    ("deploy", "version"): ("deploy hello 1.0.9", "1.0.1"),
    ("deploy", "environment"): ("deploy hello -e prod", "'production'"),
    ("watch", "what"): ("watch nope", "hello"),
    ("watch", "run"): ("watch --run nope", "known"),
    ("rollback", "service"): ("rollback helo", "'production/hello'"),
    ("rollback", "environment"): ("rollback hello -e prod", "'production'"),
    ("rollback", "to"): ("rollback hello --to 9.9.9", "1.0.1"),
    ("approve", "service"): (f"approve helo {WHY}", "'hello'"),
    ("approve", "deployment"): (f"approve hello --deployment {HELLO_DEPLOYMENT} {WHY}", "hello-production-"),
    ("approve", "environment"): (f"approve hello -e stagin {WHY}", "'staging'"),
    ("reject", "service"): (f"reject helo {WHY}", "'hello'"),
    ("reject", "deployment"): (f"reject hello --deployment {HELLO_DEPLOYMENT} {WHY}", "hello-production-"),
    ("reject", "environment"): (f"reject hello -e stagin {WHY}", "'staging'"),
    ("extend", "service"): (f"extend helo {WHY}", "'hello'"),
    ("extend", "deployment"): (f"extend hello --deployment {HELLO_DEPLOYMENT} {WHY}", "hello-production-"),
    ("extend", "environment"): (f"extend hello -e stagin {WHY}", "'staging'"),
    ("decide", "deployment"): (f"decide {HELLO_DEPLOYMENT} RETRY {WHY}", "hello-production-"),
    ("decide", "choice"): (f"decide hello RETRI {WHY}", "'RETRY'"),
    ("decide", "host"): (f"decide hello RETRY --host host-9 {WHY}", "host-2"),
    ("decide", "environment"): (f"decide hello RETRY -e stagin {WHY}", "'staging'"),
    ("pause", "deployment"): (f"pause helo {WHY}", "'hello'"),
    ("pause", "environment"): (f"pause hello -e staging {WHY}", "production/hello"),
    ("resume", "deployment"): (f"resume helo {WHY}", "'hello'"),
    ("resume", "environment"): (f"resume hello -e stagin {WHY}", "'staging'"),
    ("abort", "deployment"): (f"abort helo {WHY}", "'hello'"),
    ("abort", "environment"): (f"abort hello -e stagin {WHY}", "'staging'"),
    ("cancel", "what"): (f"cancel helo {WHY}", "'production/hello'"),
    ("cancel", "run"): (f"cancel --run helo {WHY}", "known"),
    ("cancel", "environment"): (f"cancel hello -e stagin {WHY}", "'staging'"),
    ("config list", "service"): ("config list helo", "'production/hello'"),
    ("config list", "environment"): ("config list hello -e stagin", "'staging'"),
    ("config set", "service"): ("config set helo A=b", "'production/hello'"),
    ("config set", "environment"): ("config set hello A=b -e stagin", "'staging'"),
    ("config unset", "service"): ("config unset helo A", "'production/hello'"),
    ("config unset", "unset"): ("config unset hello NOPE", "known"),
    ("config unset", "environment"): ("config unset hello A -e stagin", "'staging'"),
    ("config import", "service"): ("config import helo -", "'production/hello'"),
    ("config import", "environment"): ("config import hello - -e stagin", "'staging'"),
    ("config diff", "service"): ("config diff helo", "'production/hello'"),
    ("config diff", "old"): ("config diff hello 9 0", "known"),
    ("config diff", "new"): ("config diff hello 0 9", "known"),
    ("config diff", "environment"): ("config diff hello -e stagin", "'staging'"),
    ("config diff", "against"): ("config diff hello --against stagin", "'staging'"),
    ("config history", "service"): ("config history helo", "'production/hello'"),
    ("config history", "environment"): ("config history hello -e stagin", "'staging'"),
    ("status", "service"): ("status helo", "'hello'"),
    ("hosts", "service"): ("hosts helo", "'hello'"),
    ("history", "service"): ("history helo", "'hello'"),
    ("logs", "service"): ("logs helo", "'production/hello'"),
    ("logs", "environment"): ("logs hello -e stagin", "'staging'"),
    ("logs", "host"): ("logs hello --host host-9", "host-1"),
    ("converge", "service"): ("converge helo", "'hello'"),
    ("bind-host", "service"): (f"bind-host helo {WHY}", "'production/hello'"),
    ("bind-host", "environment"): (f"bind-host hello -e stagin {WHY}", "'staging'"),
    ("forget-cluster", "service"): (f"forget-cluster helo {WHY}", "'production/hello'"),
    ("forget-cluster", "environment"): (f"forget-cluster hello -e stagin {WHY}", "'staging'"),
    ("assign", "deployment"): (f"assign helo {WHY}", "'hello'"),
    ("assign", "environment"): (f"assign hello -e stagin {WHY}", "'staging'"),
    ("remove-host", "service"): (f"remove-host helo host-1 {WHY}", "'production/hello'"),
    ("remove-host", "host"): (f"remove-host hello host-9 {WHY}", "host-1"),
    ("remove-host", "environment"): (f"remove-host hello host-1 -e stagin {WHY}", "'staging'"),
    ("freeze", "scope"): (f"freeze prod {WHY}", "'production'"),
    ("unfreeze", "scope"): (f"unfreeze production/hello {WHY}", "known"),
    ("policy show", "scope"): ("policy show prod", "'production'"),
    ("policy set", "scope"): (f"policy set production/helo max_unavailable=1 {WHY}", "'production/hello'"),
    ("policy set", "settings"): (f"policy set production maxunavailable=1 {WHY}", "'max_unavailable'"),
    ("policy unset", "scope"): (f"policy unset production/helo {WHY}", "known"),
    ("policy unset", "names"): (f"policy unset production maxunavailable {WHY}", "'max_unavailable'"),
    ("quarantine", "service"): (f"quarantine helo 1.0.0 {WHY}", "'production/hello'"),
    ("quarantine", "name"): (f"quarantine hello config-77 {WHY}", "known"),
    ("quarantine", "environment"): (f"quarantine hello 1.0.0 -e stagin {WHY}", "'staging'"),
    ("unquarantine", "service"): (f"unquarantine helo 1.0.0 {WHY}", "'production/hello'"),
    ("unquarantine", "name"): (f"unquarantine hello 1.0.0 {WHY}", "known"),
    ("unquarantine", "environment"): (f"unquarantine hello 1.0.0 -e stagin {WHY}", "'staging'"),
    ("quarantined", "service"): ("quarantined helo", "'hello'"),
    ("service transfer", "service"): (f"service transfer helo --to https://example.com/a.git {WHY}", "'hello'"),
    ("service remove", "service"): (f"service remove helo {WHY}", "'hello'"),
    ("build", "again"): ("build --again nope", "known"),
    ("build", "head"): ("build --head helo", "'hello'"),
    ("build", "log"): ("build --log nope", "known"),
}
# A number, a time, a text, a file or a new name: nothing that could be unknown.
NAMES_NOTHING = {
    *("profile", "as_", "json", "debug", "yes", "watch", "why", "limit", "trail", "dry_run", "full"),
    *("keep_releases", "keep_snapshots", "older_than", "config", "even_if_quarantined", "despite_freeze"),
    *("without_rollback_target", "despite_staging", "attempt", "abort", "show", "secret", "assignments", "file"),
    *("replace", "since", "follow", "grep", "until", "lasts", "terminated", "path", "into", "help", "cdk_json"),
}
# The version of a new release, the addresses of new hosts, and the repository that gets a service.
NEW_NAMES = {("promote", "version"), ("bind-host", "places"), ("service transfer", "to")}


def leaves() -> Iterator[tuple[str, Any]]:
    """Yield every command of an environment with its name; `local` manages this machine's own."""
    for name in COMMANDS:
        if name == "local":
            continue
        found = command(name)
        inner = getattr(found, "commands", None)
        yield from ((f"{name} {each}", inner[each]) for each in inner) if inner else [(name, found)]


def test_every_argument_that_names_something_has_a_row() -> None:
    found = {(name, each.name) for name, leaf in leaves() for each in leaf.params if each.name not in NAMES_NOTHING}
    assert found - NEW_NAMES == set(TABLE)


def test_what_names_nothing_is_a_parameter_of_a_command() -> None:
    every = {each.name for _, leaf in leaves() for each in leaf.params}
    assert NAMES_NOTHING - {"help"} <= every


@pytest.mark.parametrize("row", TABLE, ids=" ".join)
def test_unknown_name_exits_with_1_and_the_known_names(desk: Desk, row: tuple[str, str]) -> None:
    typed, known = TABLE[row]
    if row == ("decide", "host"):
        desk.halted()
    done = desk.type(typed)
    assert done.exit_code == 1, (done.output, done.exception)
    [message] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert known in message, message
    assert re.search(r"not found|waits for one", message), message


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("plan hello -e stagin", "staging"), ("status helo", "hello"), ("freeze prod --why x", "production")],
)
def test_close_name_is_proposed(desk: Desk, typed: str, meant: str) -> None:
    assert f"did you mean '{meant}'?" in desk.type(typed).stderr


def test_environment_without_any_cluster_knows_nothing() -> None:
    desk = Desk()
    desk.machine.memory.registry.forget_clusters() if hasattr(
        desk.machine.memory.registry, "forget_clusters"
    ) else None
    done = desk.type("watch nope")
    assert done.exit_code == 1
    assert "service 'nope' not found" in done.stderr


def test_approval_of_another_services_deployment_is_refused(desk: Desk) -> None:
    done = desk.type(f"approve helo --deployment {desk.machine.deploy('1.0.1')} --why x")
    assert done.exit_code == 1
    assert "expected a deployment of helo" in done.stderr
