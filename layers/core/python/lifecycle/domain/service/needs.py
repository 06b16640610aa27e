"""The commands that a version needs on its hosts: `run.needs` in lifecycle.toml.

An agent reports the runtimes among the commands of its host, so that a plan can name a host that lacks one. Every
other name is looked up by the agent when it prefetches the version, before its host is drained.
"""

import re
from collections.abc import Collection, Mapping

COMMAND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
MOST_NEEDS = 20
MOST_REPORTED = 200
"""The most runtimes of a report, which an agent writes every few seconds."""

# With a version behind the name, such as python3.13 and php8.
_RUNTIME = re.compile(
    r"(python|pypy|node|java|ruby|php|perl|lua|go|dotnet|deno|bun|erl|elixir|julia|uv|Rscript)-?[0-9]*(\.[0-9]+)*"
)


def is_runtime(command: str) -> bool:
    """Return whether agents report a command of this name."""
    return bool(_RUNTIME.fullmatch(command))


def lacking(needs: Collection[str], reported: Collection[str]) -> list[str]:
    """Return the runtimes among `needs` that a host does not report."""
    return [name for name in needs if is_runtime(name) and name not in reported]


def sets_path(*environments: Mapping[str, str]) -> bool:
    """Return whether a version names its own PATH, so that only the host can say which commands are there."""
    return any("PATH" in each for each in environments)
