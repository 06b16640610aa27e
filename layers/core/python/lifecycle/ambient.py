"""The variables and Git settings of a user that a process of Lifecycle takes over; it ignores all others.

Used wherever the command line, the laptop or a build starts a process (tests/architecture/test_ambient.py). A
person's shell may set a proxy, another AWS, another Python or a hook of Git. None may change what Lifecycle does.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping, MutableMapping
from functools import cache

# None of them names another AWS, Python, Git or proxy.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "USER", "LOGNAME", "SHELL")
# Who a person is, how Git reaches a remote repository, and which files it may read or must leave out.
_PERSONAL = ("user.name", "user.email", "safe.directory", "core.excludesfile", "core.sshcommand")
_PERSONAL_SECTIONS = ("credential.", "http.", "url.")
# Files with settings of Git that no variable above switches off.
_FIXED = (("core.attributesFile", os.devnull), ("init.defaultBranch", "main"))


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the user's variables that every process of the laptop inherits."""
    return {name: environ[name] for name in INHERITED if name in environ}


def for_python(environ: Mapping[str, str], path: str = "") -> dict[str, str]:
    """Return the variables of a Python process of Lifecycle; `path` is where it finds this project's code."""
    return {**inherited(environ), "PYTHONUTF8": "1", **({"PYTHONPATH": path} if path else {})}


def without_python(environ: Mapping[str, str]) -> dict[str, str]:
    """Return all variables but those that change a Python process: for a build, which wants the person's others."""
    return {name: value for name, value in environ.items() if not name.startswith("PYTHON")}


def close_to_tls_logs(environ: MutableMapping[str, str]) -> None:
    """Take the variable away by which Python writes TLS keys to a file, and fails where that has no folder."""
    environ.pop("SSLKEYLOGFILE", None)


def for_git(environ: Mapping[str, str], settings: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the variables with which Git reads a repository's own settings and these, but no other file of them.

    Inside a hook, GIT_DIR names the hook's own repository, so no variable of Git is inherited. Git before 2.32 reads
    the person's settings all the same.
    """
    known = [*_FIXED, *settings]
    numbered = {
        f"GIT_CONFIG_{kind}_{number}": text
        for number, pair in enumerate(known)
        for kind, text in zip(("KEY", "VALUE"), pair, strict=True)
    }
    return {
        **{name: value for name, value in environ.items() if not name.startswith("GIT_")},
        **numbered,
        "GIT_CONFIG_COUNT": str(len(known)),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def personal(listed: str) -> tuple[tuple[str, str], ...]:
    """Return the settings that Git keeps for a person, from the output of `git config --list -z`."""
    pairs = (entry.partition("\n") for entry in listed.split("\0") if entry)
    return tuple(
        (key, value if found else "true")
        for key, found, value in pairs
        if key.lower() in _PERSONAL or key.lower().startswith(_PERSONAL_SECTIONS)
    )


def git_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for one call of Git: the given ones, with the person's own settings that count."""
    return for_git(environ, _personal_settings(environ.get("HOME", ""), environ.get("XDG_CONFIG_HOME", "")))


@cache
def _personal_settings(home: str, xdg: str) -> tuple[tuple[str, str], ...]:
    """Ask Git for the settings of the system and the person; none if it cannot read them, or is not installed."""
    places = {"HOME": home, "XDG_CONFIG_HOME": xdg}
    variables = {**inherited(os.environ), **{name: value for name, value in places.items() if value}}
    try:
        # There is no repository in `/`, so that no repository's settings are among them.
        done = subprocess.run(
            ["git", "-C", "/", "config", "--includes", "--list", "-z"],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )
    except OSError:
        return ()
    return personal(done.stdout) if done.returncode == 0 else ()
