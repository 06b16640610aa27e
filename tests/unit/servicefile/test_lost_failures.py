"""Warnings of failures that the build's commands lose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.servicefile.lost_failures import GOES_ON, PIPE, lost_failures, warnings
from lifecycle.servicefile.model import BuildTable


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
        'sh -c "pytest | tee log"',
        "docker run image bash -ec 'pytest | tee log'",
        "echo pipefail; pytest | tee log",
        "# pipefail\npytest | tee log",
        "bash -o pipefail -c 'pytest | tee log' | tail",
        'echo "$(pytest | tail)"',
        'echo "`pytest | tail`"',
        "`pytest | tail`",
        "case x in a) pytest | tee log;; esac",
        "{ pytest | tee log; }",
        "pytest 2>&1 |\ntee log",
    ],
)
def test_a_pipe_is_found(command: str) -> None:
    assert PIPE in lost_failures(command)


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
        "set -euo pipefail\npytest | tee log",
        "bash -euo pipefail -c 'pytest | tee log'",
        "python -c 'print(1 | 2)'",
        'awk "{ print $1 | \\"sort\\" }" file',
        "",
    ],
)
def test_a_command_without_a_pipe_is_not_warned_of(command: str) -> None:
    assert PIPE not in lost_failures(command)


def test_the_warning_names_the_command_and_a_way_out() -> None:
    build = BuildTable(commands=("make",), unit_tests=("true", "pytest | tee log"))
    (warning,) = warnings(build)
    assert warning.startswith("build.unit_tests 2 has a pipe")
    assert "bash -o pipefail" in warning


@pytest.mark.parametrize(
    "command",
    [
        "echo linting && false && echo tests\necho done",
        "lint && pytest; echo done",
        "cd web && npm test 2>&1 > log\necho done",
        "{ lint && pytest; }; echo done",
        "if true; then lint && pytest; fi; echo done",
        "if true; then lint && pytest; else make; fi; echo done",
        "case $A in a) lint && pytest;; b) make;; esac\necho done",
        "for each in a b; do lint && test $each; done",
        "(lint; pytest) && echo done",
        "{ lint; pytest; } || exit 1",
        "sh -c 'pytest; echo done'",
        "bash -c 'lint\npytest'",
        "set +e; pytest; echo done",
        "(lint && pytest; echo done)",
        "command lint && pytest; echo done",
        "log=$(lint) && pytest; echo done",
        "check() { lint && pytest; }; check; echo done",
    ],
)
def test_a_command_that_goes_on_after_a_failure_is_found(command: str) -> None:
    assert lost_failures(command) == {GOES_ON}


@pytest.mark.parametrize(
    "command",
    [
        "lint && pytest",
        "lint && pytest\n# the end\n",
        "make\npytest",
        "lint && pytest || exit 1; echo done",
        "[ -f .env ] && cp .env dist\nmake",
        "test -d node_modules || npm ci\nnpm test",
        "if lint && pytest; then echo done; fi; make",
        "while lint && pytest; do make; done; make",
        "if true; then lint && pytest; else make; fi",
        "case $A in a|b) lint && pytest;; c) make;; esac",
        "(lint && pytest); echo done",
        "(cd web; npm test); echo done",
        "(lint && pytest) || exit 1\nmake",
        "sh -e -c 'pytest; echo done'",
        "bash -euc 'lint\npytest'",
        "python -c 'import a; a.run()'",
        "make 2>&1; pytest &>log; echo done",
        "./serve & sleep 1; pytest",
        "echo 'a && b'; make",
        "lint &&\\\n pytest",
        "check() { lint; pytest; }; check",
        "log=$(lint; pytest); echo $log",
        "command -v npm && npm ci\nnpm test",
        "set +e\nlint && pytest",
    ],
)
def test_a_command_that_ends_at_each_failure_is_not_warned_of(command: str) -> None:
    assert lost_failures(command) == set()


def test_a_warning_of_each_kind_names_its_command() -> None:
    found = list(warnings(BuildTable(commands=("lint && pytest; ls | wc",))))
    assert [each[:28] for each in found] == ["build.commands 1 goes on aft", "build.commands 1 has a pipe:"]


PIECES = [
    "a",
    "fi",
    "if",
    "case",
    "in",
    "esac",
    "done",
    ";",
    ";;",
    "|",
    "&&",
    "||",
    "&",
    "(",
    ")",
    "{",
    "}",
    "\n",
    "sh -c",
]


@given(st.lists(st.sampled_from([*PIECES, "'", '"', "$(", "`", "#", "\\", ">", "!", "set +e"])).map(" ".join))
def test_any_text_is_read_to_its_end(command: str) -> None:
    assert lost_failures(command) <= {GOES_ON, PIPE}
