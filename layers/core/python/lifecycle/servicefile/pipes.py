"""Pipes in the build's commands: sh takes the exit code of a pipe's last command, so an earlier failure is lost.

Used by `lifecycle validate`, which warns of them: `sh -e` cannot end at such a failure.
"""

import re
from collections.abc import Iterator

from lifecycle.servicefile.model import BuildTable

_QUOTED = r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\""""
_COMMENT = r"(?:(?<=[\s;(])|^)#[^\n]*"
_WORD = re.compile(rf"{_QUOTED}|{_COMMENT}|\|\||\|&?|>\||[()]|;;?|&&|&|\n", re.DOTALL)
_PIPES = ("|", "|&")
_ENDS = (";", ";;", "&&", "||", "&", "\n")


def has_pipe(command: str) -> bool:
    """Return whether a command has a pipe outside of quotes and comments, and does not set pipefail.

    A heuristic: it reads no nested quotes and no here-documents.
    """
    if "pipefail" in command:
        return False
    depth, found = 0, False
    for match in _WORD.finditer(command):
        word = match[0]
        if word in _PIPES:
            found = True
        elif word == "(":
            depth += 1
        elif word == ")" and depth:
            depth -= 1
        elif word == ")":  # the end of a pattern of `case`, such as a|b)
            found = False
        if found and word in _ENDS:
            return True
    return found


def pipe_warnings(build: BuildTable) -> Iterator[str]:
    """Yield a warning for each command of a build that has a pipe."""
    for key in ("commands", "unit_tests", "integration_tests"):
        for number, command in enumerate(getattr(build, key), start=1):
            if has_pipe(command):
                yield (
                    f"build.{key} {number} has a pipe: only the exit code of its last command counts, so an earlier "
                    "failure is lost; write to a file instead, or use bash -o pipefail -c '...'"
                )
