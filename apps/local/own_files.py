"""Reads an environment's files only if nobody else can have written them, and if they name this user's servers.

Used by all that read from `.lifecycle`: the commands, the console and the Git hook. A folder above the current one,
or a repository from elsewhere, may have an environment.json that names the server of another person.
"""

import ipaddress
import json
import os
import re
import shlex
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from apps.local.errors import ForeignFile
from apps.local.socket_owners import Address, listening, read_table

_ROOT = 0
_OTHERS_WRITE, _OTHERS_USE = 0o022, 0o077
_LOOPBACK_URL = re.compile(r"http://(127(?:\.[0-9]{1,3}){3}):([0-9]{1,5})")
_URLS = ("endpoint", "elbv2_endpoint", "codebuild_endpoint")
_PORTS = ("emulator", "balancer", "builder")


def believed() -> frozenset[int]:
    """Return the users whose files are believed: this one, and for root the one who called sudo, as Git does."""
    own, invoking = os.geteuid(), os.environ.get("SUDO_UID", "")
    return frozenset((own, int(invoking)) if own == _ROOT and invoking.isdigit() else (own,))


def read_json(path: Path, default: Any, *, secret: bool = False) -> Any:
    """Return a state file's content, or `default` if the file does not exist.

    Raises ForeignFile if another user owns the file or its folder, or may write there. A `secret` file must be
    closed to other users, as `local up` writes it: Git makes no such file with a usual umask.
    """
    try:
        # A pipe in place of the file must not be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return default
    except PermissionError as error:
        raise ForeignFile(path, "a file of this user", "one that this user may not read") from error
    with os.fdopen(descriptor, encoding="utf-8") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ForeignFile(path, "a file", "something else")
        _check_owner(path, found, _OTHERS_USE if secret else _OTHERS_WRITE)
        _check_owner(path.parent, path.parent.stat(), _OTHERS_WRITE)
        return json.load(file)


def read_environment(path: Path, connections: Callable[[], str | None] = read_table) -> Any:
    """Return the content of environment.json; None if it does not exist.

    Raises ForeignFile if anything but this user's processes on loopback would be called by it.
    """
    if (known := read_json(path, None, secret=True)) is None:
        return None
    if isinstance(known, dict):
        table = connections()
        for address in _addresses(path, known):
            foreign = sorted(listening(table, address) - believed() - {_ROOT}) if table else []
            if foreign:
                host, port = address
                raise ForeignFile(path, f"a process of this user at {host}:{port}", f"one of user {foreign[0]}")
    return known


def check_folder(path: Path) -> None:
    """Raise ForeignFile if another user owns the folder."""
    _check_owner(path, path.stat(), 0)


def _addresses(path: Path, known: Mapping[str, Any]) -> Iterator[Address]:
    for name in _URLS:
        url = str(known.get(name, "http://127.0.0.1:0"))
        if not (found := _LOOPBACK_URL.fullmatch(url)):
            raise ForeignFile(path, f"{name} to be a loopback address such as http://127.0.0.1:4566", url[:80])
        yield str(ipaddress.IPv4Address(found[1])), int(found[2])
    ports = dict(known.get("ports", {}))
    yield from (("127.0.0.1", int(ports.get(name, 0))) for name in _PORTS)


def _check_owner(path: Path, found: os.stat_result, closed: int) -> None:
    if found.st_uid not in believed():
        raise ForeignFile(path, f"a file or folder of user {os.geteuid()}", f"one of user {found.st_uid}")
    if stat.S_IMODE(found.st_mode) & closed:
        raise ForeignFile(
            path,
            "it to be closed to other users",
            f"mode {stat.S_IMODE(found.st_mode):04o}",
            "" if closed == _OTHERS_USE else f"If it is yours, run: chmod go-w {shlex.quote(str(path))}",
        )
