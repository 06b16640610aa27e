"""Failures that the build's commands lose: `sh -e` ends neither at a pipe's first command nor at the left of `&&`.

Used by `lifecycle validate` and by a build's log, which warn of them. A heuristic: it reads no here-documents.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from lifecycle.servicefile.model import BuildTable

PIPE = (
    "has a pipe: only the exit code of its last command counts, so an earlier failure is lost; write to a file "
    "instead, or use bash -o pipefail -c '...'"
)
GOES_ON = (
    "goes on after a failure: `sh -e` ends neither at the left of && nor inside sh -c without -e; put each command "
    "on a line of its own, or use sh -e -c '...'"
)

_TOKEN = re.compile(
    r"""(?P<skipped>[ \t\r]+|(?:(?<=[\s;&|()])|^)\#[^\n]*|\\\n)
    |(?P<word>(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|&>>?|[<>]+[&|]?|[^\s;&|()<>'"\\])+)
    |(?P<operator>\|\||\|&?|&&|;;&?|.)""",
    re.DOTALL | re.VERBOSE,
)
_SUBSTITUTED = re.compile(r"\$\((.*)\)|`([^`]*)`", re.DOTALL)
_SHELLS = ("sh", "bash", "dash", "ash", "ksh", "zsh")
_TESTS = ("[", "[[", "test", "set")
_CONDITIONS = ("if", "elif", "while", "until")


@dataclass
class _Shell:
    """The state of one shell, or of one group of its commands, as far as it was read."""

    errexit: bool
    pipefail: bool
    starts: bool = True  # the next word begins a command
    parts: list[str] = field(default_factory=list)  # the first words of the current list, between && and ||
    handled: bool = False  # `||`, `!` or a condition takes care of the list's failure
    lost: bool = False  # the failure of a list is lost as soon as another command follows
    of_branches: bool = False  # the same, of the other branches of an `if` or `case`
    several: bool = False  # a second list has begun
    lists: int = 0
    pattern: bool = False  # of `case`
    words: list[str] = field(default_factory=list)  # of the current command

    def end_list(self) -> None:
        left = [each for each in self.parts[:-1] if each not in _TESTS]
        self.lost |= not self.handled and bool(left if self.errexit else self.parts != ["set"] and self.parts)
        self.lists += bool(self.parts)
        self.parts, self.handled, self.starts, self.words = [], False, True, []


def lost_failures(command: str, *, errexit: bool = True, pipefail: bool = False) -> set[str]:
    """Return which of PIPE and GOES_ON a command does."""
    found, shells, closed = set[str](), [_Shell(errexit, pipefail)], False
    for match in _TOKEN.finditer(command):
        if match["skipped"]:
            continue
        read, shell = match[0], shells[-1]
        if shell.pattern and read != "esac":
            shell.pattern = read != ")"
        elif match["word"]:
            found |= _inside_word(read, shell)
            if shell.starts and read in ("{", "}"):
                closed = _opened(shells) if read == "{" else _closed(shells, ends_itself=False)
                continue
            found |= _word(read, shell)
        elif read == "(":
            _opened(shells)
        elif read == ")":
            closed = _closed(shells, ends_itself=True)
            continue
        else:
            if closed and read in ("&&", "||"):  # sh -e ignores all failures of a group that is followed by these
                found.add(GOES_ON)
            found |= _operator(read, shell)
        closed = False
    return found


def _opened(shells: list[_Shell]) -> bool:
    outer = shells[-1]
    if outer.starts:  # else it is a `$(...)` or a function's
        _begin(outer, "(")
    shells.append(_Shell(outer.errexit, outer.pipefail, lost=outer.lost))
    return False


def _closed(shells: list[_Shell], *, ends_itself: bool) -> bool:
    """Leave a group; return whether it has several commands. A subshell ends with its failure, `{ }` does not."""
    if len(shells) == 1:
        return False
    inner = shells.pop()
    inner.end_list()
    shells[-1].lost |= inner.lost and not ends_itself
    return inner.several


def _begin(shell: _Shell, word: str) -> set[str]:
    """Begin a command; return GOES_ON if the failure of an earlier list is lost by that."""
    shell.starts, shell.words = False, [word]
    shell.several |= shell.lists > 0
    shell.parts.append(word)
    return {GOES_ON} if shell.lost else set()


def _word(word: str, shell: _Shell) -> set[str]:
    if not shell.starts:
        shell.words.append(word)
        if shell.words[0] == "set":
            shell.pipefail |= _sets_pipefail(shell.words)
            shell.errexit = not _is_flag(word, "e", "+") and (shell.errexit or _is_flag(word, "e"))
        if shell.words[:2] in (["command", "-v"], ["command", "-V"]):
            shell.parts[-1] = "test"
        if shell.words[0] == "case" and word == "in":
            shell.end_list()
            shell.pattern = True
        return set()
    if word in ("then", "do", "else", "fi", "esac", "done"):
        return _keyword(word, shell)
    if word in _CONDITIONS or word == "!":
        if word == "elif":
            _keyword("else", shell)
        shell.handled = True
        return set()
    return _begin(shell, word)


def _keyword(word: str, shell: _Shell) -> set[str]:
    shell.end_list()
    shell.pattern = False
    if word == "else":
        shell.of_branches, shell.lost = shell.of_branches or shell.lost, False
    elif word in ("fi", "esac"):
        shell.lost, shell.of_branches = shell.lost or shell.of_branches, False
        shell.starts = False
    elif word == "done":
        shell.starts = False
        return {GOES_ON} if shell.lost else set()
    return set()


def _operator(operator: str, shell: _Shell) -> set[str]:
    if operator in ("|", "|&"):
        shell.starts = True
        return set() if shell.pipefail else {PIPE}
    if operator in ("&&", "||"):
        shell.starts = True
        if operator == "||":
            shell.handled, shell.lost = True, False
    elif operator.startswith(";;"):
        _keyword("else", shell)
        shell.pattern = True
    else:
        shell.handled |= operator == "&"
        shell.end_list()
    return set()


def _inside_word(word: str, shell: _Shell) -> set[str]:
    """Return what the script of `sh -c` and the commands of a quoted `$(...)` lose."""
    if not shell.starts and shell.words and _is_flag(shell.words[-1], "c"):
        named = [each.rpartition("/")[2] in _SHELLS for each in shell.words]
        if True in named and word[0] in "'\"":
            options = shell.words[named.index(True) + 1 :]
            text = re.sub(r'\\(["\\$`])', r"\1", word[1:-1]) if word[0] == '"' else word[1:-1]
            errexit = any(_is_flag(each, "e") for each in options)
            return lost_failures(text, errexit=errexit, pipefail=_sets_pipefail(options))
    found = set[str]()
    for match in _SUBSTITUTED.finditer(word) if '"' in word and word[0] != "'" else ():
        found |= lost_failures(match[1] or match[2] or "", errexit=shell.errexit, pipefail=shell.pipefail)
    return found


def _is_flag(word: str, letter: str, sign: str = "-") -> bool:
    return word.startswith(sign) and word[1:].isalpha() and letter in word


def _sets_pipefail(words: list[str]) -> bool:
    return any(_is_flag(a, "o") and b == "pipefail" for a, b in pairwise(words))


def warnings(build: BuildTable) -> Iterator[str]:
    """Yield a warning for each command of a build that loses a failure."""
    for key in ("commands", "unit_tests", "integration_tests"):
        for number, command in enumerate(getattr(build, key), start=1):
            for text in sorted(lost_failures(command)):
                yield f"build.{key} {number} {text}"
