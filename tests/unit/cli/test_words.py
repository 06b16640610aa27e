"""Formatting, messages of errors, targets, and the list of commands."""

import io
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from apps.cli.aws import LambdaFunctions, current_step
from apps.cli.connection import caller_name
from apps.cli.main import COMMANDS, command
from apps.cli.output.failures import explain
from apps.cli.output.layout import aligned
from apps.cli.output.text import ago, ahead, clean, hanging, indented, lasting, moment, one_line
from apps.cli.resolve import is_deployment, is_run, run_base
from lifecycle.domain.errors import Unknown
from lifecycle.gateways.aws.callers import session_name

NOW = datetime(2026, 11, 23, 1, 46, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (0.25, "0.2 s"),
        (12, "12 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (7200, "2 h"),
        (7500, "2 h 5 min"),
        (172_800, "2 d"),
        (601_200, "6 d 23 h"),
    ],
)
def test_durations_are_formatted_in_two_units(seconds: float, expected: str) -> None:
    assert lasting(seconds) == expected


def test_times_are_shown_in_utc() -> None:

    assert moment(NOW.astimezone(timezone(timedelta(hours=5)))) == "2026-11-23 01:46:30"
    assert moment(None) == "-"


def test_time_ahead_of_our_clock_is_shown_as_now() -> None:
    assert ago(NOW + timedelta(seconds=3), NOW) == "now"
    assert ago(NOW - timedelta(seconds=61), NOW) == "1 min 1 s ago"


def test_due_time_is_shown_with_the_time_left() -> None:
    assert ahead(NOW + timedelta(days=7, seconds=-5), NOW) == "2026-11-30 01:46 UTC (in 7 d)"
    assert ahead(NOW + timedelta(hours=19, seconds=-5), NOW) == "2026-11-23 20:46 UTC (in 19 h)"
    assert ahead(NOW + timedelta(seconds=30), NOW) == "2026-11-23 01:47 UTC (in 30 s)"
    assert ahead(NOW, NOW) == "2026-11-23 01:46 UTC (over)"


def test_names_stay_whole_when_a_line_is_wrapped() -> None:
    name = "hello-production-20261123014630-ab12"
    assert hanging(f"one two {name} three", 20, 4) == f"one two\n    {name}\n    three"


def test_phase_is_called_by_the_name_of_its_lambda() -> None:
    called: list[str] = []

    class Lambdas:
        def invoke(self, **given: str) -> dict[str, Any]:
            called.append(given["FunctionName"])
            return {"Payload": io.BytesIO(b"{}")}

    LambdaFunctions(Lambdas(), lambda command: {"Authorization": command}).call("remove_host", {})
    assert called == ["lifecycle-remove-host"]


def test_untrusted_text_cannot_control_the_terminal() -> None:
    assert clean("\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07\r\nnext\x9b") == "red bell\nnext"


def test_text_cannot_be_reversed_or_break_the_terminal() -> None:
    assert clean("release \u202e1.0.1\u2066 \ud800by \u200fada") == "release 1.0.1 by ada"
    assert one_line("a\n\tb" + "c" * 300, 10) == "a bcccccc…"
    assert indented("one\ntwo\n") == ["    | one", "    | two"]
    assert indented(" \n") == []


def test_columns_are_aligned_without_trailing_spaces() -> None:
    assert aligned(("host", "state"), [["h1", "alive"], ["host-22", "-"]]) == [
        "HOST     STATE",
        "h1       alive",
        "host-22  -",
    ]


def denied(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "StartExecution")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unknown("release", "1.0.0"), "release '1.0.0' not found"),
        (
            denied("AccessDeniedException"),
            "IAM denies Step Functions StartExecution: AccessDeniedException: no",
        ),
        (denied("ExpiredTokenException"), "the credentials have expired: log in again"),
        (denied("UnrecognizedClientException"), "AWS rejects the credentials of the profile"),
        (denied("ResourceNotFoundException"), "Lifecycle is not installed in this account and region"),
        (denied("ThrottlingException"), "AWS is throttling Step Functions StartExecution"),
        (denied("Odd"), "StartExecution failed: Odd: no"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/"), "see lifecycle local status"),
        (EndpointConnectionError(endpoint_url="https://sts.aws/"), "check the network"),
        (ProfileNotFound(profile="shop"), "aws configure list-profiles"),
        (NoRegionError(), "AWS_REGION"),
        (NoCredentialsError(), "aws sts get-caller-identity"),
        (KeyError("x"), "run it again with --debug"),
    ],
)
def test_every_error_names_a_remedy(error: Exception, expected: str) -> None:
    assert expected in explain(error)


def test_caller_name_is_the_last_part_of_the_arn() -> None:
    assert caller_name("arn:aws:iam::123456789012:user/team/alice") == "alice"
    assert caller_name("arn:aws:sts::123456789012:assumed-role/Admin/alice@example.com") == "alice@example.com"
    assert caller_name("arn:aws:iam::123456789012:root") == "root"
    assert session_name("Ada Löve") == "Ada-L-ve"
    assert len(session_name("a")) == 2


def test_deployment_and_run_names_are_recognised() -> None:
    commit = "ab" * 20
    assert is_deployment("hello-production-20261123014630-ab12")
    assert is_deployment("my-shop-staging-20261123014630-ab12r")
    assert not is_deployment("hello")
    assert is_run(f"hello-{commit}")
    assert run_base(f"hello-{commit}-2") == f"hello-{commit}"


def entered(name: str) -> dict[str, Any]:
    return {"stateEnteredEventDetails": {"name": name}}


def test_current_step_includes_the_last_known_build_phase() -> None:
    left = {"stateExitedEventDetails": {"name": "CheckBuild", "output": '{"kind": "RUNNING", "reason": "BUILD"}'}}
    assert current_step([entered("WaitForBuild"), left]) == "building: build"
    assert current_step([entered("StartBuild")]) == "building"
    assert current_step([entered("RecordSnapshot"), left]) == "recording the snapshot"
    assert current_step([]) == "starting"


GROUPS = ("config", "policy", "service")
GROUPED = [f"{group} {name}" for group in GROUPS for name in command(group).commands]


@pytest.mark.parametrize("name", [*(name for name in COMMANDS if name not in ("local", *GROUPS)), *GROUPED])
def test_every_listed_command_has_an_example(name: str) -> None:
    group, _, inner = name.partition(" ")
    found = command(group).commands[inner] if inner else command(group)
    assert found.name == (inner or name)
    assert f"lifecycle {name}" in found.help
    assert {"--json", "--debug"} <= {option for param in found.params for option in param.opts}
