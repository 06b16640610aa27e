"""Warnings of pipes in the build's commands."""

import pytest

from lifecycle.servicefile.model import BuildTable
from lifecycle.servicefile.pipes import has_pipe, pipe_warnings


@pytest.mark.parametrize(
    "command",
    [
        "pytest | tee log",
        "curl -fsS https://example.com/install.sh | sh",
        "make |& tee log",
        "echo $(pytest|tail)",
        "make && pytest | tee log; true",
        "case $A in a|b) make | tee log;; esac",
        "(make | tee log)",
        "make # a comment\npytest | tee log",
    ],
)
def test_a_pipe_is_found(command: str) -> None:
    assert has_pipe(command)


@pytest.mark.parametrize(
    "command",
    [
        "make || exit 1",
        "grep 'a|b' file",
        'grep "a|b" file',
        r"grep a\|b file",
        "make # not pytest | tee log",
        "case $A in a|b) make;; c|d) true;; esac",
        "echo x >| file",
        "bash -o pipefail -c 'pytest | tee log'",
        "set -o pipefail; pytest | tee log",
        "",
    ],
)
def test_a_command_without_a_pipe_is_not_warned_of(command: str) -> None:
    assert not has_pipe(command)


def test_the_warning_names_the_command_and_a_way_out() -> None:
    build = BuildTable(commands=("make",), unit_tests=("true", "pytest | tee log"))
    (warning,) = pipe_warnings(build)
    assert warning.startswith("build.unit_tests 2 has a pipe")
    assert "bash -o pipefail" in warning
